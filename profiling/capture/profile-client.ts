/**
 * The client of a node's profiling endpoint: proves the cluster secret, switches a recording on and off, and counts the
 * requests that the node has answered.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { clusterSecretFile, profileProof } from '../../src/domain/cluster-proof.ts';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';
import { settingsTable } from '../../src/settings/settings.ts';
import { finder } from '../../src/settings/sources.ts';
import { recordingSchema, type ProfilerState, type Recording, type RecordingKind } from '../../src/waits/recording.ts';
import { parsePrometheus, type ParsedFamily } from '../cluster/prometheus-text.ts';

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
const ANSWER_BYTES_MAX = 512 * 1024 * 1024;
/** A node that is asked to stop a recording writes profiles, which under load can take seconds. */
const ANSWER_MS_MAX = 60_000;

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
  const { status, body } = await ask(target, 'GET', '/metrics', {});
  if (status !== 200) throw failed(target, `"/metrics" answers ${status}`);
  const family = 'kvorum_http_request_seconds';
  const samples = metricsOf(body, target).get(family)?.samples ?? [];
  const counts: Record<string, number> = {};
  for (const { name, labels, value } of samples) {
    const method = labels['method'] ?? '';
    if (name === `${family}_count`) counts[method] = (counts[method] ?? 0) + value;
  }
  return counts;
}

function metricsOf(body: Buffer, target: ProfileTarget): ReadonlyMap<string, ParsedFamily> {
  try {
    return parsePrometheus(body.toString('utf8'));
  } catch (error) {
    throw failed(target, `"/metrics" cannot be read: ${messageOf(error)}`, error);
  }
}

/** The request, with the proof; throws `KvorumError` with what the node said where it refuses. */
async function profileAnswer(target: ProfileTarget, method: string, path: string): Promise<Buffer> {
  const description = parse((await ask(target, 'GET', '/v0/node', {})).body, target);
  const topology = textFieldOf(description, 'topology');
  if (topology === undefined) throw failed(target, '"/v0/node" does not describe a node');
  const authorization = profileProof(target.secret, topology);
  const { status, body } = await ask(target, method, path, { authorization });
  if (status === 200) return body;
  throw failed(target, `it answers ${status}: ${detailOf(body)}`);
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

function ask(
  target: ProfileTarget,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(failed(target, error.message, error));
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const sent = request(new URL(path, target.url), { method, headers, agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > ANSWER_BYTES_MAX)
          response.destroy(new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`));
      });
      response.on('error', fail);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
    });
    sent.on('error', fail);
    sent.end();
  });
}

function parse(body: Buffer, target: ProfileTarget): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw failed(target, `its answer is no JSON: ${messageOf(error)}`, error);
  }
}

function detailOf(body: Buffer): string {
  const text = body.toString('utf8').trim();
  return textFieldOf(parseJson(text), 'detail') ?? text.slice(0, 200);
}

function failed({ url }: ProfileTarget, reason: string, cause?: unknown): KvorumError {
  return new KvorumError('profile-failed', `Cannot profile "${url}": ${reason}`, { cause });
}
