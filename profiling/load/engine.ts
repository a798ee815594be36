/**
 * What an engine is: it puts a workload on nodes and says what came of it. Two exist: the built-in generator and wrk2.
 */
import type { BenchResult, KindResult, Workload } from './result.ts';

/** What an engine knows of a run; the rest of a `BenchResult` comes from whoever asked for the run. */
export type LoadResult = Pick<
  BenchResult,
  | 'startedAt'
  | 'cutShort'
  | 'totals'
  | 'latency'
  | 'errorLatency'
  | 'service'
  | 'statuses'
  | 'targets'
  | 'kinds'
  | 'stages'
  | 'seconds'
  | 'generator'
> & {
  /** The generator could not keep the schedule; why. Null where it did. */
  readonly saturated: string | null;
};

/** Live figures while a run is on, once a second. `second` is negative during the warm-up. */
export interface LoadProgress {
  readonly second: number;
  readonly due: number;
  readonly completed: number;
  readonly failed: number;
  readonly pending: number;
  readonly p99Us: number;
  /** What came of the operations that were answered or lost in the second. */
  readonly kinds: readonly KindResult[];
}

export interface LoadOptions {
  /** Ends the run early; what was measured so far is the result, marked `cutShort`. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Called when the warm-up is over and the measured window begins. */
  readonly onMeasuring?: () => void;
}

export interface LoadEngine {
  readonly name: 'built-in' | 'wrk2';
  /** Throws `KvorumError` where no target can be reached or the engine cannot run. */
  run(workload: Workload, options?: LoadOptions): Promise<LoadResult>;
}
