/**
 * What a scan reads from: this node's store (store/range.ts) or a peer (ranges/peer-range.ts), as a head entry that moves on.
 * Sources are passive and bounded: they read ahead of their head only as far as their own bound.
 */
import type { Buffer } from 'node:buffer';
import type { RangeEntry } from '../../src/formats/range-format.ts';

/**
 * `entry`: a head is there. `working`: `work` does the next step towards it. `waiting`: it has to come from elsewhere.
 * `ended` and `failed` are final.
 */
export type SourceState = 'entry' | 'working' | 'waiting' | 'ended' | 'failed';

export interface RangeSource {
  readonly state: SourceState;
  /** Why it failed. */
  readonly error: string | undefined;
  /** Why it does not count, although what it shows does: its node has lost data. Known when the first head is there, or the end. */
  readonly lack?: string | undefined;
  /** The head; valid in state `entry`, until `advance`. */
  readonly entry: RangeEntry;
  /** Whether the head's value is taken in pieces. */
  readonly isLarge: boolean;
  /** Goes on to the next entry. */
  advance(): void;
  /** Does a step of less than a millisecond. */
  work(): void;
  /** The next piece of a large value, valid until the next call; undefined at its end, and where none has come yet. */
  takeValue(): Buffer | undefined;
  /** Whether pieces of the value are to come. */
  readonly hasValue: boolean;
  /** Whether tombstones were left out right before the head, or before the end (ranges/sparse-source.ts). */
  readonly leavesOut?: boolean;
  /** Stands at a key and shows what was left out from there on. */
  show?(from: Uint8Array): void;
  /** Lets go of everything; no other call may follow. */
  close(): void;
}
