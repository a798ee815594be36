/**
 * The query of an entity request, parsed once and strictly: a parameter that is repeated, unknown or malformed is an
 * error, since a misspelt `ack` that is silently ignored would weaken the guarantee that the client asked for.
 */
import type { Key } from '../domain/key.ts';
import { consistencies, type Consistency } from '../domain/modes.ts';
import type { Quorum } from '../formats/frame.ts';
import { resolveQuorum } from '../domain/quorum.ts';
import type { ProblemCode } from './problem.ts';
import { isProblem, parseKey, splitQuery, type QueryProblem } from './query-parts.ts';

export interface EntityQuery {
  readonly key: Key;
  readonly quorum: Quorum;
  /** Whether it is to be linearizable. */
  readonly isStrict: boolean;
  /** After how many milliseconds what is written is to expire; undefined for never. */
  readonly ttlMs: number | undefined;
}

export interface QueryLimits {
  readonly keyBytesMax: number;
  readonly nodeCount: number;
  readonly replicationFactor: number;
  readonly ttlMsMax: number;
  /** Of requests that do not say it. */
  readonly consistency: Consistency;
}

const names = ['id', 'ack', 'from', 'replicas', 'consistency', 'ttl'] as const;
const problemCodes: Partial<Record<(typeof names)[number], ProblemCode>> = { id: 'bad-id', ttl: 'bad-ttl' };
type RawQuery = Partial<Record<(typeof names)[number], string>>;

/** Parses what follows the `?` of an entity request; `query` holds one character per byte, as on the wire. */
export function parseEntityQuery(query: string, limits: QueryLimits): EntityQuery | QueryProblem {
  const raw = onlyKey(query) ?? splitQuery(query, names, (name) => problemCodes[name] ?? 'bad-quorum');
  if (isProblem(raw)) return raw;
  const key = parseKey({ name: 'id', text: raw.id, problem: 'bad-id' }, limits.keyBytesMax);
  if ('problem' in key) return key;
  const consistency = raw.consistency ?? limits.consistency;
  if (!isConsistency(consistency)) return badQuorum(`consistency must be ${consistencies.join(' or ')}`);
  const quorum = parseQuorum(raw, limits);
  if ('problem' in quorum) return quorum;
  const ttlMs = parseTtl(raw.ttl, limits.ttlMsMax);
  return typeof ttlMs === 'object' ? ttlMs : { key, quorum, isStrict: consistency === 'strict', ttlMs };
}

/** The parts of a query that names a key and nothing else, as most do: they need not be told one from another. */
function onlyKey(query: string): RawQuery | undefined {
  return query.startsWith('id=') && !query.includes('&') ? { id: query.slice('id='.length) } : undefined;
}

function parseTtl(text: string | undefined, ttlMsMax: number): number | undefined | QueryProblem {
  if (text === undefined) return undefined;
  const ttlMs = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (ttlMs >= 1 && ttlMs <= ttlMsMax) return ttlMs;
  return { problem: 'bad-ttl', detail: `ttl must be a whole number of milliseconds from 1 to ${ttlMsMax}` };
}

function isConsistency(text: string): text is Consistency {
  return (consistencies as readonly string[]).includes(text);
}

function parseQuorum(raw: RawQuery, limits: QueryLimits): Quorum | QueryProblem {
  const numbers = quorumNumbers(raw);
  if ('problem' in numbers) return numbers;
  const quorum = resolveQuorum({ acks: numbers.ack, replicas: numbers.from }, limits);
  return 'error' in quorum ? badQuorum(quorum.error) : quorum;
}

interface QuorumNumbers {
  readonly ack: number | undefined;
  readonly from: number | undefined;
}

function quorumNumbers(raw: RawQuery): QuorumNumbers | QueryProblem {
  if (raw.replicas === undefined) return parseNumbers(raw.ack, raw.from);
  if (raw.ack !== undefined || raw.from !== undefined) {
    return badQuorum('replicas=A/F says what ack and from say; give one of the two');
  }
  const [ack, from, ...rest] = raw.replicas.replace(/%2[fF]/, '/').split('/');
  if (from === undefined || rest.length > 0) return badQuorum('replicas must be like 2/3');
  return parseNumbers(ack, from);
}

function parseNumbers(ack: string | undefined, from: string | undefined): QuorumNumbers | QueryProblem {
  if (!isNumber(ack)) return badQuorum('ack must be a whole number from 1');
  if (!isNumber(from)) return badQuorum('from must be a whole number from 1');
  return { ack: ack === undefined ? undefined : Number(ack), from: from === undefined ? undefined : Number(from) };
}

function isNumber(text: string | undefined): boolean {
  return text === undefined || /^\d{1,9}$/.test(text);
}

function badQuorum(detail: string): QueryProblem {
  return { problem: 'bad-quorum', detail };
}
