/**
 * The wait table as data: the versioned schema that reports read. Times are microseconds (`Us`); what was not measured is
 * null, never 0.
 *
 * It is the analogue of a lock profile, not one: `sentence` says so, and belongs beside every picture made of it.
 */
import type { LatencyCounts } from '../load/histogram.ts';
import type { ThreadWaits } from '../../src/waits/wait-recording.ts';
import type { WaitStage } from '../../src/waits/wait-stages.ts';

export const waitTableSchema = 'kvorum-waits/1';

export interface WaitTable {
  readonly schema: typeof waitTableSchema;
  /** Says plainly what this is and is not. */
  readonly sentence: string;
  readonly mode: string;
  readonly durability: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** One operation in so many was timed. */
  readonly every: number;
  /** One for each method that was seen (`GET`, `PUT`, `DELETE`), and `all` first where there are several. */
  readonly operations: readonly OperationWaits[];
  /** What went on beside the critical path, per node and thread. Never added to the stages. */
  readonly threads: readonly NodeThreadWaits[];
  /** Timed operations that are in no row: sampled above the bound, or not answered before the end. */
  readonly skipped: number;
  readonly unfinished: number;
}

export interface OperationWaits {
  readonly method: string;
  /** Timed operations. */
  readonly count: number;
  /** From the request's first bytes to its answer, in the node. */
  readonly latency: LatencyCounts;
  readonly meanUs: number;
  /** In the order of the path; stages that no operation passed are left out, `unaccounted` never is. */
  readonly rows: readonly WaitRow[];
  /** What the stages explain of the latency: 1 less the share of `unaccounted`. */
  readonly accountedShare: number;
  /** The stacked bars: the mean of all, then around p50, p90 and p99 of the latency. */
  readonly bars: readonly WaitBar[];
  /** How many operations each replica decided. */
  readonly deciders: Readonly<Record<'self' | 'peer' | 'none', number>>;
  readonly overlaps: readonly WaitOverlap[];
}

/** Where a stage is spent; rows of one place stand together in a bar. */
export type WaitPlace = 'main thread' | 'between threads' | 'worker' | 'own replica' | 'to a peer' | 'peer' | 'unknown';

export interface WaitRow {
  readonly stage: WaitStage;
  readonly label: string;
  readonly place: WaitPlace;
  /** Operations that spent time there. */
  readonly count: number;
  /** Over all timed operations, so that the means add up to the latency's mean. */
  readonly meanUs: number;
  /** Over the operations that spent time there. */
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Of the latency of all operations together, 0 to 1; negative only for `unaccounted`. */
  readonly share: number;
  readonly histogram: LatencyCounts;
}

export interface WaitBar {
  readonly name: 'mean' | 'p50' | 'p90' | 'p99';
  /** Mean latency of the operations of the bar; its parts add up to it. */
  readonly totalUs: number;
  /** How many operations the bar is the mean of. */
  readonly count: number;
  /** Stages without time are left out. */
  readonly parts: readonly { readonly stage: WaitStage; readonly meanUs: number; readonly share: number }[];
}

/** A fact that overlaps the stages: it explains them and adds nothing to them. */
export interface WaitOverlap {
  readonly name: 'gc' | 'run-queue' | 'own-run';
  readonly label: string;
  /** Operations that it touched. */
  readonly count: number;
  /** Over all timed operations. */
  readonly meanUs: number;
  /** Of the latency of all operations together. */
  readonly share: number;
  /** Over the operations that it touched. */
  readonly histogram: LatencyCounts;
}

export interface NodeThreadWaits extends ThreadWaits {
  readonly node: string;
}
