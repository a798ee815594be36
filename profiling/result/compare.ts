/**
 * What a comparison leaves behind: the versioned schema of `kvorum compare --json`, which its report reads.
 *
 * Compared are subjects: clusters that differ in their mode, or earlier results from files. Every subject meets the same
 * points of load, several times; a figure is the median of its rounds with the range that they span. Where the ranges of
 * two subjects overlap there is no verdict.
 */
import type { BenchEnvironment, BenchResult, LoadOperation, SearchStep, Workload } from '../load/result.ts';
import type { RequestCosts } from './profile.ts';
import type { Unit } from './quantity.ts';

export const compareSchema = 'kvorum-compare/1';

export interface CompareResult {
  readonly schema: typeof compareSchema;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The command line that repeats the comparison. */
  readonly command: string;
  /** True where it was interrupted; everything is of the part that ran. */
  readonly cutShort: boolean;
  /** What failed, a sentence each that begins with the mode; a mode that could not be filled is no subject. */
  readonly failures?: readonly string[];
  /** Null where files were compared: their runs tell how they were made. */
  readonly settings: CompareSettings | null;
  /** In the order of comparison: each is compared with the one before it. */
  readonly subjects: readonly Subject[];
  readonly searches: readonly MaximumSearch[];
  /** In the order in which they ran. */
  readonly runs: readonly CompareRun[];
  readonly summary: readonly SummaryRow[];
  readonly steps: readonly ComparedStep[];
  /** Where `--fail-on-regression` was asked for. */
  readonly gate?: Gate;
  /** Where `--profile` was asked for. */
  readonly profiles?: readonly ModeProfile[];
  /** What they say of the modes, each against the first. */
  readonly profileSentences?: readonly string[];
}

/** What was compared, and what got worse by more than `shareMax` (0.1: 10%) beyond the ranges of the rounds. */
export interface Gate {
  readonly shareMax: number;
  readonly loads: readonly Gated[];
}

/** One load under one step. */
export interface Gated {
  /** `async → batched`, `a → b`. */
  readonly step: string;
  /** `PUT at 1,000/s`. */
  readonly load: string;
  /** `Latency p99 31% more (13.1 ms after 10.0 ms)`. */
  readonly regressions: readonly string[];
  /** Why nothing can be said; null where something can. */
  readonly undecided: string | null;
}

/** What a request of one mode cost under a load that every mode met. */
export interface ModeProfile {
  readonly mode: string;
  readonly op: LoadOperation;
  readonly rate: number | null;
  /** Where its report lies. */
  readonly directory: string;
  readonly costs: RequestCosts;
}

export interface CompareSettings {
  readonly ops: readonly LoadOperation[];
  /** Share of GETs in `mixed`. */
  readonly readShare: number;
  /** Requests a second that every subject meets. */
  readonly rates: readonly number[];
  /** Share of its own maximum that each subject meets besides, 0 to 1. */
  readonly maximumShare: number;
  readonly rounds: number;
  readonly nodes: number;
  readonly durationMs: number;
  readonly warmupMs: number;
  /** Measured window of the runs that look for a maximum. */
  readonly searchDurationMs: number;
  readonly connections: number;
  readonly keys: number;
  readonly distribution: Workload['distribution'];
  readonly arrival: Workload['arrival'];
  readonly valueBytes: number;
  /** Null: the cluster's own defaults. */
  readonly ack: number | null;
  readonly from: number | null;
  readonly durability: string;
  readonly targets: 'one' | 'all';
  /** Latency that the maximum may have at its 99th percentile. */
  readonly p99MsMax: number;
}

/** One of those that are compared. */
export interface Subject {
  /** `batched`, or for files `a` and `b`, with the mode behind where a file holds several: `a batched`. */
  readonly name: string;
  /** What it stands for in a sentence, `batched`, or the path of its file. */
  readonly source: string;
  /** Its machine and its cluster's settings. */
  readonly environment: BenchEnvironment;
  /** CPU of all its nodes together while nobody asks them anything, milliseconds a second; null where not measured. */
  readonly idleCpuMsPerSecond: number | null;
}

/** The search for the highest rate that a subject holds, once a round. */
export interface MaximumSearch {
  readonly subject: string;
  readonly op: LoadOperation;
  /** Highest rate held, the median of the rounds; null where none was. */
  readonly best: number | null;
  /** Lowest rate tried above it, which was not held; null where none was tried. */
  readonly missed: number | null;
  /** Of the highest rates held, where it was searched for in several rounds; null where none was held. */
  readonly spread: Spread | null;
  /** Of all rounds, in order. */
  readonly steps: readonly SearchStep[];
}

/** How much load: a rate, a share of each subject's own maximum, or (files only) whatever each was run at. */
export type LoadPoint =
  | { readonly kind: 'rate'; readonly rate: number }
  | { readonly kind: 'share'; readonly share: number }
  | { readonly kind: 'as-run' };

export interface CompareRun {
  readonly subject: string;
  readonly op: LoadOperation;
  readonly point: LoadPoint;
  /** From 1. */
  readonly round: number;
  readonly result: BenchResult;
}

/** Median and range over the rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** How many rounds gave a figure. */
  readonly count: number;
}

/**
 * What is measured of each run, and which way it gets worse; without that it is told and not judged. Per request: divided by the requests that were answered. All nodes: the sum over the
 * cluster. A `latency` grows with the length of a run that misses its rate, so it says little there.
 */
export const measureKinds = {
  achieved: { title: 'Rate achieved', unit: 'rate', worse: 'less' },
  errors: { title: 'Errors', unit: 'share', worse: 'more' },
  p50Us: { title: 'Latency p50', unit: 'latency', worse: 'more' },
  p90Us: { title: 'Latency p90', unit: 'latency', worse: 'more' },
  p99Us: { title: 'Latency p99', unit: 'latency', worse: 'more' },
  p999Us: { title: 'Latency p99.9', unit: 'latency', worse: 'more' },
  maxUs: { title: 'Latency max', unit: 'latency' },
  cpuUs: { title: 'CPU a request, all nodes', unit: 'us', worse: 'more' },
  runQueueUs: { title: 'Waiting for a core a request, all nodes', unit: 'us' },
  voluntarySwitches: { title: 'Voluntary context switches a request', unit: 'count' },
  involuntarySwitches: { title: 'Involuntary context switches a request', unit: 'count' },
  peerBytes: { title: 'Bytes between nodes a request', unit: 'bytes', worse: 'more' },
  residentBytes: { title: 'Resident memory, all nodes', unit: 'bytes', worse: 'more' },
} as const satisfies Readonly<Record<string, MeasureKind>>;

export interface MeasureKind {
  readonly title: string;
  readonly unit: Unit;
  readonly worse?: 'more' | 'less';
}

export type MeasureName = keyof typeof measureKinds;

/** What one subject did at one point. */
export interface SummaryRow {
  readonly subject: string;
  readonly op: LoadOperation;
  readonly point: LoadPoint;
  /** Rate asked for; the median where it differs from round to round. */
  readonly rate: number;
  readonly verdicts: VerdictCounts;
  /** Over the rounds whose generator kept up; null where no round gave the figure. */
  readonly measures: Readonly<Record<MeasureName, Spread | null>>;
  readonly threads: readonly ThreadRow[];
}

/** Rounds by how they ended (`Verdict['kind']`). */
export interface VerdictCounts {
  readonly held: number;
  readonly missed: number;
  readonly failed: number;
  readonly invalid: number;
}

/** One thread of one node, per request of the whole cluster. */
export interface ThreadRow {
  /** `n1`: the first of the run's nodes, and so on. */
  readonly node: string;
  /** `main`, `worker 1`, `native`. */
  readonly thread: string;
  readonly cpuUs: Spread;
  readonly runQueueUs: Spread;
  readonly switches: Spread;
}

/** What the step from one subject to the next bought, for one operation. */
export interface ComparedStep {
  readonly from: string;
  readonly to: string;
  readonly op: LoadOperation;
  /** Of the highest rates held; null where one of them is not known. */
  readonly maximum: Change | null;
  readonly points: readonly ComparedPoint[];
  /** The step in sentences, the maximum first. */
  readonly sentences: readonly string[];
}

export interface ComparedPoint {
  readonly point: LoadPoint;
  /** Measures that both sides have. */
  readonly changes: readonly MeasureChange[];
}

/**
 * `none`: the ranges overlap, no difference seen. `unknown`: one of the two was measured less than twice, so it has no
 * range to compare.
 */
export type ChangeVerdict = 'more' | 'less' | 'none' | 'unknown';

export interface Change {
  readonly from: Spread;
  readonly to: Spread;
  readonly verdict: ChangeVerdict;
  /** Median of `to` by median of `from`; null where that is 0. */
  readonly ratio: number | null;
}

export interface MeasureChange extends Change {
  readonly measure: MeasureName;
}
