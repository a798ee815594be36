/**
 * What a load run leaves behind: the versioned schema of `--json` files, which reports and comparisons read.
 *
 * Times are microseconds (`Us`), milliseconds (`Ms`) or seconds since the start of the measured window (`second`). What
 * was not measured is null, never 0.
 */
import type { NodeObservation } from '../cluster/observation.ts';
import type { LatencyCounts } from './histogram.ts';
import type { PeerProtocol } from './peer.ts';
import type { Mix, OperationKind, Stage, ValueSize } from './load-shape.ts';

export const benchSchema = 'kvorum-bench/1';

export const loadOperations = ['put', 'get', 'delete', 'mixed'] as const;
export type LoadOperation = (typeof loadOperations)[number];
export const distributions = ['uniform', 'zipfian', 'latest', 'sequential'] as const;
export type Distribution = (typeof distributions)[number];
export const arrivals = ['constant', 'poisson'] as const;
export type Arrival = (typeof arrivals)[number];

/** What is sent. */
export interface Workload {
  readonly op: LoadOperation;
  /** Share of GETs in `mixed`, 0 to 1; the rest are PUTs. */
  readonly readShare: number;
  /** What `mixed` is made of where it is more than GETs and PUTs. */
  readonly mix?: Mix;
  /** A range has between one and so many records; 100 where it is not said. */
  readonly rangeRecordsMax?: number;
  /** Requests a second over all connections; the mean where there are stages. */
  readonly rate: number;
  /** The rate over time; together they last `durationMs`. */
  readonly stages?: readonly Stage[];
  readonly arrival: Arrival;
  readonly connections: number;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly keys: number;
  readonly distribution: Distribution;
  /** The mean where there are several sizes. */
  readonly valueBytes: number;
  readonly valueSizes?: readonly ValueSize[];
  /** Null: the cluster's own defaults. */
  readonly ack: number | null;
  readonly from: number | null;
  /** Base URLs that the connections go to, in turns. */
  readonly targets: readonly string[];
  /** Of another store than Kvorum. */
  readonly protocol?: PeerProtocol;
  readonly seed: number;
}

export interface BenchResult {
  readonly schema: typeof benchSchema;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The command line that repeats the run. */
  readonly command: string;
  /** What the reader is to call this run in an overlay: `batched put 6,000/s`. */
  readonly label: string;
  readonly workload: Workload;
  /** What the run had to keep besides its rate. */
  readonly bounds: Bounds;
  readonly verdict: Verdict;
  /** True where the run was interrupted; all counts are of the part that ran. */
  readonly cutShort: boolean;
  readonly totals: Totals;
  /**
   * Of good answers, from when each request should have been sent (corrected for coordinated omission). Without
   * `errorLatency` it is of all answers.
   */
  readonly latency: LatencyCounts;
  /**
   * Of errors, from when each request should have been sent until it was refused or given up; absent where the engine does
   * not tell them apart.
   */
  readonly errorLatency?: LatencyCounts;
  /** Of good answers, from when they were sent; null where the engine does not tell. */
  readonly service: LatencyCounts | null;
  readonly statuses: readonly StatusCount[];
  readonly targets: readonly TargetResult[];
  /** One entry per kind of operation where there are several; absent where the engine does not tell. */
  readonly kinds?: readonly KindResult[];
  /** One entry per stage that has a length. */
  readonly stages?: readonly StageResult[];
  /** One entry per second of the measured window; empty where the engine does not tell. */
  readonly seconds: readonly SecondResult[];
  readonly generator: GeneratorResult;
  /** What the nodes said and what the system says of their processes; empty where nothing could be learnt. */
  readonly nodes: readonly NodeObservation[];
  readonly environment: BenchEnvironment;
  /** The runs that `--find-max` tried, in order; absent in plain runs. All else but the verdict is of the run found. */
  readonly search?: readonly SearchStep[];
  /** What ended a search early by failing. */
  readonly failure?: string;
}

/** Absent ones bound nothing; errors may not be at all unless `errorsMax` allows some. */
export interface Bounds {
  readonly meanMsMax?: number;
  readonly p99MsMax?: number;
  readonly p999MsMax?: number;
  /** Of `share`, 0 to 1 of the requests that were due. */
  readonly errorsMax?: { readonly of: 'count' | 'share'; readonly max: number };
}

/**
 * `held`: at least 98% of the rate, all bounds kept. `failed`: more errors than allowed. `missed`: too little of the rate,
 * or a bound of latency passed. `invalid`: the generator could not keep the schedule, so no figure of the run says anything
 * about the cluster.
 */
export interface Verdict {
  readonly kind: 'held' | 'missed' | 'failed' | 'invalid';
  /** One sentence for people, without a final period: `INVALID: generator saturated, ...`. */
  readonly sentence: string;
  /** What was asked of the run, one by one. */
  readonly checks: readonly Check[];
}

export interface Check {
  /** `p99 of at most 20 ms`. */
  readonly asked: string;
  /** What was found: `p99 31.0 ms`. */
  readonly found: string;
  /** Why it is not met: `p99 31.0 ms over 20 ms`; null where it is. */
  readonly reason: string | null;
}

export interface Totals {
  /** Requests whose intended start fell into the measured window. */
  readonly due: number;
  readonly completed: number;
  /** Of the completed ones: with a status other than 2xx (404 of a GET counts as success). */
  readonly failed: number;
  /** Requests without an answer: connection lost, refused, or timed out. */
  readonly unanswered: number;
  /** Requests for which no connection was free until the end: a matter of the rate, no error. */
  readonly notSent: number;
  /** Requests due that an interruption left without an answer; no error. */
  readonly cut: number;
  /** Sent more than 1 ms after the intended start although a connection was free. */
  readonly lateStarts: number;
  readonly pendingMax: number;
  /** Length of the measured window. */
  readonly seconds: number;
  /** Completed requests a second. */
  readonly rate: number;
}

export interface StatusCount {
  /**
   * `201`, or what happened instead of an answer: `connection lost`, `timeout`, `not an answer`; `not sent` where no connection
   * was free until the end, `cut` where an interrupted run did not wait for the answer.
   */
  readonly status: string;
  readonly count: number;
}

export interface TargetResult {
  readonly url: string;
  readonly completed: number;
  readonly failed: number;
  readonly unanswered: number;
  /** Of good answers. */
  readonly latency: LatencyCounts;
}

interface PartResult {
  readonly completed: number;
  /** Of the completed ones: refused. */
  readonly failed: number;
  readonly unanswered: number;
  /** Of the answers that did not fail, from when each operation should have begun. */
  readonly latency: LatencyCounts;
}

export interface KindResult extends PartResult {
  readonly kind: OperationKind;
}

/** Of the operations whose intended start fell into the stage. */
export interface StageResult extends PartResult {
  readonly fromRate: number;
  readonly toRate: number;
  readonly durationMs: number;
  readonly due: number;
}

export interface SecondResult {
  readonly second: number;
  readonly due: number;
  readonly completed: number;
  readonly failed: number;
  readonly unanswered: number;
  /** Requests due and not answered at the end of the second. */
  readonly pending: number;
  /** Of good answers. */
  readonly latency: LatencyCounts;
  readonly generatorDelayMsMax: number;
}

export interface GeneratorResult {
  readonly engine: 'built-in' | 'wrk2';
  /** What the engine says of itself, or Kvorum's version. */
  readonly version: string;
  readonly cpuSeconds: number | null;
  /** Share of time that its event loop was busy. */
  readonly utilization: number | null;
  readonly delayMsP99: number | null;
  readonly delayMsMax: number | null;
  /** Share of time that its main thread ran or was ready to run and waited for a core; absent where not known. */
  readonly wantedCpuShare?: number;
}

export interface BenchEnvironment {
  readonly machine: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly kvorum: string;
  /** Null outside a git checkout; `abc1234+` where the checkout has changes. */
  readonly commit: string | null;
  /** The cluster's settings, as `GET /v0/status` gives them: `mode`, `durability`, `workers`. */
  readonly cluster: Readonly<Record<string, string | number>>;
  readonly nodeCount: number;
  /** Of the first node that gets the load, before the load. */
  readonly store: StoreState;
  /** By flag, the node's settings that are not at their defaults; null where it does not tell. */
  readonly changedSettings: Readonly<Record<string, string>> | null;
}

/** Null is what the node does not tell. */
export interface StoreState {
  /** In LMDB, tombstones too. */
  readonly records: number | null;
  /** In the log and not yet in LMDB; some of them are newer versions of records there. */
  readonly loggedRecords: number | null;
  /** Of the disk, log included. */
  readonly bytes: number | null;
  /** `ext4`. */
  readonly fileSystem: string | null;
}

/** One run that find-max tried. */
export interface SearchStep {
  readonly rate: number;
  readonly achieved: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly failed: number;
  readonly held: boolean;
  /** Why not: `achieved 91% of the rate`, `p99 80 ms over 50 ms`, `12 errors`. Empty where it was held. */
  readonly reason: string;
}
