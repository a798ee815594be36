/**
 * What `kvorum profile` leaves behind: the versioned schema of its JSON, which reports and comparisons read.
 *
 * One `ProfileRun` for each load (PUT, GET, mixed), with one measurement per instrument, each from a recording of its own.
 * Microseconds, bytes and counts are of the whole window of a measurement; divide by its `requests` for the cost of one.
 * What was not measured is absent or null, never 0.
 */
import type { AllocationCosts, CpuCosts, PartCost } from '../attribution/costs.ts';
import type { BenchEnvironment, BenchResult, LoadOperation, Verdict } from '../load/result.ts';
import type { LockProfile } from './locks.ts';
import type { WaitTable } from './waits.ts';

export const profileSchema = 'kvorum-profile/1';

export interface ProfileResult {
  readonly schema: typeof profileSchema;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The command line that repeats it. */
  readonly command: string;
  /** What a reader is to call it in a comparison: `batched`. */
  readonly label: string;
  readonly environment: BenchEnvironment;
  readonly runs: readonly ProfileRun[];
  /** The raw files, from the directory that the result lies in. */
  readonly files: readonly ProfileFile[];
  /** True where it was interrupted; what was measured until then is here. */
  readonly cutShort?: boolean;
  /** What ended an operation's measurements early, a sentence each; what was measured before is here. */
  readonly failures?: readonly string[];
  /** What clinic drew. */
  readonly clinic?: readonly ClinicPage[];
}

export interface ProfileRun {
  readonly op: LoadOperation;
  /** `sync`, `async`, `batched`. */
  readonly mode: string;
  /** Requests a second that were asked for; null where the load came from elsewhere. */
  readonly rateAsked: number | null;
  readonly cpu?: CpuMeasurement;
  readonly allocation?: AllocationMeasurement;
  readonly collections?: CollectionMeasurement;
  readonly promises?: PromiseMeasurement;
  readonly perf?: PerfMeasurement;
  readonly waits?: WaitTable;
  readonly locks?: LockProfile;
  /** The first run without an instrument. */
  readonly bench?: BenchResult;
  readonly overhead?: Overhead;
  /** Instruments that could not be used, and why. */
  readonly failed?: readonly { readonly instrument: string; readonly reason: string }[];
}

/** A page that clinic drew, or why there is none. */
export interface ClinicPage {
  /** `flame`, `bubbleprof`, `flame of n1 worker 1`. */
  readonly title: string;
  /** From the directory that the result lies in; null where there is no page. */
  readonly path: string | null;
  /** Whether a browser found a graph in it; or why there is none. */
  readonly note: string;
}

export interface ProfileFile {
  /** From the directory of the index, with forward slashes. */
  readonly path: string;
  /** `put`, `get`, `mixed`: the load it was recorded under. */
  readonly op: string;
  /** What the weights are: CPU microseconds of wall time, bytes, or perf's samples of CPU time. */
  readonly kind: 'cpu' | 'heap' | 'perf';
  readonly format: 'cpuprofile' | 'heapprofile' | 'folded';
  readonly node: string;
  readonly thread: string;
}

/** One run of the load, with an instrument or without. */
export interface ObservedLoad {
  /** `none` where nothing was recorded. */
  readonly instrument: string;
  readonly rate: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Of all nodes and threads; null where the nodes run elsewhere. */
  readonly cpuUsPerRequest: number | null;
  readonly failed: number;
  readonly verdict: string;
  readonly kind: Verdict['kind'];
}

export interface InstrumentOverhead extends ObservedLoad {
  /** Against the mean of the runs without, 0.1 for 10% more; null where one of the two is not known. */
  readonly rateChange: number | null;
  readonly p99Change: number | null;
  readonly cpuChange: number | null;
}

export interface Overhead {
  /** First and last: how far they lie apart says how little a difference means. */
  readonly without: readonly ObservedLoad[];
  readonly instruments: readonly InstrumentOverhead[];
}

/** What one request cost the whole cluster; null where it was not measured. */
export interface RequestCosts {
  readonly cpuUs: number | null;
  readonly heapBytes: number | null;
  readonly offHeapBytes: number | null;
  readonly promises: number | null;
  /** Pauses of the collector, of all threads. */
  readonly gcUs: number | null;
  /** Time blocked on contended mutexes, where a lock profile was made. */
  readonly lockUs: number | null;
}

/** Of the window that a measurement was made in. */
export interface Window {
  readonly startedAt: string;
  readonly seconds: number;
  /** Entity requests that the nodes answered in it. */
  readonly requests: number;
}

export interface ThreadName {
  /** `n1`. */
  readonly node: string;
  /** `main`, `worker 1`, ... */
  readonly thread: string;
}

export interface FailedThread extends ThreadName {
  readonly failure: string;
}

export interface CpuMeasurement extends Window {
  readonly intervalUs: number;
  readonly threads: readonly (ThreadName & CpuCosts)[];
  /** CPU of all threads without JavaScript, per node; null where the nodes run elsewhere. */
  readonly native: readonly { readonly node: string; readonly cpuUs: number }[] | null;
  readonly failed: readonly FailedThread[];
}

/** On V8's heap; what is off it stands in the collections. */
export interface AllocationMeasurement extends Window {
  readonly intervalBytes: number;
  readonly threads: readonly (ThreadName & AllocationCosts)[];
  readonly failed: readonly FailedThread[];
}

export interface CollectionMeasurement extends Window {
  readonly threads: readonly ThreadCollections[];
  readonly failed: readonly FailedThread[];
}

export interface ThreadCollections extends ThreadName {
  /** Allocated on V8's heap: exact, by its growth between collections. */
  readonly heapBytes: number;
  /** Buffers and ArrayBuffers that came to the thread, made there or handed over; a lower bound. */
  readonly offHeapBytes: number;
  readonly pauses: readonly PauseSummary[];
}

export interface PauseSummary {
  /** `Scavenge`, `MarkSweepCompact`, `IncrementalMarking`, ... */
  readonly kind: string;
  readonly count: number;
  readonly totalUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export interface PromiseMeasurement extends Window {
  readonly threads: readonly (ThreadName & { readonly promises: number })[];
  readonly failed: readonly FailedThread[];
}

/** What perf saw of all threads, JavaScript, native code and kernel; CPU time by samples of the system's own clock. */
export interface PerfMeasurement extends Window {
  readonly threads: readonly (ThreadName & PerfCosts)[];
}

export interface PerfCosts {
  readonly cpuUs: number;
  readonly samples: number;
  readonly parts: readonly PartCost[];
  readonly networkUs: number;
  readonly unattributedShare: number;
  readonly unknown: readonly string[];
}

/** As tables and sentences call it: `n1 worker 1`. */
export function threadLabel({ node, thread }: ThreadName): string {
  return `${node} ${thread}`;
}

export const instrumentNames = ['cpu', 'allocation', 'collections', 'promises', 'waits', 'perf', 'locks'] as const;
export type InstrumentName = (typeof instrumentNames)[number];

const instrumentTitles: Readonly<Record<InstrumentName, string>> = {
  cpu: "V8's CPU profiler, 1,000 us",
  allocation: "V8's sampling heap profiler, 131,072 bytes",
  collections: 'Collections and bytes allocated',
  promises: 'Promises made',
  waits: 'Wait table',
  perf: 'perf, cpu-clock at 999 Hz',
  locks: 'perf, futex calls',
};

/** For progress and tables; a run without an instrument is called so too. */
export function instrumentTitle(name: string): string {
  const known = instrumentNames.find((one) => one === name);
  return known === undefined ? 'no instrument' : instrumentTitles[known];
}
