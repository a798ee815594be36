/**
 * What replicas miss, out of what the nodes say of it: writes that a node keeps for one that was away, and how long ago two
 * nodes are known to have held the same. Nodes that tell neither are passed over. Pure.
 */
import { fieldOf, listFieldOf, numberFieldOf, textFieldOf } from '../formats/foreign-json.ts';
import type { NodeSeen, Tone } from './health.ts';

/** One node's view of another, where there is something to say. */
export interface PairRow {
  readonly by: string;
  readonly of: string;
  readonly tone: Tone;
  readonly word: string;
  /** All that is older is known to be the same on both, milliseconds since 1970. */
  readonly identicalSince: number | undefined;
  /** Writes that are kept for the other one, and what they take. */
  readonly kept: number;
  readonly keptBytes: number;
  /** When the oldest of them was written, milliseconds since 1970. */
  readonly oldest: number | undefined;
  readonly why: string;
}

export interface Repairs {
  readonly verdict: { readonly tone: Tone; readonly word: string };
  readonly rows: readonly PairRow[];
}

/** How a comparison stands, as a mark and a word. */
const states: Readonly<Record<string, readonly [Tone, string]>> = {
  identical: ['good', 'the same'],
  comparing: ['unknown', 'is compared'],
  pulling: ['warn', 'is brought here'],
  differing: ['warn', 'lacks something'],
  waiting: ['unknown', 'not compared yet'],
  unavailable: ['warn', 'cannot be compared'],
};

/** Undefined where no node tells. */
export function repairsOf(nodes: readonly NodeSeen[]): Repairs | undefined {
  const heard = nodes.filter(({ silence, isStale }) => silence === undefined && !isStale);
  const telling = heard.filter(({ status }) => tellsOf(status?.all));
  if (telling.length === 0) return undefined;
  const rows = telling.flatMap(({ url, status }) => rowsOf(url, status?.all));
  return { verdict: verdictOf(rows), rows };
}

function tellsOf(status: unknown): boolean {
  return Array.isArray(fieldOf(status, 'hints')) || Array.isArray(fieldOf(fieldOf(status, 'repair'), 'peers'));
}

function rowsOf(by: string, status: unknown): PairRow[] {
  const hints = new Map(listFieldOf(status, 'hints').map((hint) => [textFieldOf(hint, 'target'), hint]));
  const compared = new Map(
    listFieldOf(fieldOf(status, 'repair'), 'peers').map((peer) => [textFieldOf(peer, 'url'), peer]),
  );
  const urls = new Set([...compared.keys(), ...hints.keys()]);
  return [...urls].flatMap((url) =>
    url === undefined ? [] : [rowOf({ by, of: url }, compared.get(url), hints.get(url))],
  );
}

function rowOf(pair: Pick<PairRow, 'by' | 'of'>, peer: unknown, hint: unknown): PairRow {
  const kept = numberFieldOf(hint, 'count') ?? 0;
  const state = textFieldOf(peer, 'state');
  const [tone, word] =
    state === undefined ? (['unknown', ''] as const) : (states[state] ?? (['unknown', state] as const));
  return {
    ...pair,
    ...(kept > 0 && tone !== 'bad' ? { tone: 'warn', word: word === '' ? 'misses writes' : word } : { tone, word }),
    identicalSince: instant(textFieldOf(peer, 'identicalSince')),
    kept,
    keptBytes: numberFieldOf(hint, 'bytes') ?? 0,
    oldest: instant(textFieldOf(hint, 'oldest')),
    why: textFieldOf(peer, 'error') ?? '',
  };
}

function verdictOf(rows: readonly PairRow[]): Repairs['verdict'] {
  const missing = rows.filter(({ kept }) => kept > 0);
  const different = rows.filter(({ tone, kept }) => kept === 0 && tone === 'warn');
  if (missing.length > 0) {
    const targets = new Set(missing.map(({ of }) => of)).size;
    return { tone: 'warn', word: `writes are kept for ${targets} ${targets === 1 ? 'node' : 'nodes'}` };
  }
  if (different.length > 0) return { tone: 'warn', word: `${different.length} comparisons are not done` };
  return { tone: 'good', word: 'no node misses a write that is known of' };
}

function instant(text: string | undefined): number | undefined {
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
