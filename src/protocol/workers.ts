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
import type { Offset } from '../domain/clock-offsets.ts';
import type { Inspection } from '../domain/inspection.ts';
import type { RangeEnd, RangeRequest } from '../domain/range.ts';
import type { HintsKept } from '../domain/hints.ts';
import type { Claim, Source, Standing } from '../domain/node-claim.ts';
import type { Quorum } from '../formats/frame.ts';
import type { TlsMaterial } from '../tls/material.ts';
import type { NodeContents, RepairStatus } from './repair.ts';
import type { WaitOptions } from '../waits/wait-marks.ts';
import type { WorkerRecording } from '../waits/wait-recording.ts';

/** What a peer's state is, as a worker sees it. */
export type PeerState = 'connecting' | 'up' | 'down';

export interface PeerStatus {
  readonly url: string;
  readonly state: PeerState;
  readonly error: string | undefined;
}

/** What a worker measured of a peer's clock. */
export interface PeerOffset {
  readonly url: string;
  readonly offset: Offset;
}

/** Worker to main, once, over the parent port: the worker listens, and this is its control port. */
export interface WorkerReady {
  readonly kind: 'worker-ready';
  readonly threadId: number;
  readonly replicaPort: number;
  /** What of its log could not be read, in words. */
  readonly logDamage: string | undefined;
  /** A version that nothing which its store holds exceeds, as far as that is known. */
  readonly newestStored: number;
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
  /** The clocks of the peers that answered; of the first worker, the others measure none. */
  | { readonly kind: 'clocks'; readonly id: number; readonly offsets: readonly PeerOffset[] }
  | { readonly kind: 'fatal'; readonly message: string }
  | { readonly kind: 'announced' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'report'; readonly id: number; readonly report: WorkerReport }
  | InspectedMessage
  /** What the node holds; undefined of all workers but the first, and where it cannot be read now. */
  | { readonly kind: 'digest'; readonly id: number; readonly contents: NodeContents | undefined }
  | { readonly kind: 'waits-started' }
  | { readonly kind: 'waits'; readonly recording: WorkerRecording | undefined }
  | StandingMessage
  | RangeMessage;

/** Worker to main: what bears on the node's standing (src/domain/standing.ts). */
export type StandingMessage =
  /**
   * A claim that came, from a peer that this worker has connected to or from one that visits us; none: the node's own is
   * wanted, as it is in every answer.
   */
  | {
      readonly kind: 'introduction';
      readonly id: number;
      readonly claim: Claim | undefined;
      readonly isConnected: boolean;
    }
  | { readonly kind: 'peer-left'; readonly url: string }
  | { readonly kind: 'node-refused'; readonly reason: string }
  /** So much of a source has been merged and is durable. */
  | { readonly kind: 'merged'; readonly progress: MergeProgress }
  /** Writes have come. */
  | { readonly kind: 'wrote' };

const standingKinds: Readonly<Record<StandingMessage['kind'], true>> = {
  introduction: true,
  'peer-left': true,
  'node-refused': true,
  merged: true,
  wrote: true,
};

export function isStandingMessage(message: WorkerMessage): message is StandingMessage {
  return Object.hasOwn(standingKinds, message.kind);
}

/** The note in a data directory that its log was found to be damaged. */
export const logDamageFile = 'log-damaged';

/** The note in a data directory of how far each log has come (workers/store/log-notes.ts). */
export const begunFile = 'begun';

/** How far a source has been merged. */
export interface MergeProgress {
  readonly source: Source;
  /** The last key, in base64. */
  readonly upTo: string;
  readonly isDone: boolean;
  /** Read of the source since the worker began. */
  readonly records: number;
  readonly bytes: number;
}

/** Main to worker: the answer to an `introduction`, or why there is none. */
export interface StandingAnswer {
  readonly kind: 'own-claim';
  readonly id: number;
  readonly claim: Claim | undefined;
  readonly error: string | undefined;
}

/** Main to worker: what the node's standing is from now on; the peers are to be introduced to again. */
export type StandingCommand =
  | StandingAnswer
  | { readonly kind: 'standing'; readonly standing: Standing; readonly sources: readonly Source[] }
  | { readonly kind: 'introduce' };

export function isStandingCommand(command: WorkerCommand): command is StandingCommand {
  return command.kind === 'own-claim' || command.kind === 'standing' || command.kind === 'introduce';
}

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
  /** Measure the peers' clocks; `newest` is what this node has seen. */
  | { readonly kind: 'measure-clocks'; readonly id: number; readonly newest: number }
  | { readonly kind: 'stop' }
  | InspectCommand
  /** What the node shows and trusts from now on. */
  | { readonly kind: 'tls'; readonly material: TlsMaterial }
  | RepairCommand
  /** Digest all that the node holds. */
  | { readonly kind: 'digest'; readonly id: number }
  /** The stamp that was wished for; undefined where there is none now. */
  | { readonly kind: 'stamp'; readonly id: number; readonly version: number | undefined }
  | { readonly kind: 'waits-start'; readonly options: WaitOptions; readonly module: string }
  | { readonly kind: 'waits-stop' }
  | PeerSilent
  | StandingCommand
  /** The end of a channel to another worker of this node, the port transferred (workers/ground/siblings.ts). */
  | { readonly kind: 'sibling'; readonly worker: number; readonly port: MessagePort }
  | RangeCommand;

/** Main to worker: say what each replica of a key holds that the worker owns, and with `repair` have all hold the newest. */
export interface InspectCommand {
  readonly kind: 'inspect';
  readonly id: number;
  readonly key: Uint8Array;
  readonly quorum: Quorum;
  readonly repair: boolean;
}

/** Worker to main: the answer to it. */
export interface InspectedMessage {
  readonly kind: 'inspected';
  readonly id: number;
  readonly inspection: Inspection;
}

/** Main to the first worker: compare with all peers now. */
export interface RepairCommand {
  readonly kind: 'repair';
}

/** Main to one worker, besides tasks. */
export type ToldCommand = RangeCommand | StandingCommand | InspectCommand | RepairCommand;

/** Main to worker: begins a scan with so many pages, hands a page back to be filled again, and ends a scan. */
export type RangeCommand =
  | { readonly kind: 'range-start'; readonly id: number; readonly request: RangeRequest; readonly pages: number }
  | { readonly kind: 'range-page'; readonly id: number; readonly page: Uint8Array }
  | { readonly kind: 'range-cancel'; readonly id: number };

/** Whether a message answers the question of a kind with this number. */
export function answersTo(kind: WorkerMessage['kind'], id: number): (message: WorkerMessage) => boolean {
  return (message) => message.kind === kind && 'id' in message && message.id === id;
}

/** What a worker says of itself for `/metrics` and `/v0/status`. */
export interface WorkerReport {
  /** As its metrics are labelled: `worker-1`. */
  readonly thread: string;
  /** Null where the system does not tell. */
  readonly osThreadId: number | null;
  readonly peers: readonly PeerStatus[];
  readonly hints: readonly HintsKept[];
  readonly repair: RepairStatus;
  readonly metrics: readonly MetricFamily[];
}
