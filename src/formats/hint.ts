/**
 * The bytes of a file of hints: what one node has missed, as another one keeps it (workers/repair/). All numbers are
 * little-endian.
 *
 *   header                                    group, one behind the other
 *   offset  size  field                       offset  size  field
 *        0     8  "kvorumhi"                       0     4  bytes of the group, this header included
 *        8     4  format                           4     4  CRC-32 of the entries
 *       12     4  CRC-32 of what follows           8     .  entries, as in the log (log.ts)
 *       16     2  bytes of the target's URL
 *       18     .  the URL
 *
 * In the place of an entry's record stands either the record or a reference, 8 bytes: the version that was missed, of which
 * the keeper's own store holds the record, or a newer one. A group that does not read is one that a crash cut off: the file
 * ends before it.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { entryAt, logEntryBytes, writeLogEntry, type EntryPlace, type LogEntry } from './log.ts';
import { readVersion, type Version } from './record.ts';

export const HINT_GROUP_HEADER_BYTES = 8;

const MAGIC = Buffer.from('kvorumhi');
const FORMAT = 1;
const URL_OFFSET = 18;
const REFERENCE_BYTES = 8;

/** A write that a node has missed: its key and, right behind it, its record, as an entry of a frame has them. */
export interface Hint extends EntryPlace {
  readonly bytes: Buffer;
  /** Only its version is kept: the keeper's own store holds the record. */
  readonly isHere: boolean;
}

/** The header of a file of hints for the node at `url`. */
export function encodeHintHeader(url: string): Buffer {
  const bytes = Buffer.alloc(URL_OFFSET + Buffer.byteLength(url));
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(FORMAT, 8);
  bytes.writeUInt16LE(bytes.length - URL_OFFSET, 16);
  bytes.write(url, URL_OFFSET);
  bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
  return bytes;
}

/** For whom the hints of a file are, and where they begin; undefined where it has no whole header. */
export function readHintHeader(bytes: Buffer): { readonly url: string; readonly end: number } | undefined {
  if (bytes.length < URL_OFFSET || !MAGIC.equals(bytes.subarray(0, 8)) || bytes.readUInt32LE(8) !== FORMAT) {
    return undefined;
  }
  const end = URL_OFFSET + bytes.readUInt16LE(16);
  if (end > bytes.length || crc32(bytes.subarray(16, end)) !== bytes.readUInt32LE(12)) return undefined;
  return { url: bytes.toString('utf8', URL_OFFSET, end), end };
}

/** How many bytes a hint takes in its group. */
export function hintBytes({ keyStart, keyEnd, end, isHere }: Hint): number {
  return logEntryBytes(keyEnd - keyStart, isHere ? REFERENCE_BYTES : end - keyEnd);
}

/** Writes a hint at `offset`; returns its end. */
export function writeHintEntry(target: Buffer, offset: number, hint: Hint): number {
  const { bytes, keyStart, keyEnd, end, isHere } = hint;
  if (!isHere) return writeLogEntry(target, offset, bytes, { keyStart, keyEnd, end });
  const version = readVersion(bytes, keyEnd);
  const at = writeLogEntry(target, offset, bytes, { keyStart, keyEnd, end: keyEnd });
  target.writeUInt32LE(REFERENCE_BYTES, offset);
  target.writeDoubleLE(version, at);
  return at + REFERENCE_BYTES;
}

/** Writes the header of the group `[start, end)`, whose entries stand behind it already. */
export function sealHintGroup(bytes: Buffer, start: number, end: number): void {
  bytes.writeUInt32LE(end - start, start);
  bytes.writeUInt32LE(crc32(bytes.subarray(start + HINT_GROUP_HEADER_BYTES, end)), start + 4);
}

/** Where the last whole group ends of those that begin at `start`. */
export function hintsEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (at + HINT_GROUP_HEADER_BYTES <= bytes.length) {
    const end = at + bytes.readUInt32LE(at);
    if (end <= at + HINT_GROUP_HEADER_BYTES || end > bytes.length) break;
    if (crc32(bytes.subarray(at + HINT_GROUP_HEADER_BYTES, end)) !== bytes.readUInt32LE(at + 4)) break;
    at = end;
  }
  return at;
}

/** The places of the hints in whole groups `[start, end)`, the oldest first. */
export function* hintsIn(bytes: Buffer, start: number, end: number): Generator<LogEntry> {
  for (let group = start; group < end;) {
    const groupEnd = group + bytes.readUInt32LE(group);
    for (let at = group + HINT_GROUP_HEADER_BYTES; at < groupEnd;) {
      const place = entryAt(bytes, at);
      yield place;
      at = place.end;
    }
    group = groupEnd;
  }
}

/** Whether a hint's record is to be read from the keeper's own store. */
export function isReference({ keyEnd, end }: EntryPlace): boolean {
  return end - keyEnd === REFERENCE_BYTES;
}

/** The version that was missed. */
export function hintVersion(bytes: Buffer, place: EntryPlace): Version {
  return isReference(place) ? bytes.readDoubleLE(place.keyEnd) : readVersion(bytes, place.keyEnd);
}
