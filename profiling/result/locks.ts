/**
 * The true lock profile as data: time that threads were blocked in futexes, by who took the lock and by thread. Versioned;
 * times are microseconds.
 */

export const lockProfileSchema = 'kvorum-locks/1';

/**
 * `contention`: a mutex that another thread held. `idle`: a thread that waited for work (condition variables, empty
 * queues, the end of another thread), which is no contention.
 */
export type BlockKind = 'contention' | 'idle';

/** Whose code took the lock, by the nearest frame that says so. */
export type LockSite =
  | 'LMDB writer lock'
  | 'LMDB other'
  | 'V8 heap'
  | 'V8 platform'
  | 'V8 other'
  | 'libuv pool'
  | 'libuv other'
  | 'allocator'
  | 'Node.js'
  | 'other';

export interface LockProfile {
  readonly schema: typeof lockProfileSchema;
  readonly sentence: string;
  /** Those that were watched. */
  readonly processes: readonly WatchedProcess[];
  /** From the first event to the last. */
  readonly durationMs: number;
  /** Mutexes only, longest first. */
  readonly sites: readonly LockSiteRow[];
  /** Every thread, with its idleness apart; most contended first. */
  readonly threads: readonly LockThreadRow[];
  /** Contended waits by stack, longest first, the first `stacksMax` of them. */
  readonly stacks: readonly LockStack[];
  readonly contendedUs: number;
  readonly idleUs: number;
  /** Contended waits that had not ended when the recording did. */
  readonly unfinished: number;
  /** Events that perf says it lost, so that some waits are missing or too long. */
  readonly lost: number;
}

export interface WatchedProcess {
  readonly name: string;
  readonly pid: number;
}

export interface LockSiteRow {
  readonly site: LockSite;
  readonly count: number;
  readonly totalUs: number;
  readonly meanUs: number;
  readonly maxUs: number;
  /** Of the contended time, 0 to 1. */
  readonly share: number;
  /** Which threads waited there, longest first. */
  readonly byThread: readonly { readonly thread: string; readonly totalUs: number }[];
}

export interface LockThreadRow {
  /** The process's name. */
  readonly process: string;
  readonly pid: number;
  readonly tid: number;
  /** `main`, `worker 1`, `V8 platform`, `libuv pool`, or `native` where its stacks do not tell. */
  readonly thread: string;
  readonly contendedUs: number;
  readonly contendedCount: number;
  readonly idleUs: number;
  readonly idleCount: number;
}

export interface LockStack {
  readonly site: LockSite;
  /** Leaf first. */
  readonly frames: readonly string[];
  readonly count: number;
  readonly totalUs: number;
}
