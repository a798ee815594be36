/**
 * Operation frames: many operations in one run of bytes.
 *
 * A frame from the main thread to a worker, from a worker to a peer's worker, and from a peer are the same bytes: a
 * sequence of entries with no header, so that frames can be forwarded whole and put one behind the other. All numbers
 * are little-endian.
 *
 *   offset  size  field
 *        0     4  entry bytes, this field included
 *        4     4  tag: the main thread's slot for the operation; replicas ignore it
 *        8     1  kind: 1 read, 2 write
 *        9     1  acksRequired
 *       10     1  replicaCount
 *       11     1  flags (`entryFlags`), 0 in most entries
 *       12     2  key bytes
 *       14     .  key, then for a write the record (record.ts)
 *
 * A frame cut short must not read its neighbour, so lengths are checked here whoever sent it. What a peer's entry says is
 * checked as a client's request is, entry by entry (peer-entry.ts).
 */
import { Buffer } from 'node:buffer';
import { KvorumError } from '../diagnostics/errors.ts';
import { operationKinds, type OperationKind } from './codes.ts';
import { readStamp, RECORD_HEADER_BYTES, sealRecord, sealRecordInSteps, type Stamp } from './record.ts';

export const ENTRY_HEADER_BYTES = 14;
const FLAGS_OFFSET = 11;

/** Bits of an entry's flags byte. */
export const entryFlags = {
  /** A read that also takes a large value. */
  largeRead: 1,
  /** A write that somebody acknowledged or may have acknowledged long ago, sent to a replica that lacks it. */
  repair: 2,
  /** A write that was stamped again, above what kept its first stamp from winning. */
  secondRound: 4,
  /** A write that a replica missed while it was away, kept for it: like a repair no write of now. */
  hint: 8,
  /**
   * A read that wants to know the newest version only: its record is announced, however small. With `largeRead` the whole of
   * it is read and checked before that.
   */
  announceOnly: 16,
  /** A client's wish: the coordinator is to make the operation linearizable. Replicas do nothing about it. */
  strict: 32,
  /**
   * A repair: of so many other replicas as every quorum has one among, none votes for anything newer, or says that it was deleted
   * unless enough others hold it.
   */
  vouched: 64,
  /** A read whose client may do without the value: of a large one, what its announcement says is enough for the answer. */
  headOnly: 128,
} as const;

/** The flags that entries of each kind may have. */
export const flagsOfKind: Readonly<Record<OperationKind, number>> = {
  [operationKinds.read]: entryFlags.largeRead | entryFlags.announceOnly | entryFlags.strict | entryFlags.headOnly,
  [operationKinds.write]:
    entryFlags.repair | entryFlags.secondRound | entryFlags.hint | entryFlags.strict | entryFlags.vouched,
};

/** How many bytes an entry takes; `valueBytes`, with the expiry before the value, is undefined for a read. */
export function entryBytes(keyBytes: number, valueBytes: number | undefined): number {
  return ENTRY_HEADER_BYTES + keyBytes + (valueBytes === undefined ? 0 : RECORD_HEADER_BYTES + valueBytes);
}

/** How many replicas hold the key, and how many of them must answer. `1 <= acksRequired <= replicaCount`. */
export interface Quorum {
  readonly acksRequired: number;
  readonly replicaCount: number;
}

/** What the head of an entry says. */
export interface EntryHead {
  readonly tag: number;
  readonly kind: OperationKind;
  readonly quorum: Quorum;
  /** `entryFlags`; none by default. */
  readonly flags?: number;
}

/** Where the record of a write stands in its entry that starts at `offset`. */
export function recordOffset(offset: number, keyBytes: number): number {
  return offset + ENTRY_HEADER_BYTES + keyBytes;
}

/** Where the value of a write stands in its entry that starts at `offset`, or the expiry before it. */
export function valueOffset(offset: number, keyBytes: number): number {
  return offset + ENTRY_HEADER_BYTES + keyBytes + RECORD_HEADER_BYTES;
}

/** Writes a read at `offset`; returns the end of the entry. `target` must have room for `entryBytes`. */
export function writeRead(target: Buffer, offset: number, head: EntryHead, key: Uint8Array): number {
  const length = entryBytes(key.length, undefined);
  writeHead(target, offset, length, head, key);
  return offset + length;
}

/**
 * Writes a write at `offset`, whose value already stands at `valueOffset`, and seals its record; returns the end of the
 * entry.
 */
export function writeWrite(
  target: Buffer,
  offset: number,
  head: EntryHead,
  key: Uint8Array,
  record: { readonly stamp: Stamp; readonly valueBytes: number },
): number {
  const length = entryBytes(key.length, record.valueBytes);
  writeHead(target, offset, length, head, key);
  sealRecord(target, offset + ENTRY_HEADER_BYTES + key.length, record.valueBytes, key, record.stamp);
  return offset + length;
}

/** Writes an entry at the start of `target` that carries a sealed record on to a replica that lacks it. */
export function writeRepair(
  target: Buffer,
  { quorum, isVouched: vouches }: { readonly quorum: Quorum; readonly isVouched: boolean },
  key: Uint8Array,
  record: Uint8Array,
): void {
  const flags = entryFlags.repair | (vouches ? entryFlags.vouched : 0);
  const head = { tag: 0, kind: operationKinds.write, quorum, flags };
  writeHead(target, 0, target.length, head, key);
  target.set(record, ENTRY_HEADER_BYTES + key.length);
}

/** Writes a write of a record that was sealed before at `offset`; returns the end of the entry. */
export function writeSealed(
  target: Buffer,
  offset: number,
  head: EntryHead,
  key: Uint8Array,
  record: Uint8Array,
): number {
  const length = ENTRY_HEADER_BYTES + key.length + record.length;
  writeHead(target, offset, length, head, key);
  target.set(record, offset + ENTRY_HEADER_BYTES + key.length);
  return offset + length;
}

/** Writes an entry at `offset` that brings a replica what it missed while it was away; returns its end. */
export function writeHint(target: Buffer, offset: number, key: Uint8Array, record: Uint8Array): number {
  const quorum = { acksRequired: 1, replicaCount: 1 };
  const head = { tag: 0, kind: operationKinds.write, quorum, flags: entryFlags.hint };
  return writeSealed(target, offset, head, key, record);
}

/** `writeWrite` at the start of a frame, in steps, for a large value. */
export function writeWriteInSteps(
  target: Buffer,
  head: EntryHead,
  key: Uint8Array,
  record: { readonly stamp: Stamp; readonly valueBytes: number },
): Generator<void, void> {
  writeHead(target, 0, entryBytes(key.length, record.valueBytes), head, key);
  return sealRecordInSteps(target, ENTRY_HEADER_BYTES + key.length, record.valueBytes, key, record.stamp);
}

function writeHead(target: Buffer, offset: number, length: number, head: EntryHead, key: Uint8Array): void {
  target.writeUInt32LE(length, offset);
  target.writeUInt32LE(head.tag, offset + 4);
  target[offset + 8] = head.kind;
  target[offset + 9] = head.quorum.acksRequired;
  target[offset + 10] = head.quorum.replicaCount;
  target[offset + FLAGS_OFFSET] = head.flags ?? 0;
  target.writeUInt16LE(key.length, offset + 12);
  target.set(key, offset + ENTRY_HEADER_BYTES);
}

/** One operation of a frame, as a view: positions in `bytes`, nothing copied. */
export interface Entry {
  readonly bytes: Buffer;
  readonly offset: number;
  readonly length: number;
  readonly kind: OperationKind;
  readonly keyStart: number;
  readonly keyEnd: number;
}

/** The entries of a frame in order. Throws `corrupt-frame` where the bytes do not parse to their end. */
export function readEntries(bytes: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const entry = readEntry(bytes, offset);
    entries.push(entry);
    offset += entry.length;
  }
  return entries;
}

function readEntry(bytes: Buffer, offset: number): Entry {
  const entry = entryAt(bytes, offset);
  const fault = layoutFault(entry);
  if (fault !== undefined) throw corrupt(offset, fault);
  return entry;
}

/**
 * The entry at `offset` as far as its length tells: its other fields may contradict that (`layoutFault`). Throws
 * `corrupt-frame` where the length is impossible, so that what follows cannot be found either.
 */
export function entryAt(bytes: Buffer, offset: number): Entry {
  if (bytes.length - offset < ENTRY_HEADER_BYTES) throw corrupt(offset, 'is cut short');
  const length = bytes.readUInt32LE(offset);
  if (length < ENTRY_HEADER_BYTES || length > bytes.length - offset) throw corrupt(offset, 'has impossible lengths');
  const keyStart = offset + ENTRY_HEADER_BYTES;
  const keyEnd = keyStart + bytes.readUInt16LE(offset + 12);
  return { bytes, offset, length, kind: bytes[offset + 8] as OperationKind, keyStart, keyEnd };
}

/** Why the fields of an entry cannot be read as an operation; undefined where they can. */
export function layoutFault({ offset, length, kind, keyStart, keyEnd }: Entry): string | undefined {
  const recordBytes = offset + length - keyEnd;
  if (kind !== operationKinds.read && kind !== operationKinds.write) return 'is of an unknown kind';
  const isPossible = kind === operationKinds.read ? recordBytes === 0 : recordBytes >= RECORD_HEADER_BYTES;
  return isPossible && keyEnd > keyStart ? undefined : 'has impossible lengths';
}

/** The tag of an entry. */
export function tagOf(entry: Entry): number {
  return entry.bytes.readUInt32LE(entry.offset + 4);
}

/** How many acknowledgements the entry's operation needs. */
export function acksRequiredOf(entry: Entry): number {
  return entry.bytes[entry.offset + 9] as number;
}

/** How many replicas the entry's operation goes to. */
export function replicaCountOf(entry: Entry): number {
  return entry.bytes[entry.offset + 10] as number;
}

/** The entry of a read again, in a frame of its own, that also takes a large value. */
export function largeRead(entry: Entry): Entry {
  const bytes = Buffer.from(entryView(entry));
  bytes[FLAGS_OFFSET] = entryFlags.largeRead;
  return readEntry(bytes, 0);
}

/** The read, in a frame of its own, that asks which is the newest version under an entry's key. */
export function versionRead(entry: Entry): Entry {
  const keyBytes = entry.keyEnd - entry.keyStart;
  const bytes = Buffer.from(entry.bytes.subarray(entry.offset, entry.offset + ENTRY_HEADER_BYTES + keyBytes));
  bytes.writeUInt32LE(bytes.length, 0);
  bytes[8] = operationKinds.read;
  bytes[FLAGS_OFFSET] = entryFlags.announceOnly;
  return readEntry(bytes, 0);
}

/** A write with another stamp, in a frame of its own; in steps, as a large value needs them. */
export function* stampAgain(entry: Entry, stamp: Omit<Stamp, 'kind'>): Generator<void, Entry> {
  const bytes = allocateFrame(entry.length);
  bytes.set(entryView(entry));
  bytes[FLAGS_OFFSET] = flagsOf(entry) | entryFlags.secondRound;
  const copy = readEntry(bytes, 0);
  const { kind } = readStamp(bytes, copy.keyEnd);
  const valueBytes = entry.length - copy.keyEnd - RECORD_HEADER_BYTES;
  yield* sealRecordInSteps(bytes, copy.keyEnd, valueBytes, keyOf(copy), { ...stamp, kind });
  return copy;
}

/** Whether a read also takes a large value. */
export function isLargeRead(entry: Entry): boolean {
  return (flagsOf(entry) & entryFlags.largeRead) !== 0;
}

/** Whether a read wants to know the newest version only. */
export function isAnnounceOnly(entry: Entry): boolean {
  return (flagsOf(entry) & entryFlags.announceOnly) !== 0;
}

/** Whether what announces a large value answers a read. */
export function isHeadOnly(entry: Entry): boolean {
  return (flagsOf(entry) & entryFlags.headOnly) !== 0;
}

/** Whether an operation is to be linearizable. */
export function isStrict(entry: Entry): boolean {
  return (flagsOf(entry) & entryFlags.strict) !== 0;
}

/** Whether a write brings what some replica holds already to one that lacks it. */
export function isRepair(entry: Entry): boolean {
  return (flagsOf(entry) & (entryFlags.repair | entryFlags.hint)) !== 0;
}

/** Whether nothing that was acknowledged is newer than a repair. */
export function isVouched(entry: Entry): boolean {
  return (flagsOf(entry) & entryFlags.vouched) !== 0;
}

/** Whether a write was stamped again, above what kept its first stamp from winning. */
export function isSecondRound(entry: Entry): boolean {
  return (flagsOf(entry) & entryFlags.secondRound) !== 0;
}

/** The flags of an entry (`entryFlags`). */
export function flagsOf(entry: Entry): number {
  return entry.bytes[entry.offset + FLAGS_OFFSET] as number;
}

/** The key of an entry, as a view. */
export function keyOf(entry: Entry): Buffer {
  return entry.bytes.subarray(entry.keyStart, entry.keyEnd);
}

/** The record of a write, as a view; empty for a read. */
export function recordOf(entry: Entry): Buffer {
  return entry.bytes.subarray(entry.keyEnd, entry.offset + entry.length);
}

/** The bytes of an entry, as a view. */
export function entryView(entry: Entry): Buffer {
  return entry.bytes.subarray(entry.offset, entry.offset + entry.length);
}

/** A buffer that owns its memory whole, so that it can be transferred to another thread. */
export function allocateFrame(size: number): Buffer {
  return Buffer.allocUnsafeSlow(size);
}

function corrupt(offset: number, what: string): KvorumError {
  return new KvorumError('corrupt-frame', `Frame entry at byte ${offset} ${what}`);
}
