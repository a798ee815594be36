/**
 * What the main thread and its worker threads tell each other, besides operation and outcome frames and the settings that
 * a worker starts with: the messages of the control port that each worker opens, and the words of settings.
 *
 * Everything here crosses by structured clone, so it is plain data.
 */
import type { MessagePort } from 'node:worker_threads';
import { codeOf, messageOf } from '../diagnostics/errors.ts';
import type { LogLevel } from '../diagnostics/log.ts';
import type { MetricFamily } from '../metrics/metrics.ts';
import type { RangeEnd, RangeRequest } from '../domain/range.ts';
import type { WaitOptions } from '../waits/wait-marks.ts';
import type { WorkerRecording } from '../waits/wait-recording.ts';

/** What a peer's state is, as a worker sees it. */
export type PeerState = 'connecting' | 'up' | 'down';

export interface PeerStatus {
  readonly url: string;
  readonly state: PeerState;
  readonly error: string | undefined;
}

/** Worker to main, once, over the parent port: the worker listens, and this is its control port. */
export interface WorkerReady {
  readonly kind: 'worker-ready';
  readonly threadId: number;
  readonly replicaPort: number;
}

/** Worker to main, instead: the worker cannot start. */
export interface WorkerFailed {
  readonly kind: 'worker-failed';
  readonly code: string;
  readonly message: string;
}

export function workerFailure(error: unknown): WorkerFailed {
  return { kind: 'worker-failed', code: codeOf(error) ?? 'worker-failed', message: messageOf(error) };
}

/** Worker to main, over the control port. Outcome frames travel there as plain `Uint8Array`s. */
export type WorkerMessage =
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Record<string, unknown>;
    }
  /** The worker gave a peer up, since it did not answer within the deadline. */
  | PeerSilent
  /** Whether the worker's log has no room, so that writes are to be refused. */
  | { readonly kind: 'behind'; readonly isBehind: boolean }
  /** A version that is ahead of the wall clock was seen. */
  | { readonly kind: 'clock'; readonly newest: number }
  | StampWish
  | { readonly kind: 'fatal'; readonly message: string }
  | { readonly kind: 'announced' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'report'; readonly id: number; readonly report: WorkerReport }
  | { readonly kind: 'waits-started' }
  | { readonly kind: 'waits'; readonly recording: WorkerRecording | undefined }
  | RangeMessage;

/** Worker to main: wants a stamp above a version for a write that it coordinates; `stamp` is the answer. */
export interface StampWish {
  readonly kind: 'stamp-above';
  readonly id: number;
  readonly above: number;
}

/** Worker to main: what a scan has read (the page's memory moves with it), and how it ended. */
export type RangeMessage =
  | { readonly kind: 'range-page'; readonly id: number; readonly page: Uint8Array }
  | { readonly kind: 'range-end'; readonly id: number; readonly end: RangeEnd };

/** Worker to main, and main to the other workers: they need not each wait for this peer to find that it hangs. */
export interface PeerSilent {
  readonly kind: 'peer-silent';
  readonly url: string;
}

/** Main to worker, over the control port. */
export type WorkerCommand =
  | { readonly kind: 'announce' }
  | { readonly kind: 'report'; readonly id: number }
  | { readonly kind: 'stop' }
  /** The stamp that was wished for; undefined where there is none now. */
  | { readonly kind: 'stamp'; readonly id: number; readonly version: number | undefined }
  | { readonly kind: 'waits-start'; readonly options: WaitOptions; readonly module: string }
  | { readonly kind: 'waits-stop' }
  | PeerSilent
  /** The end of a channel to another worker of this node, the port transferred (workers/ground/siblings.ts). */
  | { readonly kind: 'sibling'; readonly worker: number; readonly port: MessagePort }
  | RangeCommand;

/** Main to worker: begins a scan with so many pages, hands a page back to be filled again, and ends a scan. */
export type RangeCommand =
  | { readonly kind: 'range-start'; readonly id: number; readonly request: RangeRequest; readonly pages: number }
  | { readonly kind: 'range-page'; readonly id: number; readonly page: Uint8Array }
  | { readonly kind: 'range-cancel'; readonly id: number };

/** What a worker says of itself for `/metrics` and `/v0/status`. */
export interface WorkerReport {
  readonly threadId: number;
  /** As its metrics are labelled: `worker-1`. */
  readonly thread: string;
  /** Null where the system does not tell. */
  readonly osThreadId: number | null;
  readonly peers: readonly PeerStatus[];
  readonly metrics: readonly MetricFamily[];
}
