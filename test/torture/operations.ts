/** What clients asked of a tortured cluster and what they saw, and how the checkers read it. */
import { Buffer } from 'node:buffer';
import type { HistoryOperation } from '../histories/checks.ts';

export interface ClientOperation {
  readonly id: number;
  readonly kind: 'read' | 'write' | 'delete';
  readonly key: string;
  readonly node: number;
  readonly ack: number;
  readonly isStrict: boolean;
  /** Of what is written. */
  readonly valueBytes: number;
  /** After which time what is written expires; undefined: never. */
  readonly ttlMs?: number | undefined;
  /** Milliseconds of the one clock of all clients. */
  readonly begin: number;
  readonly end: number;
  readonly outcome: Outcome;
}

export type Outcome =
  /** A write is acknowledged. */
  | { readonly kind: 'acknowledged' }
  /** A read is answered: by the value of which write, stamped when; or there was none. */
  | { readonly kind: 'saw'; readonly write: number; readonly version: number }
  | { readonly kind: 'missing' }
  /** What was read is no value of that key. */
  | { readonly kind: 'wrong'; readonly what: string }
  /** Nothing was done, the store says. */
  | { readonly kind: 'refused'; readonly why: string }
  /** Nobody knows what became of it. */
  | { readonly kind: 'open'; readonly why: string };

/** The value that a write carries: it tells its key and number all along, so that a torn or mixed one is seen. */
export function valueOf({ key, id, valueBytes }: Pick<ClientOperation, 'key' | 'id' | 'valueBytes'>): Buffer {
  return Buffer.alloc(valueBytes, `${key}=${id};`);
}

/** Which write a value names; undefined where it names none. */
export function writeNamed(key: string, value: Buffer): number | undefined {
  const [, named, id] = /^(.*?)=(\d+);/.exec(value.toString('latin1', 0, 100)) ?? [];
  return named === key ? Number(id) : undefined;
}

/** What the nodes' clocks, which round, and this one may differ by when a value expires. */
export const EXPIRY_SLACK_MS = 100;

/**
 * The operations of each key as a history. Reads without an answer tell nothing, nor do writes that were refused. Two nodes may stamp
 * in the same microsecond, and a read does not tell which of them stamped what it saw: such writes stand in the order in which they
 * were first seen.
 */
export function historiesOf(operations: readonly ClientOperation[]): Map<string, HistoryOperation[]> {
  const histories = new Map<string, HistoryOperation[]>();
  for (const [key, own] of byKey(operations)) {
    const seen = own
      .toSorted((left, right) => left.end - right.end)
      .flatMap(({ outcome }) => (outcome.kind === 'saw' ? [outcome] : []));
    const distinct = [...new Map(seen.map((one) => [placeOf(one), one])).values()];
    distinct.sort((left, right) => left.version - right.version);
    const ranks = new Map(distinct.map((one, index) => [placeOf(one), index + 1]));
    const stamps = new Map<number, Set<number>>();
    for (const { outcome } of own) {
      if (outcome.kind !== 'saw') continue;
      const known = stamps.get(outcome.write) ?? new Set<number>();
      stamps.set(outcome.write, known.add(ranks.get(placeOf(outcome)) as number));
    }
    const ranked = (id: number): number[] => [...(stamps.get(id) ?? [])].sort((left, right) => left - right);
    histories.set(
      key,
      own.flatMap((operation) => asHistory(operation, ranked(operation.id), ranks)),
    );
  }
  return histories;
}

export function byKey(operations: readonly ClientOperation[]): Map<string, ClientOperation[]> {
  const keys = new Map<string, ClientOperation[]>();
  for (const operation of operations) {
    const own = keys.get(operation.key);
    if (own === undefined) keys.set(operation.key, [operation]);
    else own.push(operation);
  }
  return keys;
}

function placeOf({ version, write }: { readonly version: number; readonly write: number }): string {
  return `${version} ${write}`;
}

function asHistory(
  { id, kind, begin, end, outcome, ttlMs }: ClientOperation,
  stamps: readonly number[],
  ranks: ReadonlyMap<string, number>,
): HistoryOperation[] {
  if (kind === 'read') {
    if (outcome.kind === 'missing') return [{ kind, begin, end, saw: 'missing' }];
    return outcome.kind === 'saw' ? [{ kind, begin, end, saw: outcome.write, rank: ranks.get(placeOf(outcome)) }] : [];
  }
  if (outcome.kind === 'refused') return [];
  const isAcknowledged = outcome.kind === 'acknowledged';
  const write = { kind, id, begin, end: isAcknowledged ? end : Infinity, isAcknowledged, stamps, hasUntold: true };
  return ttlMs === undefined ? [write] : [write, expiryOf(id, begin + ttlMs)];
}

/** To readers a value that expires is deleted then, by somebody who gets no answer. */
function expiryOf(id: number, at: number): HistoryOperation {
  const open = { end: Infinity, isAcknowledged: false, stamps: [], hasUntold: true };
  return { kind: 'delete', id: -id, begin: at - EXPIRY_SLACK_MS, ...open };
}

/** An operation in words, its times in seconds since `origin`. */
export function describeOperation(operation: ClientOperation, origin: number): string {
  const { id, kind, key, node, ack, isStrict, valueBytes, ttlMs, begin, end, outcome } = operation;
  const when = [begin, end].map((ms) => ((ms - origin) / 1000).toFixed(3)).join('..');
  const expiry = ttlMs === undefined ? '' : ` for ${ttlMs} ms`;
  const size = kind === 'write' ? ` of ${valueBytes} bytes${expiry}` : '';
  const how = `${ack}/3${isStrict ? ' strict' : ''}`;
  return `${when} s: ${kind} ${id} of "${key}"${size} at ${how} through n${node}: ${describeOutcome(outcome)}`;
}

function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'saw':
      return `saw ${outcome.write} at version ${outcome.version}`;
    case 'wrong':
      return `wrong bytes: ${outcome.what}`;
    case 'refused':
    case 'open':
      return `${outcome.kind}, ${outcome.why}`;
    case 'acknowledged':
    case 'missing':
      return outcome.kind;
    default:
      return outcome satisfies never;
  }
}
