/**
 * The query of a range request, parsed as strictly as an entity's (query.ts), and the link to what a limit cut off.
 */
import { Buffer } from 'node:buffer';
import type { Key } from '../domain/key.ts';
import { isProblem, parseKey, splitQuery, type QueryProblem } from './query-parts.ts';

export interface RangeQuery {
  readonly start: Key;
  readonly end: Key | undefined;
  readonly limit: number | undefined;
  readonly keysOnly: boolean;
  readonly cluster: boolean;
  /** Whether a last line says how the range ended, for clients that see no trailers. */
  readonly tail: boolean;
}

const names = ['start', 'end', 'limit', 'keys', 'cluster', 'tail'] as const;
/** No key stands before it. */
const lowestKey: Key = Buffer.of(0);

/** Parses what follows the `?` of a range request; `query` holds one character per byte, as on the wire. */
export function parseRangeQuery(query: string, keyBytesMax: number): RangeQuery | QueryProblem {
  const raw = splitQuery(query, names, () => 'bad-parameter');
  if (isProblem(raw)) return raw;
  const start =
    raw.start === undefined
      ? lowestKey
      : parseKey({ name: 'start', text: raw.start, problem: 'bad-parameter' }, keyBytesMax);
  if ('problem' in start) return start;
  const end =
    raw.end === undefined ? undefined : parseKey({ name: 'end', text: raw.end, problem: 'bad-parameter' }, keyBytesMax);
  if (end !== undefined && 'problem' in end) return end;
  const limit = raw.limit === undefined ? undefined : parseLimit(raw.limit);
  if (typeof limit === 'object') return limit;
  for (const name of ['keys', 'cluster', 'tail'] as const) {
    if (raw[name] !== undefined && raw[name] !== '1') return bad(`Parameter "${name}" can only be 1`);
  }
  const isGiven = (name: 'keys' | 'cluster' | 'tail'): boolean => raw[name] !== undefined;
  return { start, end, limit, keysOnly: isGiven('keys'), cluster: isGiven('cluster'), tail: isGiven('tail') };
}

/** The target of the request that goes on at `next`. */
export function nextTarget(query: RangeQuery, next: Uint8Array): string {
  const { end, limit, keysOnly, cluster, tail } = query;
  const parts = [`start=${encodeComponent(next)}`];
  if (end !== undefined) parts.push(`end=${encodeComponent(end)}`);
  if (limit !== undefined) parts.push(`limit=${limit}`);
  if (keysOnly) parts.push('keys=1');
  if (cluster) parts.push('cluster=1');
  if (tail) parts.push('tail=1');
  return `/v0/entities?${parts.join('&')}`;
}

/** Bytes as a query component: all but the unreserved characters of RFC 3986 in percent encoding. */
function encodeComponent(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(
      /[^A-Za-z0-9._~-]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
}

function parseLimit(text: string): number | QueryProblem {
  const limit = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  return limit >= 1 ? limit : bad('Parameter "limit" must be a whole number from 1');
}

function bad(detail: string): QueryProblem {
  return { problem: 'bad-parameter', detail };
}
