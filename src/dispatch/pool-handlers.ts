/** What the pool of workers (worker-pool.ts) tells the rest of the main thread. */
import type { Buffer } from 'node:buffer';
import type { KvorumError } from '../diagnostics/errors.ts';
import type { InspectedMessage, RangeMessage, StandingMessage } from '../protocol/workers.ts';

/** Whom the pool tells what its workers say. */
export interface WorkerPoolHandlers {
  /** Takes outcome frames that leave ahead of their task. */
  readonly onOutcomes: (frame: Buffer) => void;
  /** A worker has seen a version that is ahead of the wall clock. */
  readonly onVersion: (newest: number) => void;
  /** Gives a stamp above a version, later or at once; undefined where there is none now. */
  readonly onStampAbove: (above: number, give: (version: number | undefined) => void) => void;
  /** Takes what the workers' scans say. */
  readonly onRange: (message: RangeMessage) => void;
  /** Takes what an inspection found. */
  readonly onInspected: (message: InspectedMessage) => void;
  /** Takes what bears on the node's standing. */
  readonly onStanding: (message: StandingMessage, worker: number) => void;
  /** A worker listens, the first one in its place or another. `logDamage`: what of its log could not be read. */
  readonly onWorkerReady: (worker: number, logDamage: string | undefined) => void;
  /** A worker has ended, and its scans with it. */
  readonly onWorkerGone: (worker: number) => void;
  /** The node cannot go on: a store failed or a worker does not start. */
  readonly onFatal: (error: KvorumError) => void;
}
