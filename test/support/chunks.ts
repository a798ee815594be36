/** A strict reader of chunked bodies (RFC 9112 section 7.1): everything unknown is an error. */
import type { Buffer } from 'node:buffer';

/** The body ends within a chunk or before the last one. */
export class CutShort extends Error {}

export interface ChunkedBody {
  readonly chunks: Buffer[];
  readonly trailers: ReadonlyMap<string, string>;
}

/** The chunks and trailers of a whole body. Throws if bytes follow. */
export function readChunks(bytes: Buffer): ChunkedBody {
  const chunks: Buffer[] = [];
  let at = 0;
  const line = (): string => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) throw new CutShort(`no line at ${at}`);
    const text = bytes.toString('latin1', at, end);
    at = end + 2;
    return text;
  };
  for (;;) {
    const size = line();
    if (!/^(?:0|[1-9a-f][0-9a-f]*)$/.test(size)) throw new Error(`no chunk size: "${size}"`);
    const length = Number.parseInt(size, 16);
    if (length === 0) break;
    if (at + length > bytes.length) throw new CutShort('the chunk is cut short');
    chunks.push(bytes.subarray(at, at + length));
    at += length;
    if (line() !== '') throw new Error('the chunk is longer than it says');
  }
  const trailers = new Map<string, string>();
  for (let text = line(); text !== ''; text = line()) {
    const colon = text.indexOf(':');
    trailers.set(text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim());
  }
  if (at !== bytes.length) throw new Error('bytes after the end');
  return { chunks, trailers };
}
