/**
 * `kvorum scan`: the records of a range in key order, as they come, in constant memory. A range that breaks off is an error,
 * never a short result.
 */
import { Buffer } from 'node:buffer';
import { KvorumClientError, type RangeEnd, type RangeOptions } from '../client/client.ts';
import { KvorumError } from '../diagnostics/errors.ts';
import type { Flags } from '../settings/sources.ts';
import { openStore, reportClientError, storeOptions } from './client.ts';
import type { Command, Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { paint, printable, writeNotice, writeResult } from './output.ts';
import { choiceFlag, countFlag } from './parse.ts';

const outputs = ['table', 'ndjson', 'raw'] as const;
type Output = (typeof outputs)[number];

/** What a row shows of a value; all of it comes with the other outputs. */
const cellCharactersMax = 100;
/** Keys longer than this push their values to the right. */
const keyWidthMax = 40;

export const scanCommand: Command = {
  name: 'scan',
  summary: 'Print a range of records in key order',
  usage: '[START [END]] [options]',
  details:
    'START is included, END is not; without START the range begins with the first key. A table shows the beginning of each ' +
    'value; ndjson gives one JSON object a line, raw each key, a line feed and the value, up to a key with a line feed. Exit ' +
    'code 4: records may be missing, since too many nodes are down.',
  positionals: { min: 0, max: 2 },
  options: [
    {
      flag: 'cluster',
      about: 'The records of all nodes, the newest of each (default: those of the node that is asked)',
    },
    { flag: 'limit', placeholder: 'N', about: 'Records at most' },
    { flag: 'keys', about: 'Keys only' },
    { flag: 'output', placeholder: outputs.join('|'), about: 'How records are written; default table' },
    ...storeOptions,
  ],
  examples: [
    'kvorum scan',
    'kvorum scan user/ user0 --cluster --limit 20',
    'kvorum scan --cluster --output ndjson > records.ndjson',
  ],
  run: scan,
};

/** Writes what came together, again and again. */
type Writer = (lines: readonly string[]) => Promise<void>;

async function scan({ flags, positionals, environment }: Invocation): Promise<ExitCode> {
  const output = choiceFlag(flags, 'output', outputs, 'table');
  const keysOnly = flags.get('keys') === true;
  const range = rangeOf(flags, positionals);
  await using store = await openStore(flags, environment);
  try {
    const write = writers[output](keysOnly);
    const { next } = await each(store.client.lines({ ...range, keysOnly }), write);
    if (next !== undefined) writeNotice(`kvorum: More follow from ${JSON.stringify(next)}`);
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof KvorumClientError) return reportClientError(error);
    throw error;
  }
}

/** An empty START is no key, and stands before all. */
function rangeOf(flags: Flags, [start = '', end]: readonly string[]): RangeOptions {
  return {
    start: start === '' ? undefined : start,
    end,
    limit: countFlag(flags, 'limit', Number.MAX_SAFE_INTEGER),
    scope: flags.get('cluster') === true ? 'cluster' : 'node',
  };
}

/** Without a stage between: `for await` hides what a generator returns. */
async function each(batches: AsyncGenerator<readonly string[], RangeEnd>, write: Writer): Promise<RangeEnd> {
  for (;;) {
    const { done, value } = await batches.next();
    if (done === true) return value;
    await write(value);
  }
}

const writers: Readonly<Record<Output, (keysOnly: boolean) => Writer>> = {
  table: tableWriter,
  ndjson: () => writeLines,
  raw: rawWriter,
};

/** Keys and values as their bytes are; on a terminal as text without control characters. */
function rawWriter(keysOnly: boolean): Writer {
  return async (lines) => {
    const rows = lines.map(parseRow);
    const bytes = Buffer.concat(rows.flatMap((row) => rawParts(row, keysOnly)));
    await writeResult(process.stdout.isTTY ? printable(bytes.toString()) : bytes);
  };
}

/** Throws `bad-request` for a key that would read as two. */
function rawParts(row: Row, keysOnly: boolean): readonly Buffer[] {
  if (row.key.includes('\n')) {
    const name = JSON.stringify(row.key);
    throw new KvorumError('bad-request', `Key ${name} has a line feed, which ends a key here; use --output ndjson`);
  }
  return keysOnly ? [Buffer.from(`${row.key}\n`)] : [Buffer.from(`${row.key}\n`), valueOf(row)];
}

function valueOf({ value, value64 }: Row): Buffer {
  return value64 === undefined ? Buffer.from(value ?? '') : Buffer.from(value64, 'base64');
}

/** JSON spells out the other control characters itself. */
async function writeLines(lines: readonly string[]): Promise<void> {
  const text = `${lines.join('\n')}\n`;
  await writeResult(process.stdout.isTTY ? text.replace(/[\x7f-\x9f]/g, escapeJson) : text);
}

function escapeJson(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

interface Row {
  readonly key: string;
  readonly value?: string;
  readonly value64?: string;
}

function parseRow(line: string): Row {
  return JSON.parse(line) as Row;
}

function tableWriter(keysOnly: boolean): Writer {
  let width = 'KEY'.length;
  let isFirst = true;
  return async (lines) => {
    const rows = lines.map(parseRow).map((row) => [cell(row.key), valueCell(row)] as const);
    // A stream has no widest key: the column grows as keys come.
    width = Math.min(keyWidthMax, Math.max(width, ...rows.map(([key]) => key.length)));
    const titles = keysOnly ? paint('bold', 'KEY') : `${paint('bold', 'KEY'.padEnd(width))}  ${paint('bold', 'VALUE')}`;
    const head = isFirst ? `${titles}\n` : '';
    isFirst = false;
    await writeResult(head + rows.map(([key, value]) => `${`${key.padEnd(width)}  ${value}`.trimEnd()}\n`).join(''));
  };
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
