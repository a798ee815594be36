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
const nothing = Buffer.alloc(0);

/** Bodies of more than `above` bytes are collected in memory of the taker's, so that they are not copied again. */
export interface LargeRoom {
  readonly above: number;
  /** Called at most once for a body, with the most that it can have. */
  allocate(bytes: number): Buffer;
}

/**
 * Bytes that come bit by bit, in at most twice as much memory: what a client sends is counted by its bytes, and a buffer for
 * each bit of one byte would take a hundred times as much.
 */
class Gathered {
  #bytes = nothing;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = length;
  }

  /** What has come, which is gone from here. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = nothing;
    this.#length = 0;
    return taken;
  }
}

/** Reads a body of `length` bytes, a large one into `room`. */
export class SizedBody implements BodyReader {
  readonly #length: number;
  /** Set for a large body. */
  readonly #room: LargeRoom | undefined;
  /** What has come of a large body that has no place yet: who announces much and sends little holds little. */
  #beginning: Gathered | undefined;
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
      (this.#beginning ??= new Gathered()).add(bytes, offset, end);
      this.#received += end - offset;
      return false;
    }
    this.#whole = room.allocate(this.#length);
    this.#beginning?.take().copy(this.#whole);
    this.#beginning = undefined;
    return true;
  }
}

/** Longest line of a chunk size, its extensions, or a trailer. */
const LINE_BYTES_MAX = 4096;
const TRAILERS_MAX = 64;
/** Bytes of extensions beyond those of the chunks: a body that is all extensions would never end, nor be too large. */
const EXTENSION_BYTES_MAX = 16 * 1024;
const CR = 13;
const LF = 10;

/** A chunk's size and its extensions, by the grammar of RFC 9112 section 7.1.1. */
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const quoted = '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const extension = `[ \\t]*;[ \\t]*${token}(?:[ \\t]*=[ \\t]*(?:${token}|${quoted}))?`;
const SIZE_DIGITS_MAX = 12;
const sizePattern = new RegExp(`^([0-9A-Fa-f]{1,${SIZE_DIGITS_MAX}})(?:${extension})*\\r\\n$`);

/** Reads a chunked body of at most `bytesMax` bytes, a long one into `room`. Checks and skips extensions and trailers. */
export class ChunkedBody implements BodyReader {
  readonly #bytesMax: number;
  readonly #room: LargeRoom | undefined;
  /** The body while it is short. */
  readonly #small = new Gathered();
  #large: Buffer | undefined;
  #received = 0;
  /** Bytes of the chunks so far, as their lines say. */
  #declared = 0;
  #state: 'size' | 'data' | 'data-end' | 'trailer' = 'size';
  #trailers = 0;
  #extensionBytes = 0;
  /** The beginning of a line whose end has not come. */
  readonly #line = new Gathered();

  constructor(bytesMax: number, room?: LargeRoom) {
    this.#bytesMax = bytesMax;
    this.#room = room;
  }

  read(bytes: Buffer, offset: number): BodyProgress {
    for (let at = offset; at < bytes.length;) {
      const stepped = this.#state === 'data' ? this.#takeData(bytes, at) : this.#takePlainLine(bytes, at);
      if (typeof stepped !== 'number') return stepped;
      at = stepped;
    }
    return more;
  }

  #takeData(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + this.#declared - this.#received);
    if (this.#large === undefined) this.#takeSmall(bytes, offset, end);
    else bytes.copy(this.#large, this.#received, offset, end);
    this.#received += end - offset;
    if (this.#received === this.#declared) this.#state = 'data-end';
    return end;
  }

  #takeSmall(bytes: Buffer, offset: number, end: number): void {
    this.#small.add(bytes, offset, end);
    if (this.#room === undefined || this.#received + end - offset <= this.#room.above) return;
    this.#large = this.#room.allocate(this.#bytesMax);
    this.#small.take().copy(this.#large);
  }

  /**
   * `takeLine`, without making a text of what most lines are: a turn reads up to 170,000 chunks of one byte, which took 230 ms
   * with texts and takes 40.
   */
  #takePlainLine(bytes: Buffer, offset: number): number | BodyProgress {
    if (this.#line.length > 0 || this.#state === 'trailer') return this.#takeLine(bytes, offset);
    const isSize = this.#state === 'size';
    let at = offset;
    let size = 0;
    if (isSize) {
      for (let digit = hexDigit(bytes[at]); digit >= 0 && at - offset < SIZE_DIGITS_MAX; digit = hexDigit(bytes[at])) {
        size = size * 16 + digit;
        at++;
      }
    }
    const isPlain = bytes[at] === CR && bytes[at + 1] === LF && (at > offset || !isSize);
    if (!isPlain) return this.#takeLine(bytes, offset);
    if (isSize) return this.#takeSize(size) ?? at + 2;
    this.#state = 'size';
    return at + 2;
  }

  /** Reads up to the end of a line; reads its number once the line is whole. */
  #takeLine(bytes: Buffer, offset: number): number | BodyProgress {
    const end = bytes.indexOf(LF, offset);
    const lineEnd = end < 0 ? bytes.length : end + 1;
    if (this.#line.length + lineEnd - offset > LINE_BYTES_MAX) return malformed;
    this.#line.add(bytes, offset, lineEnd);
    if (end < 0) return more;
    const line = this.#line.take().toString('latin1');
    if (!line.endsWith('\r\n')) return malformed;
    if (this.#state === 'size') return this.#takeSizeLine(line) ?? end + 1;
    if (this.#state === 'data-end') {
      this.#state = 'size';
      return line === '\r\n' ? end + 1 : malformed;
    }
    if (line === '\r\n') return { kind: 'done', body: this.#body(), end: end + 1 };
    return ++this.#trailers > TRAILERS_MAX || !isTrailer(line) ? malformed : end + 1;
  }

  #takeSizeLine(line: string): BodyProgress | undefined {
    const [, size] = sizePattern.exec(line) ?? [];
    if (size === undefined) return malformed;
    this.#extensionBytes += line.length - size.length - 2;
    if (this.#extensionBytes > EXTENSION_BYTES_MAX + this.#declared) return malformed;
    return this.#takeSize(Number.parseInt(size, 16));
  }

  #takeSize(size: number): BodyProgress | undefined {
    this.#declared += size;
    if (this.#declared > this.#bytesMax) return tooLarge;
    this.#state = size === 0 ? 'trailer' : 'data';
    return undefined;
  }

  #body(): Buffer {
    return this.#large?.subarray(0, this.#received) ?? this.#small.take();
  }
}

/** What a hexadecimal digit stands for; -1 of any other byte. */
function hexDigit(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
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
  // `at` is where its last byte may stand: from a byte that is none of it the next such place is four on (Boyer and Moore, 1977).
  for (let at = from + 3; at < bytes.length;) {
    const byte = bytes[at];
    if (byte !== LF) at += byte === CR ? 1 : 4;
    else if (bytes[at - 1] === CR && bytes[at - 2] === LF && bytes[at - 3] === CR) return at - 3;
    else at += 2;
  }
  return -1;
}

/** Empty lines before a request are skipped (RFC 9112 section 2.2). */
export function skipEmptyLines(bytes: Buffer, start: number): number {
  let offset = start;
  while (bytes[offset] === CR && bytes[offset + 1] === LF) offset += 2;
  return offset;
}
