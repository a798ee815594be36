/**
 * The write-ahead log's bytes. A log is a sequence of segments, files of one length that are used again and again; a
 * segment is a header and groups, a group the writes that one `write` appended together. All numbers are little-endian,
 * sequences, positions and versions float64 that hold safe integers.
 *
 *   segment header, 4,096 bytes       group, starts at a multiple of 8
 *   offset  size  field               offset  size  field
 *        0     8  "kvorumlg"               0     4  "KLG1"
 *        8     4  format                   4     4  bytes of the group, this header included
 *       12     4  owner                    8     8  position
 *       16     8  sequence                16     8  synced: the position up to which all is on the disk
 *       24     8  base                    24     4  entries
 *       32     8  end of the one before    28     4  CRC-32 of bytes 4 to 28 and of the entries
 *       40     8  start of the run         32     .  entries: record bytes u32, key bytes u16, key, record
 *       48     4  bytes of the file
 *       52     4  CRC-32 of bytes 0 to 52
 *     2048    56  all of that again
 * A position counts the bytes of a log over all its segments: the segment's base and the offset in its file. What an
 * earlier use of the file left behind a segment's end therefore never reads as a group: its position is another one. A
 * group below a position that some other group calls synced was on the disk, so if it does not read it is damage; above,
 * it is a write that a crash cut off, and nobody was promised it at durability `fsync`.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { isLargeHead } from './large-head.ts';
import { isIntact, RECORD_HEADER_BYTES } from './record.ts';

export const LOG_FORMAT = 1;
export const SEGMENT_HEADER_BYTES = 4096;
export const GROUP_HEADER_BYTES = 32;

const SEGMENT_MAGIC = Buffer.from('kvorumlg');
const SEGMENT_FIELDS_BYTES = 52;
/** Another sector of the disk: one that is damaged does not make a whole segment look like a file that was never used. */
const SEGMENT_COPY_OFFSET = 2048;
const GROUP_MAGIC = Buffer.from('KLG1');
const ENTRY_HEAD_BYTES = 6;
/** Groups start at a multiple of this, so that the next one is found behind a damaged one. */
const ALIGNMENT = 8;

/** What stands at the start of a segment's file. */
export interface SegmentHeader {
  /** The worker that writes it, from 0. */
  readonly owner: number;
  /** Counts an owner's segments from 1. */
  readonly sequence: number;
  /** The position of the file's first byte. */
  readonly base: number;
  /** The position behind the last group of the segment before. */
  readonly previousEnd: number;
  /** The position at which the process began that writes it. */
  readonly runStart: number;
  /** Length of the file, bytes. */
  readonly segmentBytes: number;
}

/** The bytes of a segment's header, `SEGMENT_HEADER_BYTES` of them. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(bytes);
  bytes.writeUInt32LE(LOG_FORMAT, 8);
  bytes.writeUInt32LE(header.owner, 12);
  bytes.writeDoubleLE(header.sequence, 16);
  bytes.writeDoubleLE(header.base, 24);
  bytes.writeDoubleLE(header.previousEnd, 32);
  bytes.writeDoubleLE(header.runStart, 40);
  bytes.writeUInt32LE(header.segmentBytes, 48);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, SEGMENT_FIELDS_BYTES)), SEGMENT_FIELDS_BYTES);
  bytes.copy(bytes, SEGMENT_COPY_OFFSET, 0, SEGMENT_FIELDS_BYTES + 4);
  return bytes;
}

/** The header of a segment; undefined where the file has none that is whole. */
export function readSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  const [first, copy] = [readHeaderFields(bytes), readHeaderFields(bytes.subarray(SEGMENT_COPY_OFFSET))];
  if (first === undefined || copy === undefined) return first ?? copy;
  // Only one of them reached the disk: the file's new use had begun.
  return copy.sequence > first.sequence ? copy : first;
}

/**
 * The base of the segment that last used a file whose header cannot be read, as its groups tell it; undefined where no
 * whole group is in it.
 */
export function baseByGroups(bytes: Buffer): number | undefined {
  let base: number | undefined;
  for (let at = bytes.indexOf(GROUP_MAGIC); at >= 0; at = bytes.indexOf(GROUP_MAGIC, at + 1)) {
    if (at % ALIGNMENT !== 0 || at + GROUP_HEADER_BYTES > bytes.length) continue;
    const own = bytes.readDoubleLE(at + 8) - at;
    if (Number.isSafeInteger(own) && own > (base ?? -1) && isGroup(bytes, at, own)) base = own;
  }
  return base;
}

function readHeaderFields(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_FIELDS_BYTES + 4 || !SEGMENT_MAGIC.equals(bytes.subarray(0, 8))) return undefined;
  if (bytes.readUInt32LE(8) !== LOG_FORMAT) return undefined;
  if (crc32(bytes.subarray(0, SEGMENT_FIELDS_BYTES)) !== bytes.readUInt32LE(SEGMENT_FIELDS_BYTES)) return undefined;
  return {
    owner: bytes.readUInt32LE(12),
    sequence: bytes.readDoubleLE(16),
    base: bytes.readDoubleLE(24),
    previousEnd: bytes.readDoubleLE(32),
    runStart: bytes.readDoubleLE(40),
    segmentBytes: bytes.readUInt32LE(48),
  };
}

/** How many bytes an entry takes. */
export function logEntryBytes(keyBytes: number, recordBytes: number): number {
  return ENTRY_HEAD_BYTES + keyBytes + recordBytes;
}

/** The first offset at or after this one at which a group may start. */
export function groupStart(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/**
 * Writes an entry at `offset` out of one run of bytes that holds the key and, right behind it, the record, as an entry of
 * a frame does. Returns the end of the entry.
 */
export function writeLogEntry(target: Buffer, offset: number, source: Buffer, at: EntryPlace): number {
  target.writeUInt32LE(at.end - at.keyEnd, offset);
  target.writeUInt16LE(at.keyEnd - at.keyStart, offset + 4);
  source.copy(target, offset + ENTRY_HEAD_BYTES, at.keyStart, at.end);
  return offset + ENTRY_HEAD_BYTES + at.end - at.keyStart;
}

/** Where a key and the record behind it stand: key `[keyStart, keyEnd)`, record `[keyEnd, end)`. */
export interface EntryPlace {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly end: number;
}

/** An entry of a segment: where it starts, and the place of its key and record. */
export interface LogEntry extends EntryPlace {
  readonly entry: number;
}

/** The entry that starts at `offset` of a segment; the caller knows that one does. */
export function entryAt(bytes: Buffer, offset: number): LogEntry {
  const keyStart = offset + ENTRY_HEAD_BYTES;
  const keyEnd = keyStart + bytes.readUInt16LE(offset + 4);
  return { entry: offset, keyStart, keyEnd, end: keyEnd + bytes.readUInt32LE(offset) };
}

/** The record of the entry that starts at `offset` of a segment, as a view. */
export function entryRecord(bytes: Buffer, offset: number): Buffer {
  const { keyEnd, end } = entryAt(bytes, offset);
  return bytes.subarray(keyEnd, end);
}

export interface GroupSeal {
  readonly position: number;
  readonly synced: number;
  readonly entries: number;
}

/** Writes the header of the group `[start, end)` of a segment, whose entries stand behind it already. */
export function sealGroup(bytes: Buffer, start: number, end: number, seal: GroupSeal): void {
  GROUP_MAGIC.copy(bytes, start);
  bytes.writeUInt32LE(end - start, start + 4);
  bytes.writeDoubleLE(seal.position, start + 8);
  bytes.writeDoubleLE(seal.synced, start + 16);
  bytes.writeUInt32LE(seal.entries, start + 24);
  bytes.writeUInt32LE(groupChecksum(bytes, start, end), start + 28);
}

/** Bytes of a segment that hold no readable group, though something may have stood there. */
export interface Hole {
  /** Positions, the second one exclusive. */
  readonly from: number;
  readonly to: number;
}

/** What reading a segment found. */
export interface SegmentReading {
  /** The position behind the last whole group. */
  readonly end: number;
  /** The greatest position that any of its groups calls synced; 0 where there is no group. */
  readonly synced: number;
  /** Between the header and `end`, in order. */
  readonly holes: readonly Hole[];
  readonly groups: number;
}

/**
 * What is damage among what does not read in a log of one owner: everything below the position that the log knows to have
 * been on the disk. `segments` are those that were found, by ascending sequence; segments up to `checkpointed` are not
 * needed any more. A hole that spans a segment is one whose file is missing. What one run of the log knows says nothing of
 * the runs before: a crash may have torn their last groups.
 */
export function damageOf(
  segments: readonly { readonly header: SegmentHeader; readonly reading: SegmentReading }[],
  checkpointed: number,
): Hole[] {
  const startOf = (index: number): number | undefined => segments[index]?.header.runStart;
  const starts = [...segments.keys()].filter((index) => startOf(index) !== startOf(index - 1));
  const damage: Hole[] = [];
  let expected = checkpointed + 1;
  for (const [which, start] of starts.entries()) {
    const run = segments.slice(start, starts[which + 1]);
    const synced = Math.max(0, ...run.map(({ reading }) => reading.synced));
    const note = (from: number, to: number): void => {
      if (from < Math.min(to, synced)) damage.push({ from, to: Math.min(to, synced) });
    };
    for (const [index, { header, reading }] of run.entries()) {
      if (header.sequence <= checkpointed) continue;
      const missing = header.sequence - expected;
      if (missing > 0) note(header.base - missing * header.segmentBytes, header.base);
      for (const { from, to } of reading.holes) note(from, to);
      note(reading.end, run[index + 1]?.header.previousEnd ?? synced);
      expected = header.sequence + 1;
    }
  }
  return damage;
}

/**
 * Calls `visit` with the place of each entry of a segment's whole groups, in the order in which they were appended. Bytes
 * that do not read are told of and skipped.
 */
export function readSegment(bytes: Buffer, { base }: SegmentHeader, visit: (place: LogEntry) => void): SegmentReading {
  const holes: Hole[] = [];
  let synced = 0;
  let groups = 0;
  let end = SEGMENT_HEADER_BYTES;
  for (;;) {
    const start = nextGroup(bytes, groupStart(end), base);
    if (start === undefined) break;
    if (start > groupStart(end)) holes.push({ from: base + groupStart(end), to: base + start });
    end = start + bytes.readUInt32LE(start + 4);
    synced = Math.max(synced, bytes.readDoubleLE(start + 16));
    groups++;
    visitEntries(bytes, start, end, visit);
  }
  return { end: base + end, synced, holes, groups };
}

/**
 * Calls `visit` with the place of each entry of a hole whose record proves to be whole by its own checksum, as far as the
 * lengths lead. Only for a hole that is damage: behind a write that was cut off stand bytes of an earlier use of the file.
 */
export function salvageHole(
  bytes: Buffer,
  { base }: SegmentHeader,
  hole: Hole,
  visit: (place: LogEntry) => void,
): void {
  const limit = Math.min(hole.to - base, bytes.length);
  for (let at = hole.from - base + GROUP_HEADER_BYTES; at + ENTRY_HEAD_BYTES + RECORD_HEADER_BYTES < limit;) {
    const place = entryAt(bytes, at);
    const recordBytes = place.end - place.keyEnd;
    if (place.end > limit || place.keyEnd === place.keyStart || recordBytes < RECORD_HEADER_BYTES) return;
    const key = bytes.subarray(place.keyStart, place.keyEnd);
    const isWhole =
      isIntact(bytes, place.keyEnd, recordBytes, key) || isLargeHead(bytes.subarray(place.keyEnd, place.end));
    if (isWhole) visit(place);
    at = place.end;
  }
}

/** The next whole group at or after `offset`. */
function nextGroup(bytes: Buffer, offset: number, base: number): number | undefined {
  for (let at = offset; at >= 0 && at + GROUP_HEADER_BYTES <= bytes.length; at = bytes.indexOf(GROUP_MAGIC, at + 1)) {
    if (at % ALIGNMENT === 0 && isGroup(bytes, at, base)) return at;
  }
  return undefined;
}

function isGroup(bytes: Buffer, start: number, base: number): boolean {
  if (!GROUP_MAGIC.equals(bytes.subarray(start, start + 4)) || bytes.readDoubleLE(start + 8) !== base + start) {
    return false;
  }
  const end = start + bytes.readUInt32LE(start + 4);
  if (end < start + GROUP_HEADER_BYTES || end > bytes.length) return false;
  return groupChecksum(bytes, start, end) === bytes.readUInt32LE(start + 28);
}

function visitEntries(bytes: Buffer, start: number, end: number, visit: (place: LogEntry) => void): void {
  for (let at = start + GROUP_HEADER_BYTES; at < end;) {
    const place = entryAt(bytes, at);
    visit(place);
    at = place.end;
  }
}

function groupChecksum(bytes: Buffer, start: number, end: number): number {
  const head = crc32(bytes.subarray(start + 4, start + 28));
  return crc32(bytes.subarray(start + GROUP_HEADER_BYTES, end), head);
}
