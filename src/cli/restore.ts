/**
 * `kvorum restore`: has a cluster merge the records of a backup, each with the version that it has. So what is newer stays, a
 * restore can be repeated, and one that stopped goes on by being repeated.
 *
 * A file is read to its end before anything is sent. What comes by stdin cannot be; each block of it is checked before it is sent.
 */
import { setTimeout } from 'node:timers/promises';
import type { BackupCounts } from '../formats/backup.ts';
import { openAdminClient, reportNotDone, secretOf, secretOption, type AdminClient } from './admin-client.ts';
import { describeAmount, Progress, readBackup, standardStream, verifyBackup } from './backup-file.ts';
import { clientOptions, reportUnreachable } from './client.ts';
import type { Command, Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, writeNotice } from './output.ts';
import { countFlag } from './parse.ts';

export const restoreCommand: Command = {
  name: 'restore',
  summary: 'Merge a backup into a cluster',
  usage: 'FILE [options]',
  details:
    'Records keep their versions: what is newer in the cluster stays, and a restore may be repeated. A file is checked as a ' +
    'whole before anything is sent; - is stdin, which is checked as it comes. Exit code 4: the quorum was not met.',
  positionals: { min: 1, max: 1 },
  options: [
    { flag: 'skip', placeholder: 'N', about: 'Go on behind so many records, as a restore that stopped says' },
    secretOption,
    ...clientOptions,
  ],
  examples: ['kvorum restore monday.kvorum --data data', 'gunzip -c monday.kvorum.gz | kvorum restore - --data data'],
  run: restore,
};

/** How often a block is tried that finds no place, and the pause between, milliseconds. */
const TRIES_MAX = 60;
const AGAIN_MS = 500;

// `return await` below: the client must stay open until the last answer has come.

async function restore({ flags, positionals: [path = ''], environment }: Invocation): Promise<ExitCode> {
  const skip = countFlag(flags, 'skip', Number.MAX_SAFE_INTEGER) ?? 0;
  if (path !== standardStream) await verifyBackup(path);
  await using client = await openAdminClient(flags, environment, secretOf(flags, environment));
  // Who cannot be reached before anything was sent is not waited for.
  const first = await client.request({ method: 'GET', path: '/v0/node' });
  if (first.kind === 'unreachable') return reportUnreachable(first, client);
  await first.body.dump();
  const progress = new Progress('Restored');
  let [records, bytes] = [0, 0];
  let counts: BackupCounts | undefined;
  try {
    for await (const piece of readBackup(path)) {
      if (piece.kind === 'end') counts = piece.counts;
      if (piece.kind !== 'block') continue;
      const failed = records + piece.count > skip ? await send(client, piece.entries) : undefined;
      if (failed !== undefined) return failed;
      records += piece.count;
      bytes += piece.entries.length;
      progress.tell(records, bytes);
    }
  } finally {
    if (counts === undefined && records > 0) {
      writeNotice(`kvorum: ${describeAmount(records, bytes)} are restored; --skip ${records} goes on behind them`);
    }
  }
  writeNotice(printable(`kvorum: Restored ${describeAmount(records, bytes)} from ${path}`));
  return exitCodes.ok;
}

/** Has the cluster take a block; undefined where it has, else what to exit with. */
async function send(client: AdminClient, body: Buffer): Promise<ExitCode | undefined> {
  for (let tries = 1; ; tries++) {
    const answer = await client.prove({ method: 'POST', path: '/v0/restore', body });
    if (answer.kind === 'answered' && answer.status === 200) {
      await answer.body.dump();
      return undefined;
    }
    const isPassing = answer.kind === 'unreachable' || [503, 504, 507].includes(answer.status);
    if (!isPassing || tries === TRIES_MAX) return reportNotDone(answer, client);
    if (answer.kind === 'answered') await answer.body.dump();
    await setTimeout(AGAIN_MS);
  }
}
