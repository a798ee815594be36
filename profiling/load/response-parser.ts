/**
 * Answers of HTTP/1.1, as far as a load generator needs them: the status, where the answer ends, and whether the
 * connection can be used again (RFC 9112 sections 6 and 9).
 *
 * Nodes answer with few different heads, so a head that was seen before is not parsed again.
 */
import { Buffer } from 'node:buffer';

export interface AnswerEnd {
  readonly status: number;
  readonly keepAlive: boolean;
  /** What `retry-after` asks for; null without it. */
  readonly retryAfterMs: number | null;
  /** A range that the node could not bring to its end says so in its trailer. */
  readonly isBroken?: boolean;
}

interface Head {
  readonly status: number;
  /** `chunked`, the number of bytes, or until the connection ends. */
  readonly body: 'chunked' | 'until-close' | number;
  readonly keepAlive: boolean;
  readonly retryAfterMs: number | null;
}

const headEnd = Buffer.from('\r\n\r\n');
const headBytesMax = 64 * 1024;
const knownHeadsMax = 256;
const knownHeads = new Map<string, Head>();

/** The answers of one connection. Throws `Error` on what is not HTTP. */
export class ResponseParser {
  /** What came of a head or of a chunk's frame that is not whole yet. */
  #rest: Buffer | undefined;
  #head: Head | undefined;
  /** Bytes of the body, or of the chunk and the line end after it, that are still to come. */
  #missing = 0;
  #inTrailers = false;
  #isBroken = false;

  /** Takes the next bytes, which it does not keep; returns an answer if they end one. One request is in flight at most. */
  take(bytes: Buffer, length: number): AnswerEnd | undefined {
    let at = 0;
    let buffer = bytes;
    let end = length;
    if (this.#rest !== undefined) {
      buffer = Buffer.concat([this.#rest, bytes.subarray(0, length)]);
      end = buffer.length;
      this.#rest = undefined;
    }
    while (this.#head === undefined) {
      const next = buffer.subarray(0, end).indexOf(headEnd, at);
      if (next < 0) return this.#keep(buffer, at, end);
      const head = headOf(buffer.toString('latin1', at, next));
      at = next + 4;
      // Interim answers (100, 103) have no body and do not end the exchange.
      if (head.status >= 200) this.#begin(head);
    }
    if (this.#head.body === 'until-close') return undefined;
    if (this.#head.body === 'chunked') return this.#takeChunks(buffer, at, end);
    this.#missing -= end - at;
    if (this.#missing < 0) throw new Error('more bytes than the answer has');
    return this.#missing === 0 ? this.#finish() : undefined;
  }

  /** The connection has ended; returns the answer if that is how it ends. */
  close(): AnswerEnd | undefined {
    return this.#head?.body === 'until-close' ? { ...this.#finish(), keepAlive: false } : undefined;
  }

  #begin(head: Head): void {
    this.#head = head;
    this.#missing = typeof head.body === 'number' ? head.body : 0;
    this.#inTrailers = false;
    this.#isBroken = false;
  }

  #finish(): AnswerEnd {
    const head = this.#head as Head;
    this.#head = undefined;
    return this.#isBroken ? { ...head, isBroken: true } : head;
  }

  #keep(buffer: Buffer, at: number, end: number): undefined {
    if (end - at > headBytesMax) throw new Error('a head or chunk frame without an end');
    if (end > at) this.#rest = Buffer.from(buffer.subarray(at, end));
  }

  #takeChunks(buffer: Buffer, start: number, end: number): AnswerEnd | undefined {
    let at = start;
    for (;;) {
      const skipped = Math.min(this.#missing, end - at);
      at += skipped;
      this.#missing -= skipped;
      if (this.#missing > 0 || at === end) return undefined;
      const lineEnd = buffer.subarray(0, end).indexOf('\r\n', at, 'latin1');
      if (lineEnd < 0) return this.#keep(buffer, at, end);
      const line = buffer.toString('latin1', at, lineEnd);
      at = lineEnd + 2;
      if (this.#inTrailers) {
        if (line === '') return this.#finish();
        if (/^kvorum-error:/i.test(line)) this.#isBroken = true;
        continue;
      }
      const size = /^[0-9a-f]{1,12}(?=[\t ;]|$)/i.exec(line)?.[0];
      if (size === undefined) throw new Error(`not the size of a chunk: ${JSON.stringify(line.slice(0, 40))}`);
      this.#missing = Number.parseInt(size, 16);
      if (this.#missing === 0) this.#inTrailers = true;
      else this.#missing += 2;
    }
  }
}

function headOf(text: string): Head {
  const known = knownHeads.get(text);
  if (known !== undefined) return known;
  const head = parseHead(text);
  if (knownHeads.size < knownHeadsMax) knownHeads.set(text, head);
  return head;
}

function parseHead(text: string): Head {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const [, minor, digits] = /^HTTP\/1\.(\d) (\d{3})(?: |$)/.exec(statusLine) ?? [];
  if (digits === undefined) throw new Error(`not an answer of HTTP/1.1: ${JSON.stringify(statusLine.slice(0, 40))}`);
  const status = Number(digits);
  const fields = new Map(lines.map(fieldOf));
  const connection = fields.get('connection')?.toLowerCase() ?? '';
  const body = bodyOf(status, fields);
  const wantsKeepAlive = minor === '0' ? connection.includes('keep-alive') : !connection.includes('close');
  const retryAfterMs = retryAfterOf(fields.get('retry-after'));
  return { status, body, keepAlive: wantsKeepAlive && body !== 'until-close', retryAfterMs };
}

function bodyOf(status: number, fields: ReadonlyMap<string, string>): Head['body'] {
  if (status < 200 || status === 204 || status === 304) return 0;
  if (fields.get('transfer-encoding')?.toLowerCase().endsWith('chunked') === true) return 'chunked';
  const length = fields.get('content-length');
  if (length === undefined) return 'until-close';
  if (!/^\d{1,15}$/.test(length)) throw new Error(`not a content-length: ${JSON.stringify(length.slice(0, 40))}`);
  return Number(length);
}

/** Seconds, as nodes say it; RFC 9110's dates are not known here. */
function retryAfterOf(field: string | undefined): number | null {
  return field !== undefined && /^\d{1,9}$/.test(field) ? Number(field) * 1000 : null;
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, Math.max(colon, 0)).toLowerCase(), line.slice(colon + 1).trim()];
}
