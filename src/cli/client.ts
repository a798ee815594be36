/**
 * The commands' HTTP client: one request to one node's client port, its answer or the reason why there is none, as
 * data. undici is loaded at the first request, so that help and settings do not pay for it.
 */
import { Buffer } from 'node:buffer';
import type { Agent, Dispatcher } from 'undici';
import type { Environment, Flags } from '../settings/sources.ts';
import { codeOf, messageOf } from '../diagnostics/errors.ts';
import { parseJson, textFieldOf } from '../formats/foreign-json.ts';
import { parseDuration } from '../settings/kinds.ts';
import type { Option } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, writeNotice } from './output.ts';
import { refuseFlag } from './parse.ts';

export interface Answer {
  readonly kind: 'answered';
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
  readonly headers: Fields;
  /** Filled once the whole body has come. */
  readonly trailers: Fields;
}

/** Header or trailer fields by their names in lower case. */
export type Fields = Readonly<Record<string, string | string[] | undefined>>;

export interface Unreachable {
  readonly kind: 'unreachable';
  readonly reason: string;
}

export interface NodeRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly body?: Uint8Array;
  readonly accept?: string;
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

export const clientOptions: readonly Option[] = [
  { flag: 'url', placeholder: 'URL', about: `Node to ask (default ${urlDefault}; ${urlEnvironmentName})` },
  {
    flag: 'timeout-ms',
    placeholder: 'MS',
    about: `Time to connect, and to wait for bytes (default ${timeoutMsDefault})`,
  },
];

/** A client for the node that the command line or the environment names. Throws `bad-setting`. */
export async function openClient(flags: Flags, environment: Environment): Promise<NodeClient> {
  return clientOf(nodeUrl(flags, environment), clientTimeoutMs(flags));
}

export async function clientOf(url: string, timeoutMs: number): Promise<NodeClient> {
  const undici = await import('undici');
  const agent = new undici.Agent({
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  return {
    url,
    request: (request) => send(agent, url, request),
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

export function nodeUrl(flags: Flags, environment: Environment): string {
  const given = String(flags.get('url') ?? (environment[urlEnvironmentName] || urlDefault));
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url !== undefined && ['http:', 'https:'].includes(url.protocol)) return url.origin;
  return refuseFlag('url', given, `a URL like ${urlDefault}`);
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

/** Says on stderr why a node did not do what it was asked, and gives the exit code for it. */
export async function reportRefusal(answer: Answer | Unreachable, client: NodeClient): Promise<ExitCode> {
  if (answer.kind === 'unreachable') return reportUnreachable(answer, client);
  const body = await readBody(answer);
  const detail = Buffer.isBuffer(body) ? problemDetail(body) : undefined;
  const what = detail ?? `HTTP ${answer.status}`;
  writeNotice(printable(`kvorum: ${client.url} answered ${answer.status}: ${what}`));
  return answer.status === 504 ? exitCodes.quorumNotMet : exitCodes.failure;
}

export function reportUnreachable({ reason }: Unreachable, { url }: Pick<NodeClient, 'url'>): ExitCode {
  writeNotice(printable(`kvorum: Cannot reach ${url}: ${reason}`));
  return exitCodes.unreachable;
}

export function unreachable(error: unknown): Unreachable {
  return { kind: 'unreachable', reason: reasonOf(error) };
}

async function send(
  agent: Agent,
  url: string,
  { method, path, body, accept = '*/*' }: NodeRequest,
): Promise<Answer | Unreachable> {
  const options: Dispatcher.RequestOptions = { origin: url, path, method, headers: { accept }, body: body ?? null };
  try {
    const { statusCode, body: answer, headers, trailers } = await agent.request(options);
    return { kind: 'answered', status: statusCode, body: answer, headers, trailers };
  } catch (error) {
    return unreachable(error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; is a node running there?',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'name lookup failed',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped half-way',
  UND_ERR_SOCKET: 'connection closed before the answer was complete',
};

/** `localhost` has two addresses, and the failure of both is an AggregateError without a text. */
function reasonOf(error: unknown): string {
  const code = codeOf(error) ?? '';
  return reasons[code] ?? (messageOf(error) || code || 'unknown reason');
}

/** The `detail` of an application/problem+json body, or its title. */
function problemDetail(body: Buffer): string | undefined {
  const problem = parseJson(body.toString());
  return textFieldOf(problem, 'detail') ?? textFieldOf(problem, 'title');
}
