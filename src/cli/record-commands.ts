/** `kvorum get`, `put` and `del`: one key of a cluster, through any of its nodes. Values are bytes and stay bytes. */
import { Buffer } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { parseDuration } from '../settings/kinds.ts';
import type { Flags } from '../settings/sources.ts';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { nodesMax } from '../domain/topology.ts';
import { MIB } from '../domain/units.ts';
import {
  clientOptions,
  openClient,
  reportRefusal,
  reportUnreachable,
  unreachable,
  type Answer,
  type NodeClient,
} from './client.ts';
import type { Command, Invocation, Option } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, writeNotice, writeResult } from './output.ts';
import { countFlag, refuseFlag } from './parse.ts';

const quorumOptions: readonly Option[] = [
  { flag: 'ack', placeholder: 'N', about: 'Replicas that must answer (default: most of --from)' },
  { flag: 'from', placeholder: 'N', about: 'Replicas that are asked (default: as the cluster is set)' },
];

/** No node takes a longer value, whatever its --value-bytes-max; what is longer is not worth reading to the end. */
const valueBytesMax = 256 * MIB;

export const getCommand: Command = {
  name: 'get',
  summary: 'Print the value of a key',
  usage: 'KEY [options]',
  details:
    'Writes the value byte for byte; only on a terminal are control characters spelled out. Exit code 3: no such key.',
  positionals: { min: 1, max: 1 },
  options: [...clientOptions, ...quorumOptions],
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
    ...clientOptions,
    ...quorumOptions,
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
  options: [...clientOptions, ...quorumOptions],
  examples: ['kvorum del greeting', 'kvorum del greeting --ack 2 --url http://localhost:8081'],
  run: del,
};

// `return await` below: the client must stay open until the answer's body is read.

async function get({ flags, positionals: [key = ''], environment }: Invocation): Promise<ExitCode> {
  const path = entityPath(key, flags);
  await using client = await openClient(flags, environment);
  const answer = await client.request({ method: 'GET', path });
  if (answer.kind === 'answered' && answer.status === 200) return await printValue(answer, client);
  if (answer.kind === 'answered' && answer.status === 404) {
    writeNotice(printable(`kvorum: No such key "${key}"`));
    return exitCodes.notFound;
  }
  return await reportRefusal(answer, client);
}

async function put({ flags, positionals, environment }: Invocation): Promise<ExitCode> {
  const [key = ''] = positionals;
  const path = entityPath(key, flags) + ttlOf(flags);
  const body = await readValue(flags, positionals[1]);
  await using client = await openClient(flags, environment);
  const answer = await client.request({ method: 'PUT', path, body });
  return answer.kind === 'answered' && answer.status === 201 ? exitCodes.ok : await reportRefusal(answer, client);
}

async function del({ flags, positionals: [key = ''], environment }: Invocation): Promise<ExitCode> {
  const path = entityPath(key, flags);
  await using client = await openClient(flags, environment);
  const answer = await client.request({ method: 'DELETE', path });
  return answer.kind === 'answered' && answer.status === 202 ? exitCodes.ok : await reportRefusal(answer, client);
}

function entityPath(key: string, flags: Flags): string {
  const ack = countFlag(flags, 'ack', nodesMax);
  const from = countFlag(flags, 'from', nodesMax);
  const quorum = (ack === undefined ? '' : `&ack=${ack}`) + (from === undefined ? '' : `&from=${from}`);
  return `/v0/entity?id=${encodeURIComponent(key)}${quorum}`;
}

function ttlOf(flags: Flags): string {
  const given = flags.get('ttl');
  if (given === undefined) return '';
  const ttlMs = parseDuration(String(given)) ?? 0;
  return ttlMs >= 1
    ? `&ttl=${ttlMs}`
    : refuseFlag('ttl', given, 'a duration from 1ms (milliseconds, or a number with ms or s)');
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

async function printValue(answer: Answer, client: NodeClient): Promise<ExitCode> {
  try {
    await (process.stdout.isTTY ? showOnTerminal(answer) : copyBytes(answer));
  } catch (error) {
    return reportUnreachable(unreachable(error), client);
  }
  return exitCodes.ok;
}

async function copyBytes({ body }: Answer): Promise<void> {
  for await (const chunk of body) await writeResult(chunk);
}

/** As text, and with a newline at its end, so that the prompt that follows stands on a line of its own. */
async function showOnTerminal({ body }: Answer): Promise<void> {
  const decoder = new StringDecoder();
  let last = '';
  for await (const chunk of body) {
    const text = printable(decoder.write(Buffer.from(chunk)));
    if (text !== '') last = text;
    await writeResult(text);
  }
  const rest = printable(decoder.end());
  await writeResult((rest || last).endsWith('\n') ? rest : `${rest}\n`);
}

function refuse(message: string): never {
  throw new KvorumError('bad-setting', message);
}
