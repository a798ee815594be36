/**
 * One node asked for what looks after a cluster: any method, headers and trailers, and a proof of the cluster secret where the
 * node asks for one (src/domain/profile-proof.ts). Answers and silence are data, as in client.ts; only a server that is no
 * node ends a command at once.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dispatcher } from 'undici';
import { clusterSecretFile } from '../domain/cluster-proof.ts';
import { profileProof } from '../domain/profile-proof.ts';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { parseJson, textFieldOf } from '../formats/foreign-json.ts';
import { settingsTable } from '../settings/settings.ts';
import { finder, type Environment, type Flags } from '../settings/sources.ts';
import { requestFields } from './access.ts';
import { agentOf, clientTimeoutMs, nodeUrl, reportUnreachable, unreachable, type Unreachable } from './client.ts';
import type { Option } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, writeNotice } from './output.ts';
import { textFlag } from './parse.ts';

export interface AdminRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly path: string;
  readonly body?: Uint8Array;
}

type Fields = Readonly<Record<string, string | string[] | undefined>>;

export interface AdminAnswer {
  readonly kind: 'answered';
  readonly status: number;
  readonly headers: Fields;
  readonly body: AsyncIterable<Uint8Array> & { dump(): Promise<void> };
  /** Filled once the whole body has come. */
  readonly trailers: Fields;
}

export interface AdminClient extends AsyncDisposable {
  readonly url: string;
  request(request: AdminRequest): Promise<AdminAnswer | Unreachable>;
  /** The request with a proof of the cluster secret, which travels in no way, or without a secret with the token that is given. */
  prove(request: AdminRequest): Promise<AdminAnswer | Unreachable>;
}

/** Where a command finds the cluster secret; `secretOf` reads it. */
export const secretOption: Option = {
  flag: 'data',
  placeholder: 'DIR',
  about: `Directory of a kvorum up cluster, for its secret; else "${settingsTable.clusterSecret.environmentName}" has it`,
};

/** A client for the node that the command line or the environment names. Throws `bad-setting`. */
export async function openAdminClient(flags: Flags, environment: Environment, secret = ''): Promise<AdminClient> {
  const [url, timeoutMs] = [nodeUrl(flags, environment), clientTimeoutMs(flags)];
  const agent = await agentOf(timeoutMs);
  const send = (request: AdminRequest, headers: Readonly<Record<string, string>> = {}) =>
    ask(agent, url, request, headers);
  let topology: string | undefined;
  return {
    url,
    request: (request) => send(request, requestFields()),
    prove: async (request) => {
      if (secret === '') return send(request, requestFields());
      topology ??= await topologyOf(send);
      // Asked without its body first: only the node's challenge is wanted.
      const asked = await send({ method: request.method, path: request.path });
      if (asked.kind === 'unreachable' || asked.status !== 401) return asked;
      await asked.body.dump();
      const challenge = String(asked.headers['www-authenticate'] ?? '');
      const { method, path: target } = request;
      const authorization = profileProof(secret, challenge, { topology: topology ?? '', method, target });
      return send(request, authorization === undefined ? {} : { authorization });
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

/**
 * The cluster secret, from the environment or the directory of a cluster; empty where a token is given instead. Throws
 * `bad-setting`.
 */
export function secretOf(flags: Flags, environment: Environment): string {
  const directory = textFlag(flags, secretOption.flag);
  if (directory === undefined) {
    const given = finder({ flags: new Map(), environment })('clusterSecret');
    if (given !== undefined) return given.text;
    if (requestFields()['authorization'] !== undefined) return '';
    const { environmentName } = settingsTable.clusterSecret;
    const how = `give the directory of a kvorum up cluster with --data, set "${environmentName}", or show a token`;
    throw new KvorumError('bad-setting', `The nodes ask for a proof of the cluster secret: ${how}`);
  }
  const path = join(directory, clusterSecretFile);
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new KvorumError('bad-setting', `Cannot read cluster secret "${path}": ${messageOf(error)}`, { cause: error });
  }
}

/** What a node said where it did not do what it was asked. */
export async function refusalOf(answer: AdminAnswer): Promise<string> {
  const problem = parseJson(await textOf(answer));
  return textFieldOf(problem, 'detail') ?? textFieldOf(problem, 'title') ?? `HTTP ${answer.status}`;
}

/** Says on stderr why a node did not do what it was asked, and gives the exit code for it. */
export async function reportNotDone(answer: AdminAnswer | Unreachable, { url }: AdminClient): Promise<ExitCode> {
  if (answer.kind === 'unreachable') return reportUnreachable(answer, { url });
  writeNotice(printable(`kvorum: ${url} answered ${answer.status}: ${await refusalOf(answer)}`));
  return answer.status === 504 ? exitCodes.quorumNotMet : exitCodes.failure;
}

/** An answer's body as text; what has come of it where it breaks off. */
export async function textOf({ body }: AdminAnswer): Promise<string> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk);
  } catch {
    // The status has said what there is to say.
  }
  return Buffer.concat(chunks).toString();
}

type Send = (request: AdminRequest) => Promise<AdminAnswer | Unreachable>;

async function topologyOf(send: Send): Promise<string | undefined> {
  const answer = await send({ method: 'GET', path: '/v0/node' });
  return answer.kind === 'unreachable' ? undefined : textFieldOf(parseJson(await textOf(answer)), 'topology');
}

/** Throws `node-unreachable` where what answers is no node. */
async function ask(
  agent: Dispatcher,
  url: string,
  request: AdminRequest,
  headers: Readonly<Record<string, string>>,
): Promise<AdminAnswer | Unreachable> {
  const answer = await exchange(agent, url, request, headers);
  if (answer.kind === 'unreachable' || !isForeign(answer)) return answer;
  await answer.body.dump();
  throw new KvorumError('node-unreachable', `${url} is no Kvorum node (it answered ${answer.status})`);
}

async function exchange(
  agent: Dispatcher,
  url: string,
  { method, path, body }: AdminRequest,
  headers: Readonly<Record<string, string>>,
): Promise<AdminAnswer | Unreachable> {
  try {
    const options = { origin: url, path, method, headers, body: body ?? null };
    const { statusCode, body: answer, headers: fields, trailers } = await agent.request(options);
    return { kind: 'answered', status: statusCode, headers: fields, body: answer, trailers };
  } catch (error) {
    return unreachable(error);
  }
}

/** Of what nodes answer to these requests. */
const nodeTypes = ['application/json', 'application/problem+json', 'application/octet-stream'];

/** Whether no node says so, nor what may stand in front of one: that asks who it is, or says that it does not reach the node. */
function isForeign({ status, headers }: AdminAnswer): boolean {
  if (status === 401 || status === 403 || status >= 500) return false;
  const type = String(headers['content-type'] ?? '');
  return !nodeTypes.some((one) => type.startsWith(one));
}
