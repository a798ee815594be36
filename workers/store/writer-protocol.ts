/** What a worker and the thread that writes to LMDB for it say to each other. */
import type { Buffer } from 'node:buffer';
import type { ErrorCode } from '../../src/diagnostics/errors.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import type { PlacementHistory } from '../../src/domain/surplus.ts';
import type { Version } from '../../src/formats/record.ts';
import type { LayerOffsets } from './memtable.ts';

/** Which logs a start replays: all that the directory holds, or this owner's, whose worker died. */
export type ReplayScope = 'all' | 'own';

/** The thread's `workerData`. */
export interface WriterOptions {
  readonly directory: string;
  readonly storeBytesMax: number;
  readonly owner: number;
  /** Workers of the node: logs of owners past them are removed once they are replayed. */
  readonly workers: number;
  readonly replay: ReplayScope;
  /** The cluster that digests are kept for. */
  readonly placement: Placement;
  /** How fast the store is looked through for damage, by the first owner's thread; 0: not at all. */
  readonly verifyBytesPerSecondMax: number;
}

/** What the replay found of one owner's log. */
export interface ReplayedLog {
  readonly owner: number;
  /** The greatest sequence, and a position that no segment reaches. */
  readonly sequence: number;
  readonly base: number;
  /** All of its files; those without a header among them; and those that are not in LMDB, since the disk is full. */
  readonly files: readonly string[];
  readonly strangers: readonly string[];
  readonly waiting: readonly string[];
}

/** Of an owner that has no log. */
export function noLog(owner: number): ReplayedLog {
  return { owner, sequence: 0, base: 0, files: [], strangers: [], waiting: [] };
}

export interface Replayed {
  readonly logs: readonly ReplayedLog[];
  /** Entries read. */
  readonly records: number;
  readonly seconds: number;
  /** What of the log was damaged and given up, in words. */
  readonly damage: string | undefined;
  /** A version that nothing stored exceeds, in LMDB or waiting for it; of stores of format 1 and 2 nobody knows one: 0. */
  readonly newest: Version;
}

/** The thread has replayed and takes jobs. */
export interface WriterReady {
  readonly kind: 'writer-ready';
  readonly replayed: Replayed;
  /** A version that no record in LMDB exceeds, where that is known. */
  readonly bound: Version | undefined;
  /** The purge floors of this owner (`formatFloors`). */
  readonly floors: string | undefined;
  /** The lists that the store was kept under, and whether this owner has nothing for the former ones' sake. */
  readonly history: PlacementHistory;
  readonly isSurplusGone: boolean;
}

export interface WriterFailed {
  readonly kind: 'writer-failed';
  readonly code: ErrorCode;
  readonly message: string;
}

/** A segment to be brought into LMDB. */
export interface CheckpointJob {
  /** Of its file. */
  readonly name: string;
  readonly sequence: number;
  readonly offsets: LayerOffsets;
  /** Over how long to spread it, milliseconds. */
  readonly spreadMs: number;
}

/** What is to go. */
export interface PurgeJob {
  readonly below: Version;
  /** The floors that are to be kept with that (`formatFloors`). */
  readonly floors: string;
}

/** A copy that is here for a former list's sake only, as it was found: its key, and its record's header. */
export interface SurplusCopy {
  readonly key: Buffer;
  readonly header: Buffer;
}

/** Copies that are to go, as far as they are what they were. */
export interface LetGoJob {
  readonly copies: readonly SurplusCopy[];
  /** The floors that are to be kept with that (`formatFloors`). */
  readonly floors: string;
  /** Whether the owner has nothing left for a former list's sake then. */
  readonly isAll: boolean;
}

/** What the thread is asked; `id` comes back with the end. */
export type Job =
  /** Bring a full segment into LMDB. */
  | ({ readonly kind: 'checkpoint'; readonly id: number } & CheckpointJob)
  /** Checkpoints that were asked for by now are not to take their time any more; this has no end of its own. */
  | { readonly kind: 'hurry'; readonly id: number }
  /** Put chunks of a set, from number `first` on. */
  | {
      readonly kind: 'chunks';
      readonly id: number;
      readonly setId: Uint8Array;
      readonly first: number;
      readonly chunks: readonly Uint8Array[];
    }
  | { readonly kind: 'remove-set'; readonly id: number; readonly setId: Uint8Array }
  /** Remove a damaged record that no replica has. */
  | { readonly kind: 'drop-damaged'; readonly id: number; readonly key: Uint8Array }
  /** Have the digests built anew, when there is time: what a damaged record counted for is not known. */
  | { readonly kind: 'rebuild-digests'; readonly id: number }
  /** Remove tombstones and expired values, when there is time. */
  | ({ readonly kind: 'purge'; readonly id: number } & PurgeJob)
  /** Remove copies of keys that are none of this node's any more, when there is time. */
  | ({ readonly kind: 'let-go'; readonly id: number } & LetGoJob)
  | { readonly kind: 'close'; readonly id: number };

/** `full`: the disk has no room, nothing of the job is there. `failed`: the disk failed, the node must end. */
export type JobEnd =
  | { readonly kind: 'done'; readonly id: number; readonly records: number; readonly seconds: number }
  | { readonly kind: 'full'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };

/** The thread has come upon a record in LMDB that is damaged. */
export interface FoundDamage {
  readonly kind: 'damaged';
  readonly key: Uint8Array;
}

export type WriterMessage = WriterReady | WriterFailed | JobEnd | FoundDamage;
