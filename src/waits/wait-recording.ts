/**
 * What a node hands over when a recording of waits ends, and how its parts come together: the main thread's and the
 * workers' marks of the same operations, and what each thread says of itself.
 */
import type { CoordinatorWaits, DispatchWaits, MainMarks, OnRun, WaitOptions, WorkerMarks } from './wait-marks.ts';
import { growthBetween, overlap, type Growth, type Stretches } from './wait-intervals.ts';
import { belong, operationTimes, waitStages, type Decider, type WaitStage } from './wait-stages.ts';

export const waitRecordingSchema = 'kvorum-wait-recording/1';

export interface WaitRecording {
  readonly schema: typeof waitRecordingSchema;
  /** The node's base URL. */
  readonly url: string;
  readonly mode: string;
  readonly durability: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** One operation in so many was sampled. */
  readonly every: number;
  /** What the numbers of `stagesUs` are, in order. */
  readonly stages: readonly WaitStage[];
  readonly operations: readonly RecordedOperation[];
  /** Sampled, and not kept since there were too many. */
  readonly skipped: number;
  /** Sampled, and not answered before the end. */
  readonly unfinished: number;
  readonly threads: readonly ThreadWaits[];
}

export interface RecordedOperation {
  readonly method: string;
  readonly decider: Decider;
  readonly totalUs: number;
  readonly stagesUs: readonly number[];
  /** Pauses of the garbage collector in the thread that had the operation at that time. Part of the stages, not beside them. */
  readonly gcUs: number;
  /** That thread was ready to run and had no core. Also part of the stages; assumed to be even over 20 ms. */
  readonly runQueueUs: number;
  /** While a peer's reply was waited for, this worker was in runs of its own replica. Part of `network` and its like. */
  readonly ownRunUs: number;
}

/** What one thread says of the time of the recording. Null if the system does not tell. */
export interface ThreadWaits {
  /** `main`, `worker 1`, ... or `native` for all threads without JavaScript together. */
  readonly thread: string;
  /** How late the event loop was, of ticks asked for every `resolutionMs`; null for `native`. */
  readonly loopDelay: LoopDelay | null;
  readonly cpuUs: number | null;
  /** Ready to run, and waiting for a core. */
  readonly runQueueUs: number | null;
  readonly timeslices: number | null;
  readonly gc: readonly GcPauses[];
}

export interface LoopDelay {
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** The histogram: percentile (0 to 100) and lateness, rising. */
  readonly percentiles: readonly (readonly [number, number])[];
  readonly resolutionMs: number;
}

export interface GcPauses {
  readonly kind: 'scavenge' | 'mark-sweep' | 'incremental' | 'weak-callbacks' | 'other';
  readonly count: number;
  readonly totalUs: number;
  readonly maxUs: number;
}

/** A thread's own part of a recording. */
interface ThreadPart {
  /** What its `performance.now()` lacks to the machine's monotonic clock, milliseconds. */
  readonly originMs: number;
  readonly waits: ThreadWaits;
  /** Of the garbage collector, by the thread's clock. */
  readonly pauses: Stretches;
  /** Milliseconds without a core, by the thread's clock. */
  readonly runQueue: Growth;
}

export interface MainRecording extends ThreadPart {
  readonly operations: readonly MainMarks[];
  readonly skipped: number;
  readonly unfinished: number;
  /** The threads without JavaScript. */
  readonly native: ThreadWaits | undefined;
}

export interface WorkerRecording extends ThreadPart {
  readonly operations: readonly WorkerOperation[];
  /** The system's number of the thread. */
  readonly systemThreadId: string | undefined;
}

export interface WorkerOperation {
  readonly marks: WorkerMarks;
  readonly ownRunUs: number;
}

/** What the exchange with the client says of an operation. */
export interface TimedExchange {
  readonly method: string;
  readonly arrivedAt: number;
  readonly startedAt: number;
}

/** Where a recording takes hold of a node. */
export interface WaitPoints {
  readonly url: string;
  readonly mode: string;
  readonly durability: string;
  /** Gives the main thread its hooks; undefined takes them away, and nothing of the recording stays. */
  setHooks(hooks: DispatchWaits<TimedExchange> | undefined): void;
  /** Has the workers load `module` and record with it. */
  startWorkers(options: WaitOptions, module: string): Promise<void>;
  stopWorkers(): Promise<WorkerRecording[]>;
}

/** What a recording has to know of a worker. */
export interface WorkerWaitsOptions<Operation> extends WaitOptions {
  readonly thread: string;
  /** Replicas are asked one after another (mode `sync`). */
  readonly sequential: boolean;
  readonly tagOf: (operation: Operation) => number;
  readonly isSettled: (operation: Operation) => boolean;
}

export interface WorkerWaitsRecorder<Operation> extends CoordinatorWaits<Operation> {
  readonly onRun: OnRun;
  stop(): WorkerRecording;
}

/** What a worker finds in the module that it is told to load. */
export interface WorkerWaitsModule {
  readonly startWorkerWaits: <Operation>(options: WorkerWaitsOptions<Operation>) => WorkerWaitsRecorder<Operation>;
}

/** Beside the recording itself, what the node knows of it. */
export type RecordingFacts = Pick<WaitRecording, 'url' | 'mode' | 'durability' | 'startedAt' | 'durationMs'> & {
  readonly options: WaitOptions;
};

/** Puts the threads' parts together. */
export function joinRecordings(
  main: MainRecording,
  workers: readonly WorkerRecording[],
  { options, ...facts }: RecordingFacts,
): WaitRecording {
  const find = finder(workers);
  const operations = main.operations.map((marks) => {
    const found = find(marks, main.originMs);
    const origins = { mainMs: main.originMs, workerMs: found?.worker.originMs ?? main.originMs };
    const held = heldBy(marks, found, main);
    const { totalUs, decider, stages } = operationTimes(marks, found?.operation.marks, origins);
    return {
      method: marks.method,
      decider,
      totalUs: rounded(totalUs),
      stagesUs: waitStages.map((stage) => rounded(stages[stage])),
      gcUs: rounded(sumOver(held, ({ part, from, to }) => overlap(part.pauses, from, to))),
      runQueueUs: rounded(sumOver(held, ({ part, from, to }) => growthBetween(part.runQueue, from, to))),
      ownRunUs: rounded(found?.operation.ownRunUs ?? 0),
    };
  });
  const threads = [main.waits, ...workers.map((worker) => worker.waits)];
  if (main.native !== undefined) threads.push(main.native);
  const { skipped, unfinished } = main;
  const { every } = options;
  return { schema: waitRecordingSchema, ...facts, every, stages: waitStages, operations, skipped, unfinished, threads };
}

interface Found {
  readonly operation: WorkerOperation;
  readonly worker: WorkerRecording;
}

/** A stretch of an operation's time, and the thread that had it, by that thread's clock. */
interface Held {
  readonly part: ThreadPart;
  readonly from: number;
  readonly to: number;
}

/** An operation on its way between two threads belongs to the one that will take it. */
function heldBy(marks: MainMarks, found: Found | undefined, main: MainRecording): Held[] {
  if (found === undefined) return [{ part: main, from: marks.arrivedAt, to: marks.postedAt }];
  const { worker, operation } = found;
  const ahead = main.originMs - worker.originMs;
  const { leftAt } = operation.marks;
  return [
    { part: main, from: marks.arrivedAt, to: marks.postedAt },
    { part: worker, from: marks.postedAt + ahead, to: leftAt },
    { part: main, from: leftAt - ahead, to: marks.answeredAt },
  ];
}

/** Milliseconds of all of them, as microseconds. */
function sumOver(held: readonly Held[], milliseconds: (one: Held) => number): number {
  return held.reduce((sum, one) => sum + milliseconds(one), 0) * 1000;
}

function finder(workers: readonly WorkerRecording[]): (marks: MainMarks, mainMs: number) => Found | undefined {
  const byTag = new Map<number, Found[]>();
  for (const worker of workers) {
    for (const operation of worker.operations) {
      const found = { operation, worker };
      const others = byTag.get(operation.marks.tag);
      if (others === undefined) byTag.set(operation.marks.tag, [found]);
      else others.push(found);
    }
  }
  return (marks, mainMs) =>
    byTag
      .get(marks.tag)
      ?.find(({ operation, worker }) => belong(marks, operation.marks, { mainMs, workerMs: worker.originMs }));
}

/** A tenth of a microsecond is finer than the clocks, and keeps the files small. */
function rounded(micros: number): number {
  return Math.round(micros * 10) / 10;
}
