/**
 * Request bodies as they come in, up to a bound: of a declared length, or chunked (RFC 9112 section 7.1).
 *
 * A reader takes bytes from a connection's input and says how far it got. Bytes of a declared length go straight to
 * their place; a body that came whole with its head is used where it stands, without a copy.
 */
import { Buffer } from 'node:buffer';
import { isField } from './head.ts';

/** What a reader found in the bytes that it was given. */
export type BodyProgress =
  | { readonly kind: 'more' }
  | { readonly kind: 'done'; readonly body: Buffer; readonly end: number }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'malformed' };

export interface BodyReader {
  /** Reads from `offset`; `done` names the first byte after the body. */
  read(bytes: Buffer, offset: number): BodyProgress;
}

const more: BodyProgress = { kind: 'more' };
const tooLarge: BodyProgress = { kind: 'too-large' };
const malformed: BodyProgress = { kind: 'malformed' };

/** Bodies of more than `above` bytes are collected in memory of the taker's, so that they are not copied again. */
export interface LargeRoom {
  readonly above: number;
  /** Called at most once for a body, with the most that it can have. */
  allocate(bytes: number): Buffer;
}

/** Reads a body of `length` bytes, a large one into `room`. */
export class SizedBody implements BodyReader {
  readonly #length: number;
  /** Set for a large body. */
  readonly #room: LargeRoom | undefined;
  /** What has come of a large body that has no place yet: who announces much and sends little holds little. */
  readonly #beginning: Buffer[] = [];
  #whole: Buffer | undefined;
  #received = 0;

  constructor(length: number, room?: LargeRoom) {
    this.#length = length;
    if (room !== undefined && length > room.above) this.#room = room;
  }

  read(bytes: Buffer, offset: number): BodyProgress {
    const end = Math.min(bytes.length, offset + this.#length - this.#received);
    if (this.#room === undefined && this.#whole === undefined && end - offset === this.#length) {
      return { kind: 'done', body: bytes.subarray(offset, end), end };
    }
    if (this.#whole === undefined && !this.#takePlace(bytes, offset, end)) return more;
    const whole = this.#whole as Buffer;
    whole.set(bytes.subarray(offset, end), this.#received);
    this.#received += end - offset;
    return this.#received === this.#length ? { kind: 'done', body: whole, end } : more;
  }

  /** Gives the body its place, or keeps what came of it until it is worth one. */
  #takePlace(bytes: Buffer, offset: number, end: number): boolean {
    const room = this.#room;
    if (room === undefined) {
      this.#whole = Buffer.allocUnsafeSlow(this.#length);
      return true;
    }
    if (this.#received + end - offset <= room.above) {
      this.#beginning.push(Buffer.from(bytes.subarray(offset, end)));
      this.#received += end - offset;
      return false;
    }
    this.#whole = room.allocate(this.#length);
    Buffer.concat(this.#beginning.splice(0)).copy(this.#whole);
    return true;
  }
}

/** Longest line of a chunk size, its extensions, or a trailer. */
const LINE_BYTES_MAX = 4096;
const TRAILERS_MAX = 64;
const CR = 13;
const LF = 10;

/** A chunk's size and its extensions, by the grammar of RFC 9112 section 7.1.1. */
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const quoted = '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const extension = `[ \\t]*;[ \\t]*${token}(?:[ \\t]*=[ \\t]*(?:${token}|${quoted}))?`;
const sizePattern = new RegExp(`^([0-9A-Fa-f]{1,12})(?:${extension})*\\r\\n$`);

/** Reads a chunked body of at most `bytesMax` bytes, a long one into `room`. Checks and skips extensions and trailers. */
export class ChunkedBody implements BodyReader {
  readonly #bytesMax: number;
  readonly #room: LargeRoom | undefined;
  /** The body while it is short. */
  readonly #chunks: Buffer[] = [];
  #large: Buffer | undefined;
  #received = 0;
  /** Bytes of the chunks so far, as their lines say. */
  #declared = 0;
  #state: 'size' | 'data' | 'data-end' | 'trailer' = 'size';
  #trailers = 0;
  #line = '';

  constructor(bytesMax: number, room?: LargeRoom) {
    this.#bytesMax = bytesMax;
    this.#room = room;
  }

  read(bytes: Buffer, offset: number): BodyProgress {
    for (let at = offset; at < bytes.length;) {
      const stepped = this.#state === 'data' ? this.#takeData(bytes, at) : this.#takeLine(bytes, at);
      if (typeof stepped !== 'number') return stepped;
      at = stepped;
    }
    return more;
  }

  #takeData(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + this.#declared - this.#received);
    const data = bytes.subarray(offset, end);
    if (this.#large === undefined) this.#takeSmall(data);
    else this.#large.set(data, this.#received);
    this.#received += data.length;
    if (this.#received === this.#declared) this.#state = 'data-end';
    return end;
  }

  #takeSmall(data: Buffer): void {
    this.#chunks.push(Buffer.from(data));
    if (this.#room === undefined || this.#received + data.length <= this.#room.above) return;
    this.#large = this.#room.allocate(this.#bytesMax);
    Buffer.concat(this.#chunks.splice(0)).copy(this.#large);
  }

  /** Reads up to the end of a line; reads its number once the line is whole. */
  #takeLine(bytes: Buffer, offset: number): number | BodyProgress {
    const end = bytes.indexOf(LF, offset);
    this.#line += bytes.toString('latin1', offset, end < 0 ? bytes.length : end + 1);
    if (this.#line.length > LINE_BYTES_MAX) return malformed;
    if (end < 0) return more;
    const line = this.#line;
    this.#line = '';
    if (!line.endsWith('\r\n')) return malformed;
    if (this.#state === 'size') return this.#takeSize(line) ?? end + 1;
    if (this.#state === 'data-end') {
      this.#state = 'size';
      return line === '\r\n' ? end + 1 : malformed;
    }
    if (line === '\r\n') return { kind: 'done', body: this.#body(), end: end + 1 };
    return ++this.#trailers > TRAILERS_MAX || !isTrailer(line) ? malformed : end + 1;
  }

  #takeSize(line: string): BodyProgress | undefined {
    const match = sizePattern.exec(line);
    if (match === null) return malformed;
    const size = Number.parseInt(match[1] as string, 16);
    this.#declared += size;
    if (this.#declared > this.#bytesMax) return tooLarge;
    this.#state = size === 0 ? 'trailer' : 'data';
    return undefined;
  }

  #body(): Buffer {
    return this.#large?.subarray(0, this.#received) ?? Buffer.concat(this.#chunks);
  }
}

const framingFields = new Set(['content-length', 'transfer-encoding']);

function isTrailer(line: string): boolean {
  const colon = line.indexOf(':');
  const name = line.slice(0, colon);
  // What says how long a message is comes before it, or another reader may take it for the next message's.
  if (framingFields.has(name.toLowerCase())) return false;
  return colon > 0 && isField(name, line.slice(colon + 1, -2));
}

/** Where the empty line that ends a head starts, or -1: the `\r\n\r\n` at or after `from`. */
export function headEnd(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(CR, from); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at;
  }
  return -1;
}

/** Empty lines before a request are skipped (RFC 9112 section 2.2). */
export function skipEmptyLines(bytes: Buffer, start: number): number {
  let offset = start;
  while (bytes[offset] === CR && bytes[offset + 1] === LF) offset += 2;
  return offset;
}
