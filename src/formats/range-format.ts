/**
 * How the entries of a range are written: for clients as `key\nvalue` or as JSON lines, for peers as entries with their
 * records. Pure: entries in, bytes out.
 *
 *   lines    key LF value; with keys only: key LF; a key with a line feed cannot be written so
 *   json     {"key":text,"version":microseconds,"value":text}, or "value64" in base64 in the place of "value" where the
 *            value is not UTF-8 or is a large one (record.ts); with keys only neither; "expires":milliseconds before it where
 *            it does; each object ends with LF
 *   entries  4 bytes record length, 2 bytes key length (little-endian), key, record (range-entries.ts); for clients `records`. For a
 *            node that recovers a record of no length says that what stands there is damaged
 *
 * For clients each record is one chunk of the chunked transfer coding (RFC 9112 section 7.1), unless the client knows no
 * chunks. The last chunk is the connection's.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { base64Bytes, isPlainJsonText, writeBase64 } from './json-text.ts';
import { headerBytesOf, readExpiry, readVersion } from './record.ts';

/** How records are written for clients: `key\nvalue`, one JSON object a line, or as they are, for backups. */
export const rangeFormats = ['lines', 'json', 'records'] as const;
export type RangeFormatName = (typeof rangeFormats)[number];

/**
 * An entry as a view: the key is `key[keyStart, keyEnd)`, the record `bytes[offset, offset + length)`. Of a record whose
 * value is streamed or left out only the header is there, with its expiry (`headerBytesOf`).
 */
export interface RangeEntry {
  key: Buffer;
  keyStart: number;
  keyEnd: number;
  bytes: Buffer;
  offset: number;
  length: number;
  /** Bytes of the whole record. */
  recordBytes: number;
}

export interface RangeFormat {
  /** Why an entry cannot be written in this format; undefined if it can. Absent if every entry can. */
  readonly fault?: (entry: RangeEntry) => string | undefined;
  /** Writes a whole entry at `at`; returns its end, or -1 where the page has no room for it. */
  readonly write: (page: Buffer, at: number, entry: RangeEntry) => number;
  /** A whole entry that is longer than a page. */
  readonly encodeLong: (entry: RangeEntry) => Buffer;
  /** What stands before and after the value of an entry whose value comes in pieces. */
  readonly largeHead: (entry: RangeEntry) => Buffer;
  readonly largeTail: Buffer;
  /** The bytes for the next piece of such a value, and without a piece those for its end; undefined: the piece itself. */
  readonly encodePiece: ((piece: Buffer | undefined) => Buffer) | undefined;
}

/** Chunk size line and CRLF after the chunk: at most 8 hexadecimal digits and two line ends. */
const CHUNK_OVERHEAD_MAX = 12;
export const ENTRY_HEAD_BYTES = 6;
/** Among entries for a peer that asked for it: behind the entry before, tombstones were left out (`RangeBounds.skipAfter`). */
export const leftOutMark: Buffer = Buffer.alloc(ENTRY_HEAD_BYTES);

const JSON_TAIL = '"}\n';
const LF = 0x0a;
const CR = 0x0d;
const nothing = Buffer.alloc(0);
const crlf = Buffer.from('\r\n');

/** What a client says of the format that it wants. */
export interface ClientFormat extends ClientFormatOptions {
  readonly format: RangeFormatName;
}

/** The format that a client asked for. A format is for one scan: it may hold a part of a value. */
export function clientFormat({ format, keysOnly, chunked }: ClientFormat): RangeFormat {
  if (format === 'records') return chunked ? chunkedEntries : entriesFormat;
  return format === 'json' ? jsonFormat({ keysOnly, chunked }) : linesFormat({ keysOnly, chunked });
}

interface ClientFormatOptions {
  readonly keysOnly: boolean;
  readonly chunked: boolean;
}

function linesFormat({ keysOnly, chunked }: ClientFormatOptions): RangeFormat {
  const write: RangeFormat['write'] = (page, at, entry) => {
    const keyBytes = entry.keyEnd - entry.keyStart;
    const headerBytes = headerBytesOf(entry.bytes, entry.offset);
    const valueBytes = keysOnly ? 0 : entry.length - headerBytes;
    const size = keyBytes + 1 + valueBytes;
    if (at + size + CHUNK_OVERHEAD_MAX > page.length) return -1;
    let end = chunked ? writeSizeLine(page, at, size) : at;
    end = copyBytes(page, end, entry.key, entry.keyStart, entry.keyEnd);
    page[end++] = LF;
    const valueStart = entry.offset + headerBytes;
    end = copyBytes(page, end, entry.bytes, valueStart, valueStart + valueBytes);
    return chunked ? writeLineEnd(page, end) : end;
  };
  return {
    fault: lineFeedFault,
    write,
    encodeLong: (entry) => encodeAlone(write, entry),
    largeHead: (entry) => {
      const size = entry.keyEnd - entry.keyStart + 1 + largeValueBytesOf(entry);
      const line = chunked ? sizeLine(size) : '';
      return Buffer.concat([Buffer.from(line), entry.key.subarray(entry.keyStart, entry.keyEnd), Buffer.from('\n')]);
    },
    largeTail: chunked ? crlf : nothing,
    encodePiece: undefined,
  };
}

/** A line feed ends the key: what follows one inside of it would be read as the value, or as another key. */
function lineFeedFault({ key, keyStart, keyEnd }: RangeEntry): string | undefined {
  for (let at = keyStart; at < keyEnd; at++) {
    if (key[at] === LF) {
      const name = JSON.stringify(key.toString('utf8', keyStart, keyEnd));
      return `Key ${name} has a line feed, which ends a key in this format; use NDJSON (accept: application/x-ndjson)`;
    }
  }
  return undefined;
}

function jsonFormat({ keysOnly, chunked }: ClientFormatOptions): RangeFormat {
  return {
    write: (page, at, entry) => {
      if (!keysOnly) {
        const isPlain = hasPlainText(entry);
        if (isPlain || !isUtf8(valueOf(entry))) return writeMember(page, at, entry, { isText: isPlain, chunked });
      }
      const line = jsonLine(entry, keysOnly);
      const size = Buffer.byteLength(line);
      if (at + size + CHUNK_OVERHEAD_MAX > page.length) return -1;
      let end = chunked ? writeSizeLine(page, at, size) : at;
      end += page.write(line, end);
      return chunked ? writeLineEnd(page, end) : end;
    },
    encodeLong: (entry) => {
      const line = jsonLine(entry, keysOnly);
      return Buffer.from(chunked ? `${sizeLine(Buffer.byteLength(line))}${line}\r\n` : line);
    },
    largeHead: (entry) => {
      const head = `${jsonHead(entry)},"value64":"`;
      const size = Buffer.byteLength(head) + base64Bytes(largeValueBytesOf(entry)) + JSON_TAIL.length;
      return Buffer.from(chunked ? sizeLine(size) + head : head);
    },
    largeTail: Buffer.from(chunked ? `${JSON_TAIL}\r\n` : JSON_TAIL),
    encodePiece: base64Encoder(),
  };
}

/** What a peer gets. */
export const entriesFormat: RangeFormat = {
  write: writeEntry,
  encodeLong: (entry) => encodeAlone(writeEntry, entry),
  largeHead: (entry) => {
    const keyBytes = entry.keyEnd - entry.keyStart;
    const head = Buffer.alloc(ENTRY_HEAD_BYTES);
    head.writeUInt32LE(entry.recordBytes);
    head.writeUInt16LE(keyBytes, 4);
    const header = entry.bytes.subarray(entry.offset, valueStartOf(entry));
    return Buffer.concat([head, entry.key.subarray(entry.keyStart, entry.keyEnd), header]);
  },
  largeTail: nothing,
  encodePiece: undefined,
};

/** The same as chunks of HTTP/1.1. */
const chunkedEntries: RangeFormat = {
  write: writeChunkedEntry,
  encodeLong: (entry) => encodeAlone(writeChunkedEntry, entry),
  largeHead: (entry) => {
    const size = ENTRY_HEAD_BYTES + entry.keyEnd - entry.keyStart + entry.recordBytes;
    return Buffer.concat([Buffer.from(sizeLine(size)), entriesFormat.largeHead(entry)]);
  },
  largeTail: crlf,
  encodePiece: undefined,
};

function writeChunkedEntry(page: Buffer, at: number, entry: RangeEntry): number {
  const size = ENTRY_HEAD_BYTES + entry.keyEnd - entry.keyStart + entry.length;
  if (at + size + CHUNK_OVERHEAD_MAX > page.length) return -1;
  return writeLineEnd(page, writeEntry(page, writeSizeLine(page, at, size), entry));
}

function writeEntry(page: Buffer, at: number, entry: RangeEntry): number {
  const keyBytes = entry.keyEnd - entry.keyStart;
  if (at + ENTRY_HEAD_BYTES + keyBytes + entry.length > page.length) return -1;
  page.writeUInt32LE(entry.length, at);
  page.writeUInt16LE(keyBytes, at + 4);
  const end = copyBytes(page, at + ENTRY_HEAD_BYTES, entry.key, entry.keyStart, entry.keyEnd);
  return copyBytes(page, end, entry.bytes, entry.offset, entry.offset + entry.length);
}

function encodeAlone(write: RangeFormat['write'], entry: RangeEntry): Buffer {
  const room = Buffer.allocUnsafe(ENTRY_HEAD_BYTES + entry.keyEnd - entry.keyStart + entry.length + CHUNK_OVERHEAD_MAX);
  return room.subarray(0, write(room, 0, entry));
}

function jsonHead(entry: RangeEntry): string {
  const key = entry.key.toString('utf8', entry.keyStart, entry.keyEnd);
  const expiresAt = readExpiry(entry.bytes, entry.offset);
  const expires = expiresAt === 0 ? '' : `,"expires":${expiresAt}`;
  return `{"key":${JSON.stringify(key)},"version":${readVersion(entry.bytes, entry.offset)}${expires}`;
}

function valueStartOf({ bytes, offset }: RangeEntry): number {
  return offset + headerBytesOf(bytes, offset);
}

/** Bytes of a value of which only the header is there. */
function largeValueBytesOf({ bytes, offset, recordBytes }: RangeEntry): number {
  return recordBytes - headerBytesOf(bytes, offset);
}

function valueOf(entry: RangeEntry): Buffer {
  return entry.bytes.subarray(valueStartOf(entry), entry.offset + entry.length);
}

function jsonLine(entry: RangeEntry, keysOnly: boolean): string {
  if (keysOnly) return `${jsonHead(entry)}}\n`;
  const value = valueOf(entry);
  const member = isUtf8(value)
    ? `"value":${JSON.stringify(value.toString('utf8'))}`
    : `"value64":"${value.toString('base64')}"`;
  return `${jsonHead(entry)},${member}}\n`;
}

function hasPlainText(entry: RangeEntry): boolean {
  return isPlainJsonText(entry.bytes, valueStartOf(entry), entry.offset + entry.length);
}

/** `jsonLine` without a string of the value: as it is where that is plain text, else in base64. */
function writeMember(page: Buffer, at: number, entry: RangeEntry, options: MemberOptions): number {
  const { isText, chunked } = options;
  const head = `${jsonHead(entry)},${isText ? '"value":"' : '"value64":"'}`;
  const valueStart = valueStartOf(entry);
  const valueBytes = entry.offset + entry.length - valueStart;
  const size = Buffer.byteLength(head) + (isText ? valueBytes : base64Bytes(valueBytes)) + JSON_TAIL.length;
  if (at + size + CHUNK_OVERHEAD_MAX > page.length) return -1;
  let end = chunked ? writeSizeLine(page, at, size) : at;
  end += page.write(head, end);
  const writeValue = isText ? copyBytes : writeBase64;
  end = writeValue(page, end, entry.bytes, valueStart, valueStart + valueBytes);
  end += page.write(JSON_TAIL, end, 'latin1');
  return chunked ? writeLineEnd(page, end) : end;
}

interface MemberOptions {
  readonly isText: boolean;
  readonly chunked: boolean;
}

/** Base64 over pieces: what does not fill a group of three waits for the next piece. */
function base64Encoder(): (piece: Buffer | undefined) => Buffer {
  let rest: Buffer = nothing;
  return (piece) => {
    if (piece === undefined) {
      const last = Buffer.from(rest.toString('base64'));
      rest = nothing;
      return last;
    }
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const whole = bytes.length - (bytes.length % 3);
    rest = Buffer.from(bytes.subarray(whole));
    return Buffer.from(bytes.toString('base64', 0, whole), 'latin1');
  };
}

function sizeLine(size: number): string {
  return `${size.toString(16)}\r\n`;
}

/** Writes a chunk's size in hexadecimal and CRLF; returns the end. */
function writeSizeLine(page: Buffer, at: number, size: number): number {
  let end = at;
  let shift = 0;
  while (size >>> shift > 15) shift += 4;
  for (; shift >= 0; shift -= 4) {
    const digit = (size >>> shift) & 15;
    page[end++] = digit < 10 ? 0x30 + digit : 0x57 + digit;
  }
  return writeLineEnd(page, end);
}

function writeLineEnd(page: Buffer, at: number): number {
  page[at] = CR;
  page[at + 1] = LF;
  return at + 2;
}

/** Below this a loop is quicker than a call out of JavaScript. */
const LOOP_BYTES_MAX = 48;

/** Copies `source[start, end)` to `target` at `at`; returns the end. */
export function copyBytes(target: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length <= LOOP_BYTES_MAX) {
    for (let index = 0; index < length; index++) target[at + index] = source[start + index] as number;
  } else {
    source.copy(target, at, start, end);
  }
  return at + length;
}
