/**
 * The true lock profile as data: time that threads were blocked in futexes, by who took the lock and by thread. Versioned;
 * times are microseconds.
 */

export const lockProfileSchema = 'kvorum-locks/1';

/**
 * `contention`: a mutex that another thread held. `idle`: a thread that waited for work (condition variables, empty
 * queues), which is no contention. `handover`: JavaScript threads that waited for one another (`Atomics.wait`).
 */
export type BlockKind = 'contention' | 'handover' | 'idle';

/** Whose code took the lock, by the nearest frame that says so. */
export type LockSite =
  | 'LMDB writer lock'
  | 'LMDB other'
  | 'V8 heap'
  | 'V8 platform'
  | 'libuv pool'
  | 'libuv other'
  | 'allocator'
  | 'Node.js'
  | 'other';

export interface LockProfile {
  readonly schema: typeof lockProfileSchema;
  readonly sentence: string;
  /** One for each process that was watched. */
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  readonly durationMs: number;
  /** Mutexes only, longest first; `share` is of the contended time. */
  readonly sites: readonly LockSiteRow[];
  /** Every thread, with its idleness apart. */
  readonly threads: readonly LockThreadRow[];
  /** Contended waits by stack, leaf first, longest first, bounded. */
  readonly stacks: readonly LockStack[];
  readonly contendedUs: number;
  readonly idleUs: number;
  /** Waits that had not ended when the recording did, or whose begin was not seen. */
  readonly unpaired: number;
  /** Events that perf says it lost. */
  readonly lost: number;
}

export interface LockSiteRow {
  readonly site: LockSite;
  readonly kind: BlockKind;
  readonly count: number;
  readonly totalUs: number;
  readonly meanUs: number;
  readonly maxUs: number;
  readonly share: number;
}

export interface LockThreadRow {
  readonly process: string;
  readonly pid: number;
  readonly tid: number;
  /** What the thread calls itself, or `main`. */
  readonly thread: string;
  readonly contendedUs: number;
  readonly contendedCount: number;
  readonly idleUs: number;
  readonly idleCount: number;
}

export interface LockStack {
  readonly site: LockSite;
  readonly kind: BlockKind;
  readonly frames: readonly string[];
  readonly count: number;
  readonly totalUs: number;
}
