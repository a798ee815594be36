/**
 * A worker's part of a wait recording: for frames with sampled operations, which replicas were asked when, and which
 * reply decided. Loaded when a recording starts.
 */
import { addStretch, noStretches, overlap } from '../../src/waits/wait-intervals.ts';
import {
  isSampled,
  replicaMarks,
  type AskMarks,
  type FrameTrace,
  type PeerMarks,
  type ReplicaMarks,
  type RunMarks,
  type WorkerMarks,
} from '../../src/waits/wait-marks.ts';
import type { WorkerRecording, WorkerWaitsOptions, WorkerWaitsRecorder } from '../../src/waits/wait-recording.ts';
import { clockOriginMs, systemThreadId, ThreadWatch } from './thread-waits.ts';

/** Runs of the replica that are kept one by one. */
const runsMax = 200_000;

/** Starts recording in the calling thread (`WorkerWaitsModule`). */
export function startWorkerWaits<Operation>(options: WorkerWaitsOptions<Operation>): WorkerWaitsRecorder<Operation> {
  return new WorkerWaits(options);
}

class WorkerWaits<Operation> implements WorkerWaitsRecorder<Operation> {
  readonly #options: WorkerWaitsOptions<Operation>;
  readonly #originMs = clockOriginMs();
  readonly #watch: ThreadWatch;
  readonly #runs = noStretches();
  readonly #done: WorkerMarks[] = [];
  #isStopped = false;

  constructor(options: WorkerWaitsOptions<Operation>) {
    this.#options = options;
    this.#watch = new ThreadWatch(options.thread);
  }

  trace(operations: readonly Operation[], startedAt: number): FrameTrace<Operation> | undefined {
    const { every, operationsMax, tagOf, isSettled, sequential } = this.#options;
    if (this.#done.length >= operationsMax) return undefined;
    const sampled = operations.filter((operation) => isSampled(tagOf(operation), every));
    if (sampled.length === 0) return undefined;
    return new Trace(sampled, { startedAt, sequential, tagOf, isSettled }, (marks) => {
      if (!this.#isStopped) this.#done.push(marks);
    });
  }

  /** The replica's hook. */
  readonly onRun = ({ startedAt, durableAt }: RunMarks): void => addStretch(this.#runs, startedAt, durableAt, runsMax);

  stop(): WorkerRecording {
    this.#isStopped = true;
    const waits = this.#watch.stop();
    const { pauses, runQueue } = this.#watch;
    const operations = this.#done.map((marks) => ({ marks, ownRunUs: this.#ownRunMs(marks) * 1000 }));
    return { originMs: this.#originMs, waits, pauses, runQueue, operations, systemThreadId: systemThreadId() };
  }

  /** How long the worker was in runs of its own replica while it waited for peers' replies on the path. */
  #ownRunMs({ path }: WorkerMarks): number {
    return path.reduce((sum, ask) => {
      const batch = ask.kind === 'peer' ? ask.peer.batch : undefined;
      return batch === undefined ? sum : sum + overlap(this.#runs, batch.sentAt, batch.repliedAt);
    }, 0);
  }
}

interface Ask<Operation> {
  readonly node: number;
  readonly operations: readonly Operation[];
  readonly marks: AskMarks;
}

interface TraceOptions<Operation> {
  readonly startedAt: number;
  readonly sequential: boolean;
  readonly tagOf: (operation: Operation) => number;
  readonly isSettled: (operation: Operation) => boolean;
}

/** One frame with sampled operations. */
class Trace<Operation> implements FrameTrace<Operation> {
  readonly #sampled: Set<Operation>;
  readonly #options: TraceOptions<Operation>;
  readonly #onLeft: (marks: WorkerMarks) => void;
  readonly #asks: Ask<Operation>[] = [];

  constructor(sampled: readonly Operation[], options: TraceOptions<Operation>, onLeft: (marks: WorkerMarks) => void) {
    this.#sampled = new Set(sampled);
    this.#options = options;
    this.#onLeft = onLeft;
  }

  askSelf(node: number, operations: readonly Operation[]): ReplicaMarks | undefined {
    if (!this.#hasSampled(operations)) return undefined;
    const askedAt = performance.now();
    const replica = replicaMarks(askedAt);
    this.#asks.push({ node, operations, marks: { kind: 'self', askedAt, replica } });
    return replica;
  }

  askPeer(node: number, operations: readonly Operation[]): PeerMarks | undefined {
    if (!this.#hasSampled(operations)) return undefined;
    const peer: PeerMarks = { batch: undefined };
    this.#asks.push({ node, operations, marks: { kind: 'peer', askedAt: performance.now(), peer } });
    return peer;
  }

  leaving(node: number | undefined): void {
    for (const operation of this.#sampled) {
      if (!this.#options.isSettled(operation)) continue;
      this.#sampled.delete(operation);
      const { startedAt, tagOf } = this.#options;
      const path = this.#pathOf(operation, node);
      this.#onLeft({
        tag: tagOf(operation),
        startedAt,
        path,
        isDecided: node !== undefined,
        leftAt: performance.now(),
      });
    }
  }

  #hasSampled(operations: readonly Operation[]): boolean {
    return operations.some((operation) => this.#sampled.has(operation));
  }

  /** What the outcome waited for: asked in turn, all so far; asked at once, the node that decided. */
  #pathOf(operation: Operation, node: number | undefined): AskMarks[] {
    const asks = this.#asks.filter(({ operations }) => operations.includes(operation));
    const path = this.#options.sequential ? asks : asks.filter((ask) => ask.node === node);
    return path.map(({ marks }) => marks);
  }
}
