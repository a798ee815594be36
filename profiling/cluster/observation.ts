/** What was seen of a node while load was on it. Part of the schema of a bench's result (load/result.ts). */
import type { ThreadAccount } from './process-accounts.ts';

/** One node over the measured window. */
export interface NodeObservation {
  readonly url: string;
  /** Null where the node runs elsewhere; what the system says of it is then null too. */
  readonly pid: number | null;
  /** Per thread, sums over the window. */
  readonly threads: readonly ThreadObservation[] | null;
  /** Of the whole process over the window, where no more than that is known of its threads. */
  readonly cpuUs?: number;
  readonly residentBytesMax: number | null;
  readonly peerBytesSent: number | null;
  readonly peerBytesReceived: number | null;
  readonly series: readonly NodeSample[];
}

export interface ThreadObservation extends ThreadAccount {
  /** `main`, `worker 1`, ... or `native` for all threads without JavaScript (libuv, V8, LMDB) together. */
  readonly thread: string;
}

/** Over the second that ends at `second`, or at its end. */
export interface NodeSample {
  readonly second: number;
  readonly operationsInFlight: number | null;
  readonly poolQueue: number | null;
  /** Share of time busy, per JavaScript thread: `{ "main": 0.4, "worker 1": 0.7 }`. */
  readonly utilization: Readonly<Record<string, number>>;
  readonly gcMs: number | null;
  readonly commits: number | null;
  readonly commitMsMean: number | null;
  readonly cpuUs: number | null;
  readonly residentBytes: number | null;
}
