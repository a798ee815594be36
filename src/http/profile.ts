/**
 * `/v0/profile`: switches recordings of the node's threads on and off, for those who prove the cluster secret, and on a node
 * with client tokens for those whose token has the scope `admin`.
 *
 * `POST /v0/profile/start?kind=cpu|heap|gc|promises|waits[&interval=N]` begins one, `POST /v0/profile/stop` ends it and answers
 * it, `GET /v0/profile` says what is on. Each request needs a proof of its own (profile-proof.ts). A recording shows code and not keys or values, but it slows the node, so all
 * three need the secret, also `GET`. A recording is sent in pieces, as the client takes them.
 */
import { Buffer } from 'node:buffer';
import { messageOf } from '../diagnostics/errors.ts';
import { intervals, recordingKinds, type ProfilerState, type RecordingKind } from '../waits/recording.ts';
import type { Request } from './request.ts';
import { otherMethod } from './methods.ts';
import { problemResponse } from './problem.ts';
import { isProblem, parameterRefusal, splitQuery, type QueryProblem } from './query-parts.ts';
import type { BodySink, Reply, Response } from './reply.ts';
import type { SecretGuard } from './secret-guard.ts';

/** What the client port may know of the profiler. */
export interface ProfilerView {
  state(): ProfilerState;
  start(kind: RecordingKind, interval: number | undefined): Promise<boolean>;
  stop(): Promise<string[] | undefined>;
}

const START = '/v0/profile/start';
const STOP = '/v0/profile/stop';
const STATE = '/v0/profile';
export const profilePaths: readonly string[] = [START, STOP, STATE];

/** Bytes that wait for the client's socket at a time. */
const PIECE_BYTES = 64 * 1024;
const jsonFields = 'content-type: application/json\r\n';

export class ProfileHandler {
  readonly #profiler: ProfilerView;
  readonly #guard: SecretGuard;

  constructor(profiler: ProfilerView, guard: SecretGuard) {
    this.#profiler = profiler;
    this.#guard = guard;
  }

  /** Handles a request whose path is one of `profilePaths`; one that `isAdmin` needs no proof of the secret. */
  handle({ head, reply }: Request, path: string, query: string, isAdmin: boolean): void {
    const methods = path === STATE ? ['GET', 'HEAD'] : ['POST'];
    if (!methods.includes(head.method)) return reply.send(otherMethod(methods, head.method));
    const unproven = isAdmin ? undefined : this.#guard.refusal(head, performance.now());
    const refusal = unproven ?? (path === START ? undefined : parameterRefusal(query));
    if (refusal !== undefined) return reply.send(refusal);
    if (path === STATE) return reply.send(json(this.#profiler.state()));
    const done = path === START ? this.#start(reply, query) : this.#stop(reply);
    done.catch((error: unknown) => reply.send(problemResponse('failed', `The profiler failed: ${messageOf(error)}`)));
    return undefined;
  }

  async #start(reply: Reply, query: string): Promise<void> {
    const asked = parseStart(query);
    if ('problem' in asked) return reply.send(problemResponse(asked.problem, asked.detail));
    const isStarted = await this.#profiler.start(asked.kind, asked.interval);
    if (isStarted) return reply.send(json(this.#profiler.state()));
    return reply.send(problemResponse('profile-busy', 'There is a recording already; stop it first'));
  }

  async #stop(reply: Reply): Promise<void> {
    const pieces = await this.#profiler.stop();
    if (pieces !== undefined) return sendInPieces(reply, pieces);
    const { forgotten, durationMsMax } = this.#profiler.state();
    const ended = forgotten === 0 ? '' : `; one that nobody stopped ended by itself after ${durationMsMax} ms`;
    return reply.send(problemResponse('profile-off', `There is no recording${ended}`));
  }
}

interface StartQuery {
  readonly kind: RecordingKind;
  readonly interval: number | undefined;
}

function parseStart(query: string): StartQuery | QueryProblem {
  const raw = splitQuery(query, ['kind', 'interval'], () => 'bad-parameter');
  if (isProblem(raw)) return raw;
  const kind = recordingKinds.find((one) => one === raw.kind);
  if (kind === undefined) return bad(`Parameter "kind" must be one of ${recordingKinds.join(', ')}`);
  if (raw.interval === undefined) return { kind, interval: undefined };
  const bounds = intervals[kind];
  if (bounds === undefined) return bad(`Parameter "interval" means nothing for kind "${kind}"`);
  const interval = /^\d{1,10}$/.test(raw.interval) ? Number(raw.interval) : 0;
  if (interval >= bounds.min && interval <= bounds.max) return { kind, interval };
  return bad(`Parameter "interval" must be a whole number from ${bounds.min} to ${bounds.max}`);
}

function bad(detail: string): QueryProblem {
  return { problem: 'bad-parameter', detail };
}

/** Answers text that may have tens of megabytes: the next piece is made when the client's socket has taken the last. */
function sendInPieces(reply: Reply, texts: readonly string[]): void {
  const chunks = piecesOf(texts);
  const open = (sink: BodySink): void => {
    let isGone = false;
    reply.onGone = () => (isGone = true);
    const next = (): void => {
      if (isGone) return;
      const { value, done } = chunks.next();
      if (done === true) sink.end();
      else sink.write(reply.isHttp10 ? value : chunkOf(value), next);
    };
    next();
  };
  reply.send({ status: 200, fields: jsonFields, body: undefined, open });
}

function* piecesOf(texts: readonly string[]): Generator<Buffer, undefined> {
  for (const text of texts) {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
  }
}

/** One chunk of the chunked encoding (RFC 9112 section 7.1). */
function chunkOf(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

function json(state: ProfilerState): Response {
  return { status: 200, fields: jsonFields, body: Buffer.from(`${JSON.stringify(state)}\n`) };
}
