/**
 * `kvorum scan`: the records of a range in key order, as they come, in constant memory.
 *
 * A range that breaks off is an error, never a short result: the node says so in the trailer `kvorum-error`, or the
 * connection ends within a chunk.
 */
import { Buffer } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import type { Flags } from '../settings/sources.ts';
import {
  clientOptions,
  openClient,
  reportRefusal,
  reportUnreachable,
  unreachable,
  type Answer,
  type Fields,
  type NodeClient,
} from './client.ts';
import type { Command, Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { paint, printable, writeNotice, writeResult } from './output.ts';
import { choiceFlag, countFlag } from './parse.ts';

const outputs = ['table', 'ndjson', 'raw'] as const;
type Output = (typeof outputs)[number];

const ndjson = 'application/x-ndjson';
/** What a row shows of a value; all of it comes with the other outputs. */
const cellCharactersMax = 100;
/** Keys longer than this push their values to the right. */
const keyWidthMax = 40;

export const scanCommand: Command = {
  name: 'scan',
  summary: 'Print a range of records in key order',
  usage: 'START [END] [options]',
  details:
    'START is included, END is not. A table shows the beginning of each value; ndjson gives one JSON object a line, ' +
    'raw the bytes as the node sends them, up to a key with a line feed. Exit code 4: records may be missing, since too many nodes are down.',
  positionals: { min: 1, max: 2 },
  options: [
    {
      flag: 'cluster',
      about: 'The records of all nodes, the newest of each (default: those of the node that is asked)',
    },
    { flag: 'limit', placeholder: 'N', about: 'Records at most' },
    { flag: 'keys', about: 'Keys only' },
    { flag: 'output', placeholder: outputs.join('|'), about: 'How records are written; default table' },
    ...clientOptions,
  ],
  examples: [
    'kvorum scan a',
    'kvorum scan user/ user0 --cluster --limit 20',
    'kvorum scan a --cluster --output ndjson > backup.ndjson',
  ],
  run: scan,
};

// `return await` below: the client must stay open until the answer's body is read.

async function scan({ flags, positionals, environment }: Invocation): Promise<ExitCode> {
  const output = choiceFlag(flags, 'output', outputs, 'table');
  const path = rangePath(flags, positionals);
  await using client = await openClient(flags, environment);
  const accept = output === 'raw' ? '*/*' : ndjson;
  const answer = await client.request({ method: 'GET', path, accept });
  if (answer.kind !== 'answered' || answer.status !== 200) return await reportRefusal(answer, client);
  try {
    await writers[output](answer);
  } catch (error) {
    return reportUnreachable(unreachable(error), client);
  }
  return reportEnd(answer, client);
}

function rangePath(flags: Flags, [start = '', end]: readonly string[]): string {
  const limit = countFlag(flags, 'limit', Number.MAX_SAFE_INTEGER);
  const parts = [`start=${encodeURIComponent(start)}`];
  if (end !== undefined) parts.push(`end=${encodeURIComponent(end)}`);
  if (limit !== undefined) parts.push(`limit=${limit}`);
  if (flags.get('keys') === true) parts.push('keys=1');
  if (flags.get('cluster') === true) parts.push('cluster=1');
  return `/v0/entities?${parts.join('&')}`;
}

/** What the node says after the last record: that it broke off, or that the limit cut the range. */
function reportEnd({ headers, trailers }: Answer, { url }: NodeClient): ExitCode {
  const error = fieldOf(trailers, 'kvorum-error');
  if (error !== undefined) {
    const [code = '', ...detail] = error.split('; ');
    writeNotice(printable(`kvorum: ${url} broke off, records are missing: ${detail.join('; ') || code}`));
    return code === 'not-enough-replicas' ? exitCodes.quorumNotMet : exitCodes.failure;
  }
  const next = nextStart(fieldOf(headers, 'link') ?? fieldOf(trailers, 'link'));
  if (next !== undefined) writeNotice(`kvorum: More follow from ${JSON.stringify(next)}`);
  return exitCodes.ok;
}

function fieldOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return Array.isArray(value) ? value[0] : value;
}

function nextStart(link: string | undefined): string | undefined {
  const target = /^<([^>]*)>; *rel="next"$/.exec(link ?? '')?.[1];
  return target === undefined ? undefined : (new URL(target, 'http://node').searchParams.get('start') ?? undefined);
}

const writers: Readonly<Record<Output, (answer: Answer) => Promise<void>>> = {
  table: writeTable,
  ndjson: writeLines,
  raw: writeRaw,
};

/** Bytes as they come; on a terminal as text without control characters. */
async function writeRaw({ body }: Answer): Promise<void> {
  if (!process.stdout.isTTY) return copy(body);
  const decoder = new StringDecoder();
  for await (const chunk of body) await writeResult(printable(decoder.write(Buffer.from(chunk))));
  await writeResult(`${printable(decoder.end())}\n`);
}

async function copy(body: Answer['body']): Promise<void> {
  for await (const chunk of body) await writeResult(chunk);
}

/** JSON escapes the control characters of ASCII by itself; on a terminal the others as well. */
async function writeLines({ body }: Answer): Promise<void> {
  if (!process.stdout.isTTY) return copy(body);
  for await (const lines of batchesOfLines(body)) {
    const safe = lines.map((line) => line.replace(/[\x7f-\x9f]/g, escapeJson));
    await writeResult(`${safe.join('\n')}\n`);
  }
}

function escapeJson(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

interface Row {
  readonly key: string;
  readonly value?: string;
  readonly value64?: string;
}

async function writeTable({ body }: Answer): Promise<void> {
  let width = 'KEY'.length;
  let isFirst = true;
  for await (const lines of batchesOfLines(body)) {
    const rows = lines.map((line) => JSON.parse(line) as Row).map((row) => [cell(row.key), valueCell(row)] as const);
    // A stream has no widest key: the column grows as keys come.
    width = Math.min(keyWidthMax, Math.max(width, ...rows.map(([key]) => key.length)));
    const head = isFirst ? `${paint('bold', 'KEY'.padEnd(width))}  ${paint('bold', 'VALUE')}\n` : '';
    isFirst = false;
    await writeResult(head + rows.map(([key, value]) => `${`${key.padEnd(width)}  ${value}`.trimEnd()}\n`).join(''));
  }
}

function valueCell({ value, value64 }: Row): string {
  if (value64 === undefined) return cell(value ?? '');
  // Four digits of base64 are three bytes: the beginning is all that is shown.
  const start = Buffer.from(value64.slice(0, cellCharactersMax * 4), 'base64').toString('latin1');
  return cell(start);
}

/** On one line, without control characters, and not longer than a row can be read. */
function cell(text: string): string {
  const start = text.slice(0, cellCharactersMax + 1);
  const shown = printable(start).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
  return text.length > cellCharactersMax ? `${shown.slice(0, cellCharactersMax)}...` : shown;
}

/** The whole lines of each chunk together: one promise for each line would cost more than the line. */
async function* batchesOfLines(body: Answer['body']): AsyncGenerator<string[]> {
  const decoder = new StringDecoder();
  let parts: string[] = [];
  for await (const chunk of body) {
    const text = decoder.write(Buffer.from(chunk));
    const end = text.lastIndexOf('\n');
    if (end < 0) {
      parts.push(text);
      continue;
    }
    yield (parts.join('') + text.slice(0, end)).split('\n');
    parts = [text.slice(end + 1)];
  }
}
