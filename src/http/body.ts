/**
 * Request bodies as they come in, up to a bound: of a declared length, or chunked (RFC 9112 section 7.1).
 *
 * A reader takes bytes from a connection's input and says how far it got. Bytes of a declared length go straight to
 * their place; a body that came whole with its head is used where it stands, without a copy.
 */
import { Buffer } from 'node:buffer';

/** What a reader made of the bytes that it was given. */
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

/** Reads a body of `length` bytes, into `target` where there is one. */
export class SizedBody implements BodyReader {
  readonly #length: number;
  #whole: Buffer | undefined;
  #received = 0;

  constructor(length: number, target?: Buffer) {
    this.#length = length;
    this.#whole = target;
  }

  read(bytes: Buffer, offset: number): BodyProgress {
    const end = Math.min(bytes.length, offset + this.#length - this.#received);
    if (this.#whole === undefined && end - offset === this.#length) {
      return { kind: 'done', body: bytes.subarray(offset, end), end };
    }
    this.#whole ??= Buffer.allocUnsafeSlow(this.#length);
    this.#whole.set(bytes.subarray(offset, end), this.#received);
    this.#received += end - offset;
    return this.#received === this.#length ? { kind: 'done', body: this.#whole, end } : more;
  }
}

/** Longest line of a chunk size, its extensions, or a trailer. */
const LINE_BYTES_MAX = 4096;
const TRAILERS_MAX = 64;
const CR = 13;
const LF = 10;

/** Reads a chunked body of at most `bytesMax` bytes. Extensions and trailers are read over. */
export function readChunked(bytesMax: number): BodyReader {
  const chunks: Buffer[] = [];
  let total = 0;
  let state: 'size' | 'data' | 'data-end' | 'trailer' = 'size';
  let remaining = 0;
  let trailers = 0;
  let line = '';

  /** Reads up to the end of a line; returns the offset after it, or undefined where it goes on. */
  const readLine = (bytes: Buffer, offset: number): number | undefined => {
    const end = bytes.indexOf(LF, offset);
    line += bytes.toString('latin1', offset, end < 0 ? bytes.length : end + 1);
    return end < 0 ? undefined : end + 1;
  };

  const takeSize = (): BodyProgress | undefined => {
    const match = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?\r\n$/.exec(line);
    line = '';
    if (match === null) return malformed;
    remaining = Number.parseInt(match[1] as string, 16);
    total += remaining;
    if (total > bytesMax) return tooLarge;
    state = remaining === 0 ? 'trailer' : 'data';
    return undefined;
  };

  const step = (bytes: Buffer, offset: number): number | BodyProgress => {
    if (state === 'data') {
      const end = Math.min(bytes.length, offset + remaining);
      chunks.push(Buffer.from(bytes.subarray(offset, end)));
      remaining -= end - offset;
      if (remaining === 0) state = 'data-end';
      return end;
    }
    const next = readLine(bytes, offset);
    if (line.length > LINE_BYTES_MAX) return malformed;
    if (next === undefined) return more;
    if (state === 'size') return takeSize() ?? next;
    const text = line;
    line = '';
    if (!text.endsWith('\r\n')) return malformed;
    if (state === 'data-end') {
      state = 'size';
      return text === '\r\n' ? next : malformed;
    }
    if (text === '\r\n') return { kind: 'done', body: Buffer.concat(chunks), end: next };
    return ++trailers > TRAILERS_MAX ? malformed : next;
  };

  return {
    read(bytes, offset) {
      let at = offset;
      while (at < bytes.length) {
        const stepped = step(bytes, at);
        if (typeof stepped !== 'number') return stepped;
        at = stepped;
      }
      return more;
    },
  };
}

/** Where the empty line that ends a head starts, or -1: the `\r\n\r\n` at or after `from`. */
export function headEnd(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(CR, from); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at;
  }
  return -1;
}
