/** The lock profile of a real program, where perf can be used; and what is said where it cannot. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { perfObstacle } from '../../../profiling/capture/perf.ts';
import { futexCalls, recordLocks } from '../../../profiling/locks/record.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const program = fileURLToPath(new URL('contention.js', import.meta.url));
const skip = (await perfObstacle(futexCalls)) ?? false;

async function startContention(t: TestContext): Promise<number> {
  const path = join(temporaryDirectory(t), 'store.mdb');
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

/** A `perf` that says this and fails. */
function fakePerf(t: TestContext, says: string): NodeJS.ProcessEnv {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'perf');
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "${says}" >&2\nexit 129\n`);
  chmodSync(path, 0o755);
  return { ...process.env, PATH: `${directory}:${process.env['PATH']}` };
}

test(
  "LMDB's writer lock is found in the threads that contend for it, in a recording that is ended early",
  { skip },
  async (t) => {
    const pid = await startContention(t);
    // On a busy machine the two may run one after the other for a while, and then nobody waits.
    let recordedMs = 200;
    const { profile, lock } = await eventually(async () => {
      recordedMs *= 2;
      const end = new AbortController();
      const onRecording = (): void => void setTimeout(() => end.abort(), recordedMs);
      const recorded = await recordLocks([{ name: 'n1', pid }], {
        durationMs: 60_000,
        signal: end.signal,
        onRecording,
      });
      const found = recorded.sites.find(({ site }) => site === 'LMDB writer lock');
      assert.ok(found !== undefined && found.count > 0, JSON.stringify(recorded.sites));
      return { profile: recorded, lock: found };
    });
    assert.ok(profile.durationMs < 55_000);
    // One of the two holds it nearly always, so of the contended time nearly all is theirs.
    assert.ok(lock.share > 0.5, String(lock.share));
    const threads = lock.byThread.map(({ thread }) => thread);
    assert.ok(threads.length > 0 && threads.every((thread) => /^worker [12]$/.test(thread)), threads.join());
    assert.ok(profile.stacks[0]?.frames.includes('mdb_txn_begin'));
    assert.ok(profile.threads.every(({ process }) => process === 'n1'));
  },
);

test('a process that is not there is an error, with the reason of perf', { skip }, async () => {
  const recorded = recordLocks([{ name: 'n1', pid: 2 ** 22 + 1 }], { durationMs: 100 });
  await assert.rejects(recorded, { code: 'profile-failed', message: /^Cannot record locks with perf: \S/ });
});

test('without perf the profile says so', async () => {
  const none = { ...process.env, PATH: '/nowhere' };
  assert.equal(await perfObstacle(futexCalls, none), 'perf is not installed');
});

test('where perf may not trace, its own reason is given', async (t) => {
  const syntax = 'event syntax error: syscalls:sys_enter_futex\n  \\___ unknown tracepoint\n\nRun perf list';
  const says = (text: string): Promise<string | undefined> => perfObstacle(futexCalls, fakePerf(t, text));
  assert.equal(await says(syntax), 'unknown tracepoint');
  assert.equal(await says('Error:\nNo permission to enable the event.'), 'No permission to enable the event.');
  assert.equal(await says(''), 'perf ended with 129');
});
