/** `kvorum inspect`: what each replica of a key holds, who lacks the newest version, and why a silent one is silent. */
import { fieldOf, listFieldOf, numberFieldOf, parseJson, textFieldOf } from '../formats/foreign-json.ts';
import type { Flags } from '../settings/sources.ts';
import { nodesMax } from '../domain/topology.ts';
import { openAdminClient, reportNotDone, textOf } from './admin-client.ts';
import { clientOptions } from './client.ts';
import { outputOption, type Command, type Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, renderTable, writeResult } from './output.ts';
import { countFlag, outputFormat } from './parse.ts';
import { sizeCell } from './status-section.ts';

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'Show what each replica of a key holds',
  usage: 'KEY [options]',
  details:
    'Each replica reads and checks all of its record; no value is sent. Exit code 0 if all hold the same, 3 if none has the ' +
    'key, 1 otherwise: some lack the newest version, hold a damaged one, or do not answer.',
  positionals: { min: 1, max: 1 },
  options: [
    { flag: 'repair', about: 'Write the newest version to those that lack it, then look' },
    { flag: 'from', placeholder: 'N', about: 'Replicas that are asked (default: as the cluster is set)' },
    ...clientOptions,
    outputOption,
  ],
  examples: ['kvorum inspect greeting', 'kvorum inspect greeting --repair', 'kvorum inspect greeting --output json'],
  run: inspect,
};

// `return await` below: the client must stay open until the answer's body is read.

async function inspect({ flags, positionals: [key = ''], environment }: Invocation): Promise<ExitCode> {
  const format = outputFormat(flags);
  const request = { method: flags.get('repair') === true ? 'POST' : 'GET', path: inspectPath(key, flags) } as const;
  await using client = await openAdminClient(flags, environment);
  const answer = await client.request(request);
  if (answer.kind !== 'answered' || answer.status !== 200) return await reportNotDone(answer, client);
  const text = await textOf(answer);
  const found = parseJson(text);
  await writeResult(format === 'json' ? text : describe(key, found));
  return exitCodeOf(found);
}

function inspectPath(key: string, flags: Flags): string {
  const from = countFlag(flags, 'from', nodesMax);
  return `/v0/inspect?id=${encodeURIComponent(key)}${from === undefined ? '' : `&from=${from}`}`;
}

function exitCodeOf(found: unknown): ExitCode {
  const replicas = listFieldOf(found, 'replicas');
  const isWell = replicas.every((one) => fieldOf(one, 'lacksNewest') === false && fieldOf(one, 'isVote') === true);
  if (!isWell || replicas.length === 0) return exitCodes.failure;
  return fieldOf(found, 'newest') === null ? exitCodes.notFound : exitCodes.ok;
}

/** At most 80 columns, with a URL such as http://127.0.0.1:8080. */
function describe(key: string, found: unknown): string {
  const replicas = listFieldOf(found, 'replicas');
  const newest = fieldOf(found, 'newest');
  const table = renderTable({
    head: ['REPLICA', 'HOLDS', 'SIZE', 'VERSION', 'STAMPED (UTC)'],
    rows: replicas.map((one) => [
      textOr(one, 'url'),
      textOr(one, 'holds'),
      sizeCell(fieldOf(one, 'bytes')),
      String(numberFieldOf(one, 'version') ?? '-'),
      timeCell(textFieldOf(one, 'time')),
    ]),
  });
  const lines = replicas.flatMap((one) => notes(one).map((note) => `${textOr(one, 'url')} ${note}`));
  const what = newest === null ? 'no replica that answers has it' : `newest ${textOr(newest, 'version')}`;
  const by = newest === null ? '' : ` of ${textOr(newest, 'time')}, stamped by ${textOr(newest, 'stampedBy')}`;
  return printable(`${key}: ${what}${by}\n\n`) + table + printable(lines.map((line) => `${line}\n`).join(''));
}

/** What is to be said of a replica besides its row. */
function notes(replica: unknown): string[] {
  const lines: string[] = [];
  if (fieldOf(replica, 'repaired') === true) lines.push('took the newest version now');
  const expires = textFieldOf(replica, 'expires');
  if (expires !== undefined)
    lines.push(`${fieldOf(replica, 'isExpired') === true ? 'expired' : 'expires'} at ${expires}`);
  const detail = textFieldOf(replica, 'detail');
  if (detail !== undefined) lines.push(detail);
  else if (fieldOf(replica, 'lacksNewest') === true) lines.push('lacks the newest version; --repair writes it there');
  return lines;
}

function textOr(value: unknown, name: string): string {
  const field = fieldOf(value, name);
  return typeof field === 'string' || typeof field === 'number' ? String(field) : '-';
}

/** `2026-11-28 17:49:07`, without what a table has no room for. */
function timeCell(time: string | undefined): string {
  return time === undefined ? '-' : time.slice(0, 19).replace('T', ' ');
}
