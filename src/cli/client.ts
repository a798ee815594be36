/**
 * How commands ask nodes: for keys and ranges by the typed client of `src/client/`, for what one node says of itself by one
 * request and its answer, or the reason why there is none, as data. undici is loaded at the first request, so that help and
 * settings do not pay for it.
 */
import { Buffer } from 'node:buffer';
import type { Agent, Dispatcher } from 'undici';
import type { Environment, Flags } from '../settings/sources.ts';
import { connect, type KvorumClient, type KvorumClientError, type ReadOptions } from '../client/client.ts';
import { reasonOf } from '../client/reasons.ts';
import { nodesMax } from '../domain/topology.ts';
import { parseDuration } from '../settings/kinds.ts';
import { accessOptions, connectOptions, requestFields } from './access.ts';
import type { Option } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, writeNotice } from './output.ts';
import { countFlag, refuseFlag } from './parse.ts';

export interface Answer {
  readonly kind: 'answered';
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Unreachable {
  readonly kind: 'unreachable';
  readonly reason: string;
}

export interface NodeRequest {
  readonly method: 'GET';
  /** Path and query. */
  readonly path: string;
}

/** One node to talk to. */
export interface NodeClient extends AsyncDisposable {
  readonly url: string;
  request(request: NodeRequest): Promise<Answer | Unreachable>;
}

export const urlEnvironmentName = 'KVORUM_URL';
const urlDefault = 'http://localhost:8080';
/** A node answers within its own --timeout-ms; this is for the network and for nodes that hang. */
const timeoutMsDefault = 10_000;

export const urlOption: Option = {
  flag: 'url',
  alias: 'target',
  placeholder: 'URL',
  about: `Node to ask (default ${urlDefault}; ${urlEnvironmentName}); also --target`,
};

export const clientOptions: readonly Option[] = [
  urlOption,
  {
    flag: 'timeout-ms',
    placeholder: 'MS',
    about: `Time to connect, and to wait for bytes (default ${timeoutMsDefault})`,
  },
  ...accessOptions,
];

/** Those of commands that any node can do: each that is named is asked until one has done it. */
export const storeOptions: readonly Option[] = [
  {
    ...urlOption,
    placeholder: 'URL,...',
    about: `Nodes to ask, the next one if one does not do it (default ${urlDefault}; ${urlEnvironmentName}); also --target`,
  },
  ...clientOptions.slice(1),
];

export const quorumOptions: readonly Option[] = [
  { flag: 'ack', placeholder: 'N', about: 'Replicas that must answer (default: most of --from)' },
  { flag: 'from', placeholder: 'N', about: 'Replicas that are asked (default: as the cluster is set)' },
];

/** The typed client, and the connections under it. */
export interface Store extends AsyncDisposable {
  readonly client: KvorumClient;
}

/** The typed client of the nodes that the command line or the environment names. Throws `bad-setting`. */
export async function openStore(flags: Flags, environment: Environment): Promise<Store> {
  const urls = nodeUrls(flags, environment);
  const timeoutMs = clientTimeoutMs(flags);
  const { fetch } = await import('undici');
  const agent = await agentOf(timeoutMs);
  const client = connect(urls, {
    timeoutMs,
    // A person sees at once what is wrong, and can say it again.
    roundsMax: 1,
    headers: requestFields(),
    fetch: (url, init) => fetch(url, { ...init, dispatcher: agent }),
  });
  return { client, [Symbol.asyncDispose]: () => agent.destroy() };
}

/** What `quorumOptions` say. Throws `bad-setting`. */
export function quorumOf(flags: Flags): Pick<ReadOptions, 'ack' | 'from'> {
  return { ack: countFlag(flags, 'ack', nodesMax), from: countFlag(flags, 'from', nodesMax) };
}

/** A client for one node. */
export async function clientOf(url: string, timeoutMs: number): Promise<NodeClient> {
  const agent = await agentOf(timeoutMs);
  return {
    url,
    request: (request) => send(agent, url, request),
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

/** The connections of a command: the one place where it says how it connects. */
export async function agentOf(timeoutMs: number): Promise<Agent> {
  const undici = await import('undici');
  return new undici.Agent({
    connect: connectOptions(timeoutMs),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
}

/** The one node that is named. Throws `bad-setting`. */
export function nodeUrl(flags: Flags, environment: Environment): string {
  const given = givenUrl(flags, environment);
  return originOf(given) ?? refuseFlag('url', given, `a URL like ${urlDefault}`);
}

/** All nodes that are named. Throws `bad-setting`. */
export function nodeUrls(flags: Flags, environment: Environment): readonly string[] {
  const given = givenUrl(flags, environment);
  return given.split(',').map((one) => originOf(one) ?? refuseFlag('url', given, `a URL like ${urlDefault}`));
}

function givenUrl(flags: Flags, environment: Environment): string {
  return String(flags.get('url') ?? (environment[urlEnvironmentName] || urlDefault));
}

function originOf(given: string): string | undefined {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  return url !== undefined && ['http:', 'https:'].includes(url.protocol) ? url.origin : undefined;
}

export function clientTimeoutMs(flags: Flags): number {
  const given = flags.get('timeout-ms');
  if (given === undefined) return timeoutMsDefault;
  const timeoutMs = parseDuration(String(given));
  if (timeoutMs !== undefined && timeoutMs > 0) return timeoutMs;
  return refuseFlag('timeout-ms', given, 'a duration like 500, 500ms or 2s');
}

/** All bytes of an answer, or why they did not all come. */
export async function readBody(answer: Answer): Promise<Buffer | Unreachable> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of answer.body) chunks.push(chunk);
  } catch (error) {
    return unreachable(error);
  }
  return Buffer.concat(chunks);
}

/** Says on stderr why the nodes did not do what they were asked, and gives the exit code for it. */
export function reportClientError({ code, url, status, reason }: KvorumClientError): ExitCode {
  if (code === 'not-a-node') {
    writeNotice(printable(`kvorum: ${url} is no Kvorum node (it answered ${status})`));
    return exitCodes.unreachable;
  }
  if (status === undefined) {
    const unknown = code === 'outcome-unknown' ? '; outcome unknown: the write may still take effect' : '';
    writeNotice(printable(`kvorum: Cannot reach ${url}: ${reason}${unknown}`));
    return exitCodes.unreachable;
  }
  const said = status === 200 ? '' : ` answered ${status}:`;
  writeNotice(printable(`kvorum: ${url}${said} ${reason}`));
  return status === 504 || code === 'quorum-not-met' ? exitCodes.quorumNotMet : exitCodes.failure;
}

export function reportUnreachable({ reason }: Unreachable, { url }: Pick<NodeClient, 'url'>): ExitCode {
  writeNotice(printable(`kvorum: Cannot reach ${url}: ${reason}`));
  return exitCodes.unreachable;
}

export function unreachable(error: unknown): Unreachable {
  return { kind: 'unreachable', reason: reasonOf(error) };
}

async function send(agent: Agent, url: string, { method, path }: NodeRequest): Promise<Answer | Unreachable> {
  const headers = { accept: '*/*', ...requestFields() };
  const options: Dispatcher.RequestOptions = { origin: url, path, method, headers };
  try {
    const { statusCode, body } = await agent.request(options);
    return { kind: 'answered', status: statusCode, body };
  } catch (error) {
    return unreachable(error);
  }
}
