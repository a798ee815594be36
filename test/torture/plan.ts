/** What a seed means: a cluster, and episodes of faults. Pure; whether a fault may happen is decided when its time has come. */
import { durabilities, type Durability, type Mode } from '../../src/domain/modes.ts';
import type { Random } from '../support/random.ts';
import { cutKinds, type Fault, type PlannedFault } from './faults.ts';

export interface Episode {
  /** Faults go beyond what promises hold for: then only what holds without any promise is looked at. */
  readonly isBeyond: boolean;
  /** Faults begin within this time; those that last longer are waited for. */
  readonly lengthMs: number;
  readonly faults: readonly PlannedFault[];
}

export interface LifePlan {
  readonly nodes: 3 | 5;
  readonly mode: Mode;
  readonly durability: Durability;
  readonly workers: 1 | 2;
  /** How long an operation may take to reach its quorum. */
  readonly timeoutMs: number;
  readonly episodes: readonly Episode[];
  /** How often what was deleted is removed for good, and nodes compare what they hold. */
  readonly purgeIntervalMs: number;
}

export interface PlanSize {
  /** Episodes within the promises; one beyond follows. */
  readonly episodes: number;
  readonly lengthMs: number;
  /** Milliseconds between two faults on average. */
  readonly pauseMs: number;
  /** No fault lasts longer. */
  readonly downMsMax: number;
}

export const wholeLife: PlanSize = { episodes: 5, lengthMs: 25_000, pauseMs: 900, downMsMax: 15_000 };
export const shortLife: PlanSize = { episodes: 1, lengthMs: 6000, pauseMs: 500, downMsMax: 2000 };

/** Of so many faults so many are of each kind. */
const shares: Readonly<Record<Fault['kind'], number>> = {
  kill: 3,
  pause: 3,
  wipe: 2,
  copy: 1,
  restore: 2,
  'flip-log': 1,
  'flip-values': 1,
  clock: 2,
  cut: 4,
};
const kinds = (Object.keys(shares) as Fault['kind'][]).flatMap((kind) =>
  Array.from({ length: shares[kind] }, () => kind),
);
const aheadMs = [-300_000, -45_000, -30_000, -2000, -700, -50, 50, 700, 2000, 30_000, 45_000, 300_000];
const downMs = [100, 300, 1000, 3000, 6000, 15_000];

export function lifePlan(random: Random, size: PlanSize): LifePlan {
  const nodes = random.below(3) === 0 ? 5 : 3;
  return {
    nodes,
    mode: oneOf<Mode>(random, ['batched', 'batched', 'batched', 'async', 'sync']),
    durability: oneOf(random, durabilities),
    workers: random.below(3) === 0 ? 2 : 1,
    timeoutMs: oneOf(random, [1000, 1000, 3000]),
    episodes: Array.from({ length: size.episodes + 1 }, (_, index) => ({
      isBeyond: index === size.episodes,
      lengthMs: size.lengthMs,
      faults: faultsOf(random, nodes, size),
    })),
    purgeIntervalMs: oneOf(random, [500, 500, 60_000]),
  };
}

function faultsOf(random: Random, nodes: number, { lengthMs, pauseMs, downMsMax }: PlanSize): PlannedFault[] {
  // Some episodes are of one kind, so that kinds that exclude each other all have their time.
  const only = random.below(3) === 0 ? oneOf(random, kinds) : undefined;
  const faults: PlannedFault[] = [];
  for (let atMs = random.below(2 * pauseMs); atMs < lengthMs; atMs += 1 + random.below(2 * pauseMs)) {
    const kind = only !== undefined && random.below(2) === 0 ? only : oneOf(random, kinds);
    const lasts = oneOf(
      random,
      downMs.filter((ms) => ms <= downMsMax),
    );
    faults.push({ atMs, fault: faultOf(kind, random, nodes, lasts) });
  }
  return faults;
}

function faultOf(kind: Fault['kind'], random: Random, nodes: number, lasts: number): Fault {
  const node = random.below(nodes);
  if (kind === 'clock') return { kind, node, aheadMs: oneOf(random, aheadMs), downMs: lasts };
  if (kind !== 'cut') return { kind, node, downMs: lasts };
  const to = (node + 1 + random.below(nodes - 1)) % nodes;
  const held = random.below(2) === 0 ? 'late' : 'lost';
  return { kind, from: node, to, how: oneOf(random, cutKinds), held, downMs: lasts };
}

export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[random.below(values.length)] as T;
}
