/**
 * From marks to stages: where the time of one operation went, on the critical path from the request's first bytes to its
 * answer.
 *
 * The critical path of a quorum is the reply that decided it: what other replicas did meanwhile is not summed. In mode
 * `sync` replicas are asked one after another, so all that were asked up to the decision are on the path. Each stage is a
 * difference of two marks, cut at 0; what the stages do not explain stays visible as `unaccounted` (negative if they
 * explain too much).
 */
import {
  decodeRemote,
  type AskMarks,
  type BatchMarks,
  type MainMarks,
  type ReplicaMarks,
  type WorkerMarks,
} from './wait-marks.ts';

/** All stages in the order in which an operation passes them. */
export const waitStages = [
  'read',
  'body',
  'turn',
  'poolQueue',
  'toWorker',
  'coordinate',
  'ownTurn',
  'ownMerge',
  'ownWrite',
  'ownDurable',
  'ownAnswer',
  'ownLarge',
  'peerBatch',
  'peerConnection',
  'network',
  'peerReceive',
  'peerTurn',
  'peerMerge',
  'peerWrite',
  'peerDurable',
  'peerAnswer',
  'peerLarge',
  'unanswered',
  'outcome',
  'toMain',
  'answer',
  'unaccounted',
] as const;
export type WaitStage = (typeof waitStages)[number];

/** Microseconds by stage. */
export type StageTimes = Record<WaitStage, number>;

/** Whose reply decided: this node's own replica, a peer, or nobody before the deadline. */
export type Decider = 'self' | 'peer' | 'none';

/** Milliseconds that turn a thread's `performance.now()` into the machine's monotonic clock. */
export interface Origins {
  readonly mainMs: number;
  readonly workerMs: number;
}

export interface OperationTimes {
  readonly totalUs: number;
  readonly decider: Decider;
  readonly stages: StageTimes;
}

export function noTimes(): StageTimes {
  return Object.fromEntries(waitStages.map((stage) => [stage, 0])) as StageTimes;
}

/** The stages of an operation that was answered; without the worker's marks its part is unaccounted. */
export function operationTimes(main: MainMarks, worker: WorkerMarks | undefined, origins: Origins): OperationTimes {
  const stages = noTimes();
  stages.read = micros(main.arrivedAt, main.admittedAt);
  stages.body = micros(main.admittedAt, main.dispatchedAt);
  stages.turn = micros(main.dispatchedAt, main.flushedAt);
  stages.poolQueue = micros(main.flushedAt, main.postedAt);
  stages.answer = micros(main.deliveredAt, main.answeredAt);
  if (worker !== undefined) {
    stages.toWorker = micros(main.postedAt + origins.mainMs, worker.startedAt + origins.workerMs);
    stages.toMain = micros(worker.leftAt + origins.workerMs, main.deliveredAt + origins.mainMs);
    addWorker(stages, worker);
  }
  const totalUs = (main.answeredAt - main.arrivedAt) * 1000;
  const sum = waitStages.reduce((all, stage) => all + stages[stage], 0);
  stages.unaccounted = totalUs - sum;
  return { totalUs, decider: deciderOf(worker), stages };
}

/** Whether a worker's marks are of the same operation: tags come again, but never while their operation runs. */
export function belong(main: MainMarks, worker: WorkerMarks, origins: Origins): boolean {
  const startedAt = worker.startedAt + origins.workerMs;
  return main.postedAt + origins.mainMs <= startedAt && startedAt <= main.answeredAt + origins.mainMs;
}

function addWorker(stages: StageTimes, worker: WorkerMarks): void {
  let at = worker.startedAt;
  let next: WaitStage = 'coordinate';
  for (const ask of worker.path) {
    stages[next] += micros(at, ask.askedAt);
    const repliedAt = addAsk(stages, ask);
    next = repliedAt === undefined ? 'unanswered' : 'coordinate';
    at = repliedAt ?? ask.askedAt;
  }
  const isAnswered = worker.isDecided && next !== 'unanswered';
  stages[isAnswered ? 'outcome' : 'unanswered'] += micros(at, worker.leftAt);
}

/** Adds what one question took; returns when it was answered, or undefined if it was not. */
function addAsk(stages: StageTimes, ask: AskMarks): number | undefined {
  if (ask.kind === 'self') return addOwn(stages, ask.askedAt, ask.replica);
  const { batch } = ask.peer;
  if (batch === undefined || batch.repliedAt === 0) return undefined;
  stages.peerBatch += micros(ask.askedAt, batch.sentAt);
  addBatch(stages, batch);
  return batch.repliedAt;
}

function addOwn(stages: StageTimes, askedAt: number, { run, repliedAt }: ReplicaMarks): number | undefined {
  if (repliedAt === 0) return undefined;
  if (run === undefined) {
    stages.ownLarge += micros(askedAt, repliedAt);
    return repliedAt;
  }
  stages.ownTurn += micros(askedAt, run.startedAt);
  stages.ownMerge += micros(run.startedAt, run.mergedAt);
  stages.ownWrite += micros(run.mergedAt, run.writtenAt);
  stages.ownDurable += micros(run.writtenAt, run.durableAt);
  stages.ownAnswer += micros(run.durableAt, repliedAt);
  return repliedAt;
}

/** The round trip is split by what the peer tells; what it does not explain is the network's and the sockets'. */
function addBatch(stages: StageTimes, batch: BatchMarks): void {
  const headersAt = batch.headersAt === 0 ? batch.sentAt : batch.headersAt;
  stages.peerConnection += micros(batch.sentAt, headersAt);
  const roundTrip = micros(headersAt, batch.repliedAt);
  const remote = decodeRemote(batch.remote);
  if (remote === undefined) {
    stages.network += roundTrip;
    return;
  }
  const { receiveUs, turnUs, mergeUs, writeUs, durableUs, answerUs, isLarge } = remote;
  stages.peerReceive += receiveUs;
  stages.peerTurn += turnUs;
  stages.peerMerge += mergeUs;
  stages.peerWrite += writeUs;
  stages.peerDurable += durableUs;
  stages[isLarge ? 'peerLarge' : 'peerAnswer'] += answerUs;
  stages.network += Math.max(0, roundTrip - receiveUs - turnUs - mergeUs - writeUs - durableUs - answerUs);
}

function deciderOf(worker: WorkerMarks | undefined): Decider {
  return worker?.isDecided === true ? (worker.path.at(-1)?.kind ?? 'none') : 'none';
}

function micros(from: number, to: number): number {
  return Math.max(0, (to - from) * 1000);
}
