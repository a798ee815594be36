/**
 * What a seed means for a cluster that goes through outages: rounds, each with the outage of one node, or between two, and what
 * clients do to keys of the round before it and while it lasts. Pure.
 */
import { durabilities } from '../../src/domain/modes.ts';
import { largeValueBytes } from '../../src/formats/record.ts';
import type { Random } from '../support/random.ts';
import type { Request } from './client.ts';
import { cutKinds, type Fault } from './faults.ts';
import { oneOf } from './plan.ts';
import type { ClusterPlan } from './tortured-cluster.ts';

export type Step = Pick<Request, 'kind' | 'key' | 'valueBytes' | 'ttlMs'>;

/** Steps on one key, each when the one before was acknowledged. */
export type Lane = readonly Step[];

export interface OutageRound {
  readonly fault: Fault;
  /** Whether it begins although nodes may still be recovering from those before. */
  readonly isHasty: boolean;
  readonly before: readonly Lane[];
  /** So long after the outage has begun, milliseconds. */
  readonly afterMs: number;
  readonly during: readonly Lane[];
  /** Of keys that rounds before have left, so many are deleted meanwhile, if there are. */
  readonly oldDeletions: number;
}

/** Outages are fractions of it, and a few of it: nodes compare what they hold so often. */
const downMs = [50, 100, 150, 200, 300, 500, 700, 1000, 3000];
const ttlMs = [100, 300, 1000, 3000];
const SMALL_BYTES_MIN = 50;

/** Of so many outages so many are of each kind. */
const shares: Readonly<Record<Exclude<Fault['kind'], 'clock' | 'flip-log' | 'flip-values'>, number>> = {
  kill: 3,
  pause: 3,
  wipe: 2,
  copy: 1,
  restore: 2,
  cut: 3,
};
type OutageKind = keyof typeof shares;
const kinds = (Object.keys(shares) as OutageKind[]).flatMap((kind) => Array.from({ length: shares[kind] }, () => kind));

/** Tombstones go as soon as nodes can know that all have them: some six seconds after a deletion. */
export function outagesClusterPlan(random: Random): ClusterPlan & { readonly nodes: 3 } {
  return {
    nodes: 3,
    mode: oneOf(random, ['batched', 'batched', 'async']),
    durability: oneOf(random, durabilities),
    workers: oneOf(random, [1, 2]),
    timeoutMs: 2000,
    purgeIntervalMs: 500,
    clockDriftMsMax: 200,
  };
}

/** A round of a cluster of so many nodes; no outage lasts longer than `downMsMax`. */
export function outageRound(random: Random, number: number, { nodes, downMsMax }: RoundSize): OutageRound {
  const lasts = oneOf(
    random,
    downMs.filter((ms) => ms <= downMsMax),
  );
  const name = (what: string): string => `round ${number} ${what}`;
  const small = (): number => SMALL_BYTES_MIN + random.below(500);
  const put = (key: string, ttl?: number): Step => ({ kind: 'write', key, valueBytes: small(), ttlMs: ttl });
  const del = (key: string): Step => ({ kind: 'delete', key, valueBytes: 0 });
  const get = (key: string): Step => ({ kind: 'read', key, valueBytes: 0 });
  const gone = ['gone 1', 'gone 2', 'gone 3'].map(name);
  const early = ['early 1', 'early 2'].map(name);
  const brief = ['brief 1', 'brief 2'].map(name);
  const kept = name('kept');
  const cleared = name('cleared');
  const keptBytes = random.below(20) === 0 ? largeValueBytes + random.below(80_000) : small();
  return {
    fault: faultOf(oneOf(random, kinds), random, nodes, lasts),
    isHasty: random.below(4) === 0,
    before: [
      ...gone.map((key) => [put(key)]),
      ...early.map((key) => [put(key), del(key)]),
      [put(name('expiring'), oneOf(random, ttlMs))],
      [put(cleared, 10 * oneOf(random, ttlMs))],
      [put(kept)],
    ],
    afterMs: random.below(Math.ceil(lasts / 2)),
    during: [
      ...gone.map((key) => [del(key), get(key)]),
      ...brief.map((key) => [put(key), del(key), get(key)]),
      [put(name('fleeting'), oneOf(random, ttlMs))],
      [put(cleared), get(cleared)],
      [{ ...put(kept), valueBytes: keptBytes }, get(kept)],
      ...early.map((key) => [get(key)]),
    ],
    oldDeletions: random.below(3),
  };
}

export interface RoundSize {
  readonly nodes: number;
  readonly downMsMax: number;
}

function faultOf(kind: OutageKind, random: Random, nodes: number, lasts: number): Fault {
  const node = random.below(nodes);
  if (kind !== 'cut') return { kind, node, downMs: lasts };
  const to = (node + 1 + random.below(nodes - 1)) % nodes;
  const held = random.below(2) === 0 ? 'late' : 'lost';
  return { kind, from: node, to, how: oneOf(random, cutKinds), held, downMs: lasts };
}
