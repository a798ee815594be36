/**
 * Records: what a replica stores under a key. Which of two records wins is a rule (src/domain/merge.ts).
 *
 * A record is a header and the value, in the same bytes on disk, between threads and between nodes, so that nothing on
 * the way re-encodes it:
 *
 *   offset  size  field
 *        0     4  checksum: CRC-32 of the key followed by bytes 4 to the end
 *        4     4  node id of the coordinator that stamped the version
 *        8     8  version, a float64 that holds a safe integer (microseconds)
 *       16     1  kind: 0 value, 1 tombstone, 3 value that expires (2 is only in stores: large-head.ts)
 *       17     .  value bytes (none in a tombstone); in a value that expires first when, a float64 of milliseconds since 1970
 *
 * From that instant on, by the clock of whoever looks, a value that expires is for readers like a tombstone. For the order of
 * merging it stays what it is, so that replicas need not agree on the time.
 *
 * All numbers are little-endian. LMDB has no page checksums, so the record carries its own, made by the coordinator and
 * checked on every read: it covers the disk and every hop between.
 */
import type { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { crcOf } from './crc.ts';

export const RECORD_HEADER_BYTES = 17;
/** What stands between the header and the value of a record that expires. */
export const EXPIRY_BYTES = 8;

const CHECKSUM_OFFSET = 0;
const NODE_OFFSET = 4;
const VERSION_OFFSET = 8;
const KIND_OFFSET = 16;

/** Microseconds since 1970; a safe integer (src/domain/version.ts). */
export type Version = number;

/** Which node stamped a record; unsigned 32 bits, never 0 (src/domain/topology.ts). */
export type NodeId = number;

export const recordKinds = { value: 0, tombstone: 1, expiring: 3 } as const;

/**
 * Values above this, an expiry before them included, are sealed, checked, stored and read in steps, so that none of it holds
 * up an event loop.
 */
export const largeValueBytes = 128 * 1024;

/** Whether a record of so many bytes has a large value. */
export function isLargeRecord(recordBytes: number): boolean {
  return recordBytes > RECORD_HEADER_BYTES + largeValueBytes;
}

export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds];

/** What the header says, without the value. */
export interface Stamp {
  readonly version: Version;
  readonly nodeId: NodeId;
  readonly kind: RecordKind;
}

/**
 * Writes the header of the record at `offset`, whose value of `valueBytes` bytes stands after it already, an expiry before it
 * included (`writeExpiry`), and its checksum over `key`. Returns nothing: the record's bytes are the result.
 */
export function sealRecord(target: Buffer, offset: number, valueBytes: number, key: Uint8Array, stamp: Stamp): void {
  writeStamp(target, offset, stamp);
  const recordBytes = RECORD_HEADER_BYTES + valueBytes;
  target.writeUInt32LE(checksum(target, offset, recordBytes, keyChecksum(key)), offset + CHECKSUM_OFFSET);
}

/**
 * Whether the record at `offset` is long enough, of a known kind, has a version that the order of merging is total over
 * (NaN would break it) and matches its checksum for this key.
 */
export function isIntact(bytes: Buffer, offset: number, recordBytes: number, key: Uint8Array): boolean {
  return isIntactUnder(bytes, offset, recordBytes, keyChecksum(key));
}

/** `isIntact` for a key whose checksum is known. */
export function isIntactUnder(bytes: Buffer, offset: number, recordBytes: number, ownKeyChecksum: number): boolean {
  return (
    hasSoundHeader(bytes, offset, recordBytes) &&
    checksum(bytes, offset, recordBytes, ownKeyChecksum) === bytes.readUInt32LE(offset + CHECKSUM_OFFSET)
  );
}

/** CRC-32 of a key, an unsigned 32-bit integer: where the checksum of each of its records starts. */
export function keyChecksum(key: Uint8Array): number {
  return crcOf(key, 0, key.length);
}

/** The version of the record at `offset`. */
export function readVersion(bytes: Buffer, offset: number): Version {
  return bytes.readDoubleLE(offset + VERSION_OFFSET);
}

/** The id of the node that stamped the record at `offset`. */
export function readNodeId(bytes: Buffer, offset: number): NodeId {
  return bytes.readUInt32LE(offset + NODE_OFFSET);
}

/** The kind of the record at `offset`. */
export function readKind(bytes: Buffer, offset: number): RecordKind {
  return bytes[offset + KIND_OFFSET] as RecordKind;
}

/** How many bytes stand before the value of the record at `offset`. */
export function headerBytesOf(bytes: Buffer, offset: number): number {
  return readKind(bytes, offset) === recordKinds.expiring ? RECORD_HEADER_BYTES + EXPIRY_BYTES : RECORD_HEADER_BYTES;
}

/** When the value of the record at `offset` expires, milliseconds since 1970; 0 where it does not. */
export function readExpiry(bytes: Buffer, offset: number): number {
  return readKind(bytes, offset) === recordKinds.expiring ? bytes.readDoubleLE(offset + RECORD_HEADER_BYTES) : 0;
}

/** Writes when the value of the record at `offset` expires, milliseconds since 1970; before it is sealed. */
export function writeExpiry(target: Buffer, offset: number, expiresAt: number): void {
  target.writeDoubleLE(expiresAt, offset + RECORD_HEADER_BYTES);
}

/** Whether the record at `offset` has no value for a reader: a tombstone, or expired. `wallMs` is only asked where that counts. */
export function isGone(bytes: Buffer, offset: number, wallMs: () => number): boolean {
  const kind = readKind(bytes, offset);
  if (kind === recordKinds.expiring) return bytes.readDoubleLE(offset + RECORD_HEADER_BYTES) <= wallMs();
  return kind === recordKinds.tombstone;
}

/** Whether the record at `offset` marks a deletion. */
export function isTombstone(bytes: Buffer, offset: number): boolean {
  return readKind(bytes, offset) === recordKinds.tombstone;
}

/** The version, node id and kind of the record at `offset`. */
export function readStamp(bytes: Buffer, offset: number): Stamp {
  return {
    version: readVersion(bytes, offset),
    nodeId: readNodeId(bytes, offset),
    kind: readKind(bytes, offset),
  };
}

/** A record inside a larger buffer. */
export interface RecordView {
  readonly bytes: Buffer;
  readonly offset: number;
  readonly length: number;
}

/** What a long checksum does between two pauses: 512 KiB take about 0.3 ms. */
const STEP_BYTES = 512 * 1024;

/** `sealRecord` in steps, for values that would hold up the event loop (steps.ts). */
export function* sealRecordInSteps(
  target: Buffer,
  offset: number,
  valueBytes: number,
  key: Uint8Array,
  stamp: Stamp,
): Generator<void, void> {
  writeStamp(target, offset, stamp);
  const sum = yield* checksumInSteps(target, offset, RECORD_HEADER_BYTES + valueBytes, key);
  target.writeUInt32LE(sum, offset + CHECKSUM_OFFSET);
}

/** `isIntact` in steps. */
export function* isIntactInSteps(
  bytes: Buffer,
  offset: number,
  recordBytes: number,
  key: Uint8Array,
): Generator<void, boolean> {
  if (!hasSoundHeader(bytes, offset, recordBytes)) return false;
  return (yield* checksumInSteps(bytes, offset, recordBytes, key)) === bytes.readUInt32LE(offset + CHECKSUM_OFFSET);
}

/**
 * What `isIntact` looks at besides the checksum: a known kind, a version that records can be ordered by, and an expiry that is
 * one.
 */
export function hasSoundHeader(bytes: Buffer, offset: number, recordBytes: number): boolean {
  if (recordBytes < RECORD_HEADER_BYTES || !isVersion(readVersion(bytes, offset))) return false;
  const kind = readKind(bytes, offset);
  if (kind !== recordKinds.expiring) return kind === recordKinds.value || kind === recordKinds.tombstone;
  return recordBytes >= RECORD_HEADER_BYTES + EXPIRY_BYTES && Number.isSafeInteger(readExpiry(bytes, offset));
}

/** Whether a number can be a version: versions are ordered, which NaN is not. */
export function isVersion(version: number): boolean {
  return Number.isSafeInteger(version) && version >= 0;
}

function* checksumInSteps(
  bytes: Buffer,
  offset: number,
  recordBytes: number,
  key: Uint8Array,
): Generator<void, number> {
  let sum = keyChecksum(key);
  const end = offset + recordBytes;
  for (let at = offset + NODE_OFFSET; at < end; at += STEP_BYTES) {
    sum = crc32(bytes.subarray(at, Math.min(at + STEP_BYTES, end)), sum);
    yield;
  }
  return sum;
}

function checksum(bytes: Buffer, offset: number, recordBytes: number, ownKeyChecksum: number): number {
  return crcOf(bytes, offset + NODE_OFFSET, offset + recordBytes, ownKeyChecksum);
}

function writeStamp(target: Buffer, offset: number, stamp: Stamp): void {
  target.writeUInt32LE(stamp.nodeId, offset + NODE_OFFSET);
  target.writeDoubleLE(stamp.version, offset + VERSION_OFFSET);
  target[offset + KIND_OFFSET] = stamp.kind;
}
