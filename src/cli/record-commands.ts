/** `kvorum get`, `put` and `del`: one key of a cluster, through any of its nodes. Values are bytes and stay bytes. */
import { Buffer, isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { parseDuration } from '../settings/kinds.ts';
import type { Flags } from '../settings/sources.ts';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { MIB } from '../domain/units.ts';
import { KvorumClientError, type Found } from '../client/client.ts';
import { openStore, quorumOf, quorumOptions, reportClientError, storeOptions } from './client.ts';
import type { Command, Invocation, Option } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, writeNotice, writeResult } from './output.ts';
import { choiceFlag, refuseFlag } from './parse.ts';

const formats = ['text', 'json'] as const;
const formatOption: Option = {
  flag: 'output',
  placeholder: formats.join('|'),
  about: 'json: what came of it, as one JSON object, failures too; default text',
};
const options: readonly Option[] = [...storeOptions, ...quorumOptions, formatOption];

/** No node takes a longer value, whatever its --value-bytes-max; what is longer is not worth reading to the end. */
const valueBytesMax = 256 * MIB;

export const getCommand: Command = {
  name: 'get',
  summary: 'Print the value of a key',
  usage: 'KEY [options]',
  details:
    'Writes the value byte for byte; only on a terminal are control characters spelled out. Exit code 3: no such key.',
  positionals: { min: 1, max: 1 },
  options,
  examples: [
    'kvorum get greeting',
    'kvorum get photo --url http://localhost:8081 > photo.jpg',
    'kvorum get greeting --ack 3 --from 3',
  ],
  run: get,
};

export const putCommand: Command = {
  name: 'put',
  summary: 'Store a value under a key',
  usage: 'KEY (VALUE | - | --file FILE) [options]',
  details:
    'The value is given as an argument, on stdin (-), or in a file. Exit code 4: the quorum was not met, outcome unknown.',
  positionals: { min: 1, max: 2 },
  options: [
    { flag: 'file', placeholder: 'FILE', about: 'File that holds the value' },
    { flag: 'ttl', placeholder: 'MS', about: 'How long the value lasts (milliseconds, or a number with ms or s)' },
    ...options,
  ],
  examples: [
    'kvorum put greeting hello',
    'date | kvorum put now -',
    'kvorum put photo --file photo.jpg --ack 3 --from 3',
    'kvorum put session 7f3a --ttl 1800s',
  ],
  run: put,
};

export const delCommand: Command = {
  name: 'del',
  summary: 'Delete a key',
  usage: 'KEY [options]',
  details: 'Deleting a key that does not exist succeeds. Exit code 4: the quorum was not met, outcome unknown.',
  positionals: { min: 1, max: 1 },
  options,
  examples: ['kvorum del greeting', 'kvorum del greeting --ack 2 --url http://localhost:8081'],
  run: del,
};

// `return await` below: connections must stay open until the command is done.

async function get({ flags, positionals: [key = ''], environment }: Invocation): Promise<ExitCode> {
  const [quorum, report] = [quorumOf(flags), reporterOf(flags, key)];
  await using store = await openStore(flags, environment);
  return await orReport(report, async () => {
    const found = await store.client.get(key, quorum);
    if (found === undefined) {
      writeNotice(printable(`kvorum: No such key "${key}"`));
      await report({ found: false });
      return exitCodes.notFound;
    }
    if (formatOf(flags) === 'json') await report({ found: true, ...jsonOf(found) });
    else await writeValue(found.value);
    return exitCodes.ok;
  });
}

async function put({ flags, positionals, environment }: Invocation): Promise<ExitCode> {
  const [key = ''] = positionals;
  const [asked, report] = [{ ...quorumOf(flags), ttlMs: ttlOf(flags) }, reporterOf(flags, key)];
  const value = await readValue(flags, positionals[1]);
  await using store = await openStore(flags, environment);
  return await orReport(report, async () => {
    await store.client.put(key, value, asked);
    await report({ stored: true, bytes: value.length });
    return exitCodes.ok;
  });
}

async function del({ flags, positionals: [key = ''], environment }: Invocation): Promise<ExitCode> {
  const [quorum, report] = [quorumOf(flags), reporterOf(flags, key)];
  await using store = await openStore(flags, environment);
  return await orReport(report, async () => {
    await store.client.del(key, quorum);
    await report({ deleted: true });
    return exitCodes.ok;
  });
}

/** Writes what came of a command for one key, where JSON is asked for. */
type Report = (outcome: Readonly<Record<string, unknown>>) => Promise<void>;

/** Throws `bad-setting`. */
function reporterOf(flags: Flags, key: string): Report {
  const isJson = formatOf(flags) === 'json';
  return async (outcome) => {
    if (isJson) await writeResult(`${JSON.stringify({ key, ...outcome })}\n`);
  };
}

function formatOf(flags: Flags): (typeof formats)[number] {
  return choiceFlag(flags, formatOption.flag, formats, 'text');
}

async function orReport(report: Report, run: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof KvorumClientError)) throw error;
    const { code, url, status, problem, reason } = error;
    await report({ error: { code, url, status, problem, reason } });
    return reportClientError(error);
  }
}

function jsonOf({ version, lastModified, expiresAt, value }: Found): Readonly<Record<string, unknown>> {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const text = isUtf8(bytes) ? { value: bytes.toString() } : { value64: bytes.toString('base64') };
  return { version, lastModified, expiresAt, ...text };
}

function ttlOf(flags: Flags): number | undefined {
  const given = flags.get('ttl');
  if (given === undefined) return undefined;
  const ttlMs = parseDuration(String(given)) ?? 0;
  return ttlMs >= 1 ? ttlMs : refuseFlag('ttl', given, 'a duration from 1ms (milliseconds, or a number with ms or s)');
}

async function readValue(flags: Flags, argument: string | undefined): Promise<Buffer> {
  const file = flags.get('file');
  if (file !== undefined && argument !== undefined) refuse('Two values: give VALUE, - or --file, not two of them');
  if (file !== undefined) return readAll(createReadStream(String(file)), String(file));
  if (argument === undefined) refuse('No value: give VALUE, - for stdin, or --file FILE');
  return argument === '-' ? readAll(process.stdin, 'stdin') : Buffer.from(argument);
}

async function readAll(source: AsyncIterable<Uint8Array>, name: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > valueBytesMax) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new KvorumError('bad-request', `Cannot read "${name}": ${messageOf(error)}`, { cause: error });
  }
  if (bytes > valueBytesMax) throw new KvorumError('bad-request', `Cannot store "${name}": it is longer than 256 MiB`);
  return Buffer.concat(chunks);
}

/** Byte for byte; on a terminal as text, with a newline at its end, so that the prompt stands on a line of its own. */
async function writeValue(value: Uint8Array): Promise<void> {
  if (!process.stdout.isTTY) return writeResult(value);
  const text = printable(new TextDecoder('utf-8', { ignoreBOM: true }).decode(value));
  return writeResult(text.endsWith('\n') ? text : `${text}\n`);
}

function refuse(message: string): never {
  throw new KvorumError('bad-setting', message);
}
