/** Which of two records under a key a replica keeps, and what it says to a write that does not win. */
import type { Buffer } from 'node:buffer';
import { areSameLargeWrite, isLargeHead } from '../../src/formats/large-head.ts';
import { compareRecords } from '../../src/domain/merge.ts';
import { replyCodes, type ReplyCode } from '../../src/formats/codes.ts';
import { isRepair, isSecondRound, isVouched, keyOf, recordOf, type Entry } from '../../src/formats/frame.ts';
import {
  isIntact,
  isVersion,
  readNodeId,
  readVersion,
  RECORD_HEADER_BYTES,
  type NodeId,
  type Version,
} from '../../src/formats/record.ts';

/** What came of a merge: `applied`, why it was refused, or what stands in its way. */
export type Merged = ReplyCode | Superseding;

/** The record that stands in a write's way, or stood there. */
export interface Superseding {
  /** Undefined where that is damaged, so that nobody knows how new it was. */
  readonly version: Version | undefined;
  readonly nodeId: NodeId;
}

/** What a write meets under its key: it wins, is what stands there already, meets what it cannot be compared with, or loses. */
export type Meeting = 'wins' | 'again' | 'damaged' | 'loses';

/**
 * Two writes share a stamp only where a node's directory was replaced by an older copy of itself, which does not know what it
 * stamped since. Then the one that loses must not be taken for the other one, which stands there.
 */
export function meet(record: Buffer, current: Buffer, key: Buffer): Meeting {
  if (current.length < RECORD_HEADER_BYTES) return 'damaged';
  const order = compareRecords(
    { bytes: record, offset: 0, length: record.length },
    { bytes: current, offset: 0, length: current.length },
  );
  // A damaged version field could hide every write to come, or what was acknowledged.
  if (!isIntact(current, 0, current.length, key) && !isLargeHead(current)) return 'damaged';
  if (order > 0) return 'wins';
  return order === 0 || areSameLargeWrite(record, current) ? 'again' : 'loses';
}

/** Whether a version can be one of a write. */
export function isWriteVersion(version: Version): boolean {
  return isVersion(version) && version > 0;
}

/** Whether the new record replaces the current one: it is newer, or the current one is damaged. */
export function wins(record: Buffer, current: Buffer, key: Buffer): boolean {
  const meeting = meet(record, current, key);
  return meeting === 'wins' || meeting === 'damaged';
}

/** What a write brings besides its record. */
export interface MergeTerms {
  /** The newest version that was seen here before: nothing stored here is newer. */
  readonly newest: Version;
  /** Somebody who has asked enough other replicas says that no acknowledged write is newer (`entryFlags.vouched`). */
  readonly isVouched: boolean;
  /** A write in its first round, for which `superseded` is no acknowledgement. */
  readonly isFirstRound: boolean;
}

/**
 * What a write that does not win is told; undefined where it wins and is to be stored.
 *
 * A damaged record gives way only to what is certain to be newer or as new: else the replica would vote with something older
 * than what it has acknowledged. Until then the key stays damaged, and is no vote, nor does it acknowledge what it does not take.
 */
export function loserOf(meeting: Meeting, record: Buffer, current: Buffer, terms: MergeTerms): Merged | undefined {
  switch (meeting) {
    case 'wins':
      return undefined;
    case 'again':
      return replyCodes.applied;
    case 'loses':
      return { version: readVersion(current, 0), nodeId: readNodeId(current, 0) };
    case 'damaged':
      if (terms.isVouched || readVersion(record, 0) > terms.newest) return undefined;
      return terms.isFirstRound ? { version: undefined, nodeId: 0 } : replyCodes.damaged;
    default:
      return meeting satisfies never;
  }
}

/** What a write of an entry brings besides its record; `newest` as in `MergeTerms`. */
export function termsOf(entry: Entry, newest: Version): MergeTerms {
  return { newest, isVouched: isVouched(entry), isFirstRound: !isRepair(entry) && !isSecondRound(entry) };
}

/** What a small write that meets `current` is told; undefined where it wins. */
export function whyLost(entry: Entry, current: Buffer, newest: Version): Merged | undefined {
  const record = recordOf(entry);
  return loserOf(meet(record, current, keyOf(entry)), record, current, termsOf(entry, newest));
}
