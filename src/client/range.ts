/**
 * A range as it comes: lines of NDJSON, and records made of them. `fetch` shows no trailers, so the node is asked for a last
 * line that says how the range ended (`tail=1`); without it, whatever came is not all. Nothing is read ahead of the reader but
 * what sockets hold, and a reader that leaves the loop ends the request.
 */
import { numberFieldOf, parseJson, textFieldOf } from '../formats/foreign-json.ts';
import { decodeValue, encodeKey, type Bytes } from './bytes.ts';
import { KvorumClientError } from './client-error.ts';
import type { Answered } from './exchange.ts';

export interface RangeBounds {
  /** The first key; the first of all if it is left out. */
  readonly start?: Bytes | undefined;
  /** The key before which the range ends; it runs to the last of all if this is left out. */
  readonly end?: Bytes | undefined;
  /** Records at most. */
  readonly limit?: number | undefined;
  /** The newest record of each key in the whole cluster (default), or what the node that answers holds itself. */
  readonly scope?: 'cluster' | 'node' | undefined;
}

/** How a range ended that came whole. */
export interface RangeEnd {
  /** The first key that the limit cut off. */
  readonly next: string | undefined;
}

export interface KeyRecord {
  readonly key: string;
  /** Microseconds since 1970: the newest write of a key has the highest. */
  readonly version: number;
  /** When the value is gone by itself; undefined if it is not. */
  readonly expiresAt: Date | undefined;
}

export interface RangeRecord extends KeyRecord {
  readonly value: Uint8Array;
}

export const ndjson = 'application/x-ndjson';
/** No record begins so: those begin with their key. */
const tailStart = '{"end":';

/** Path and query. Throws `bad-argument`. */
export function rangePath(bounds: RangeBounds, keysOnly: boolean): string {
  const { start, end, limit, scope = 'cluster' } = bounds;
  const parts: string[] = [];
  if (start !== undefined) parts.push(`start=${encodeKey(start)}`);
  if (end !== undefined) parts.push(`end=${encodeKey(end)}`);
  if (limit !== undefined) parts.push(`limit=${limit}`);
  if (keysOnly) parts.push('keys=1');
  if (scope === 'cluster') parts.push('cluster=1');
  parts.push('tail=1');
  return `/v0/entities?${parts.join('&')}`;
}

/** The lines that came together, again and again: a promise for each line would cost more than the line. */
export async function* linesOf(answer: Answered): AsyncGenerator<readonly string[], RangeEnd, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of answer.chunks()) {
    const text = decoder.decode(chunk, { stream: true });
    const end = text.lastIndexOf('\n');
    if (end < 0) {
      rest += text;
      continue;
    }
    const lines = (rest + text.slice(0, end)).split('\n');
    rest = text.slice(end + 1);
    const isTail = lines.at(-1)?.startsWith(tailStart) === true;
    const records = isTail ? lines.slice(0, -1) : lines;
    if (records.length > 0) yield records;
    if (isTail) return endOf(lines.at(-1) ?? '', answer);
  }
  throw new KvorumClientError('answer-cut', { url: answer.url, reason: 'the range broke off, records are missing' });
}

/** Throws what a range that is not whole is. */
function endOf(tail: string, { url, status }: Answered): RangeEnd {
  const json = parseJson(tail);
  const problem = textFieldOf(json, 'end') ?? '';
  if (problem === 'complete') return { next: textFieldOf(json, 'next') };
  const reason = `broke off, records are missing: ${textFieldOf(json, 'detail') ?? problem}`;
  const code = problem === 'not-enough-replicas' ? 'quorum-not-met' : 'answer-cut';
  throw new KvorumClientError(code, { url, status, problem, reason });
}

/** Throws `answer-cut` where a line is no record. */
export function keyRecordOf(line: string, url: string): KeyRecord {
  return parseRecord(line, url).record;
}

/** Throws `answer-cut` where a line is no record. */
export function recordOf(line: string, url: string): RangeRecord {
  const { record, json } = parseRecord(line, url);
  return { ...record, value: decodeValue(textFieldOf(json, 'value'), textFieldOf(json, 'value64')) };
}

function parseRecord(line: string, url: string): { readonly record: KeyRecord; readonly json: unknown } {
  const json = parseJson(line);
  const [key, version, expires] = [
    textFieldOf(json, 'key'),
    numberFieldOf(json, 'version'),
    numberFieldOf(json, 'expires'),
  ];
  if (key !== undefined && version !== undefined) {
    return { record: { key, version, expiresAt: expires === undefined ? undefined : new Date(expires) }, json };
  }
  throw new KvorumClientError('answer-cut', { url, reason: `a line is no record: ${line.slice(0, 80)}` });
}
