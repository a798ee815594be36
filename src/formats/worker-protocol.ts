/**
 * What the main thread and its worker threads tell each other, besides operation and outcome frames and the settings that
 * a worker starts with: the messages of the control port that each worker opens, and the words of settings.
 *
 * Everything here crosses by structured clone, so it is plain data.
 */
import { codeOf, messageOf } from '../domain/errors.ts';
import type { MetricFamily } from '../metrics/metrics.ts';
import type { RangeEnd, RangeRequest } from '../domain/range.ts';
import type { WaitOptions } from '../waits/wait-marks.ts';
import type { WorkerRecording } from '../waits/wait-recording.ts';

/** How replicas are asked: one after another, all at once, or all at once in batches of one event-loop turn. */
export const modes = ['sync', 'async', 'batched'] as const;
export type Mode = (typeof modes)[number];

/** When a write counts as acknowledged: after fdatasync, or after the commit into the operating system's memory. */
export const durabilities = ['fsync', 'commit'] as const;
export type Durability = (typeof durabilities)[number];

export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * Where the worker's task is called: in the threads of the Piscina pool, or inline on the main thread, which is for
 * profilers that see one isolate.
 */
export const dispatches = ['pool', 'inline'] as const;
export type Dispatch = (typeof dispatches)[number];

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
  /** A version that is ahead of the wall clock was seen. */
  | { readonly kind: 'clock'; readonly newest: number }
  | { readonly kind: 'fatal'; readonly message: string }
  | { readonly kind: 'announced' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'report'; readonly id: number; readonly report: WorkerReport }
  | { readonly kind: 'waits-started' }
  | { readonly kind: 'waits'; readonly recording: WorkerRecording | undefined }
  | RangeMessage;

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
  | { readonly kind: 'waits-start'; readonly options: WaitOptions; readonly module: string }
  | { readonly kind: 'waits-stop' }
  | PeerSilent
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

/** `GET /v0/node`: how peers find each other's replica ports, and see whether they fit together. */
export interface NodeDescription {
  readonly id: number;
  readonly url: string;
  readonly version: string;
  readonly protocol: number;
  readonly topology: string;
  readonly replicaPorts: readonly number[];
}

/** Version of the bytes between nodes; nodes of different protocols refuse each other. */
export const replicaProtocol = 4;

/** How operation frames reach a peer: over one link that both ends write to, or in an HTTP request each. */
export const peerProtocols = ['link', 'http'] as const;
export type PeerProtocol = (typeof peerProtocols)[number];

/**
 * Paths of the replica port: the one that takes an operation frame, the one that is upgraded to a link, the one by which a
 * starting peer asks to be probed, and the one that streams a range of the node's own records.
 */
export const replicaPaths = { operations: '/operations', link: '/link', hello: '/hello', range: '/range' } as const;
/** What `replicaPaths.link` is upgraded to (link-message.ts). */
export const linkProtocol = 'kvorum-link';
