/**
 * The query of an entity request, parsed once and strictly: a parameter that is repeated, unknown or malformed is an
 * error, since a misspelt `ack` that is silently ignored would weaken the guarantee that the client asked for.
 */
import { decodeComponent, type Key } from '../domain/key.ts';
import { resolveQuorum, type Quorum } from '../domain/quorum.ts';
import type { ProblemCode } from './problem.ts';

export interface EntityQuery {
  readonly key: Key;
  readonly quorum: Quorum;
}

/** Why a query is refused. */
export interface QueryProblem {
  readonly problem: ProblemCode;
  readonly detail: string;
}

export interface QueryLimits {
  readonly keyBytesMax: number;
  readonly nodeCount: number;
  readonly replicationFactor: number;
}

interface RawQuery {
  id?: string;
  ack?: string;
  from?: string;
  replicas?: string;
}

/** Parses what follows the `?` of an entity request; `query` holds one character per byte, as on the wire. */
export function parseEntityQuery(query: string, limits: QueryLimits): EntityQuery | QueryProblem {
  const raw = splitQuery(query);
  if ('problem' in raw) return raw;
  const key = parseKey(raw.id, limits.keyBytesMax);
  if ('problem' in key) return key;
  const quorum = parseQuorum(raw, limits);
  return 'problem' in quorum ? quorum : { key, quorum };
}

/** The values by name, still encoded. */
function splitQuery(query: string): RawQuery | QueryProblem {
  const raw: RawQuery = {};
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (name !== 'id' && name !== 'ack' && name !== 'from' && name !== 'replicas') {
      const shown = name.slice(0, 64);
      return { problem: 'bad-parameter', detail: `Unknown parameter "${shown}"; known are id, ack, from and replicas` };
    }
    if (raw[name] !== undefined) return repeated(name);
    raw[name] = equals < 0 ? '' : part.slice(equals + 1);
  }
  return raw;
}

function repeated(name: keyof RawQuery): QueryProblem {
  return { problem: name === 'id' ? 'bad-id' : 'bad-quorum', detail: `Parameter "${name}" is given twice` };
}

function parseKey(id: string | undefined, keyBytesMax: number): Key | QueryProblem {
  if (id === undefined) return { problem: 'bad-id', detail: 'Parameter "id" is missing' };
  if (id === '') return { problem: 'bad-id', detail: 'Parameter "id" is empty' };
  const key = decodeComponent(id);
  if (key === undefined) {
    return { problem: 'bad-id', detail: 'Parameter "id" is not UTF-8 in percent encoding' };
  }
  if (key.length > keyBytesMax) {
    return { problem: 'bad-id', detail: `Parameter "id" has ${key.length} bytes; at most ${keyBytesMax} are possible` };
  }
  return key;
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
  for (const [name, text] of [
    ['ack', ack],
    ['from', from],
  ] as const) {
    if (text !== undefined && !/^\d{1,9}$/.test(text)) return badQuorum(`${name} must be a whole number from 1`);
  }
  return { ack: ack === undefined ? undefined : Number(ack), from: from === undefined ? undefined : Number(from) };
}

function badQuorum(detail: string): QueryProblem {
  return { problem: 'bad-quorum', detail };
}
