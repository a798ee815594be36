/**
 * The client of a node's profiling endpoint: proves the cluster secret, switches a recording on and off, and counts the
 * requests that the node has answered.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterSecretFile } from '../../src/domain/cluster-proof.ts';
import { profileProof } from '../../src/domain/profile-proof.ts';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';
import { settingsTable } from '../../src/settings/settings.ts';
import { finder } from '../../src/settings/sources.ts';
import { recordingSchema, type ProfilerState, type Recording, type RecordingKind } from '../../src/waits/recording.ts';
import { samplesOf } from '../cluster/node-metrics.ts';
import { question, type NodeAnswer, type Question } from '../cluster/node-client.ts';

/** A node to be profiled. */
export interface ProfileTarget {
  /** What its files are called after: `n1`. */
  readonly name: string;
  /** Of the client port. */
  readonly url: string;
  readonly secret: string;
}

/** Requests answered since start, by method: `PUT`, `GET`, `DELETE`, `other`. */
export type RequestCounts = Readonly<Record<string, number>>;

/** Bound of an answer: recordings of many threads over minutes have some ten megabytes. */
const answerBytesMax = 512 * 1024 * 1024;
/** A node that is asked to stop a recording writes profiles, which under load can take seconds. */
const answerMsMax = 60_000;

/**
 * The cluster secret: from the environment, else from the directory of a cluster that `kvorum up` made. Throws
 * `bad-setting` where neither has one.
 */
export function clusterSecret(
  environment: Readonly<Record<string, string | undefined>>,
  directory: string | undefined,
): string {
  const given = finder({ flags: new Map(), environment })('clusterSecret');
  if (given !== undefined) return given.text;
  if (directory === undefined) {
    const { environmentName } = settingsTable.clusterSecret;
    throw new KvorumError('bad-setting', `Profiling needs the cluster secret: set "${environmentName}"`);
  }
  return readSecretFile(join(directory, clusterSecretFile));
}

/** The secret that a file holds. Throws `bad-setting`. */
export function readSecretFile(path: string): string {
  let secret: string;
  try {
    secret = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new KvorumError('bad-setting', `Cannot read cluster secret "${path}": ${messageOf(error)}`, { cause: error });
  }
  if (secret === '') throw new KvorumError('bad-setting', `Cannot use cluster secret "${path}": it is empty`);
  return secret;
}

export async function startRecording(
  target: ProfileTarget,
  kind: RecordingKind,
  interval?: number,
): Promise<ProfilerState> {
  const query = interval === undefined ? '' : `&interval=${interval}`;
  return parse(await profileAnswer(target, 'POST', `/v0/profile/start?kind=${kind}${query}`), target) as ProfilerState;
}

export async function stopRecording(target: ProfileTarget): Promise<Recording> {
  const recording = parse(await profileAnswer(target, 'POST', '/v0/profile/stop'), target) as Partial<Recording>;
  if (recording.schema === recordingSchema) return recording as Recording;
  throw failed(target, `it answers a recording of schema "${recording.schema}", known is "${recordingSchema}"`);
}

export async function profilerState(target: ProfileTarget): Promise<ProfilerState> {
  return parse(await profileAnswer(target, 'GET', '/v0/profile'), target) as ProfilerState;
}

/** Entity requests that the node has answered since its start, from `/metrics`. */
export async function requestCounts(target: ProfileTarget): Promise<RequestCounts> {
  const { status, body } = await ask(target, '/metrics');
  if (status !== 200) throw failed(target, `"/metrics" answers ${status}`);
  const counts: Record<string, number> = {};
  for (const { labels, value } of samplesOf(body).get('kvorum_http_request_seconds_count') ?? []) {
    const method = labels['method'] ?? '';
    counts[method] = (counts[method] ?? 0) + value;
  }
  return counts;
}

/** The request, with the proof that the node asks for; throws `KvorumError` with what the node said where it refuses. */
async function profileAnswer(target: ProfileTarget, method: string, path: string): Promise<string> {
  const description = parse((await ask(target, '/v0/node')).body, target);
  const topology = textFieldOf(description, 'topology');
  if (topology === undefined) throw failed(target, '"/v0/node" does not describe a node');
  // The secret is what lets a profile in, whatever the token of this process may do.
  const asked = await ask(target, path, { method, isAnonymous: true });
  const challenge = asked.headers['www-authenticate'] ?? '';
  const authorization = profileProof(target.secret, challenge, { topology, method, target: path });
  const isAskedForProof = asked.status === 401 && authorization !== undefined;
  const { status, body } = isAskedForProof ? await ask(target, path, { method, headers: { authorization } }) : asked;
  if (status === 200) return body;
  throw failed(target, `it answers ${status}: ${detailOf(body)}`);
}

async function ask(
  target: ProfileTarget,
  path: string,
  options: Pick<Question, 'method' | 'headers' | 'isAnonymous'> = {},
): Promise<NodeAnswer> {
  try {
    return await question(target.url, path, { ...options, timeoutMs: answerMsMax, bytesMax: answerBytesMax });
  } catch (error) {
    throw failed(target, messageOf(error), error);
  }
}

function parse(body: string, target: ProfileTarget): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw failed(target, `its answer is no JSON: ${messageOf(error)}`, error);
  }
}

function detailOf(body: string): string {
  const text = body.trim();
  return textFieldOf(parseJson(text), 'detail') ?? text.slice(0, 200);
}

function failed({ url }: ProfileTarget, reason: string, cause?: unknown): KvorumError {
  return new KvorumError('profile-failed', `Cannot profile "${url}": ${reason}`, { cause });
}
