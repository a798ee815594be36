/** Which of two records under a key a replica keeps, and what it says to a write that does not win. */
import type { Buffer } from 'node:buffer';
import { isLargeHead } from '../../src/formats/large-head.ts';
import { compareRecords } from '../../src/domain/merge.ts';
import { replyCodes, type ReplyCode } from '../../src/formats/codes.ts';
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
  /** Undefined where that was damaged, so that nobody knows how new it was; the write is stored then. */
  readonly version: Version | undefined;
  readonly nodeId: NodeId;
}

/** What a write meets under its key: it wins, is what stands there already, meets what it cannot be compared with, or loses. */
export type Meeting = 'wins' | 'again' | 'damaged' | 'loses';

export function meet(record: Buffer, current: Buffer, key: Buffer): Meeting {
  if (current.length < RECORD_HEADER_BYTES) return 'damaged';
  const order = compareRecords(
    { bytes: record, offset: 0, length: record.length },
    { bytes: current, offset: 0, length: current.length },
  );
  if (order > 0) return 'wins';
  // A damaged version field could hide every write to come, so a record that wins over a new one must prove itself.
  if (!isIntact(current, 0, current.length, key) && !isLargeHead(current)) return 'damaged';
  return areSameWrite(record, current) ? 'again' : 'loses';
}

/** Why a write of this version is not merged; undefined where it may be. */
export function refusalOf(version: Version, ceiling: Version): ReplyCode | undefined {
  if (!isVersion(version) || version === 0) return replyCodes.failed;
  return version > ceiling ? replyCodes.refusedClock : undefined;
}

/** Whether the new record replaces the current one: it is newer, or the current one is damaged. */
export function wins(record: Buffer, current: Buffer, key: Buffer): boolean {
  const meeting = meet(record, current, key);
  return meeting === 'wins' || meeting === 'damaged';
}

/** What stands or stood in the way of a write that has met it; undefined where nothing does. */
export function supersededBy(current: Buffer | undefined, meeting: Meeting): Superseding | undefined {
  if (meeting === 'damaged') return { version: undefined, nodeId: 0 };
  if (meeting !== 'loses' || current === undefined) return undefined;
  return { version: readVersion(current, 0), nodeId: readNodeId(current, 0) };
}

/** No two writes share a stamp; a large value's head stands for its record. */
function areSameWrite(record: Buffer, current: Buffer): boolean {
  return readVersion(record, 0) === readVersion(current, 0) && readNodeId(record, 0) === readNodeId(current, 0);
}
