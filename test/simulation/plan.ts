/** What happens in a history, drawn from its seed before it begins: the cluster, its clients, and what goes wrong. */
import type { Durability, Mode } from '../../src/domain/modes.ts';
import type { Random } from '../support/random.ts';
import type { OperationKind } from './history.ts';
import { between, chance, oneOf } from './loop.ts';
import { BEGIN_MS, type Fault, type Plan, type Session, type Step } from './steps.ts';
import { scenarioSteps } from './scenarios.ts';

const LENGTH_MS = 2500;
const SKEWS_MS = [2000, -2000, 900, -400, 45_000, -45_000, 30_000];

const CLOCK_DRIFT_MS = 5000;
export function planOf(random: Random): Plan {
  const isStrict = chance(random, 250);
  const nodes = oneOf(random, [3, 3, 3, 4]);
  return {
    nodes,
    mode: oneOf<Mode>(random, ['batched', 'async', 'sync']),
    durability: oneOf<Durability>(random, ['fsync', 'fsync', 'commit']),
    isStrict,
    keepsHints: false,
    purges: false,
    clockDriftMsMax: CLOCK_DRIFT_MS,
    timeoutMs: 300,
    late: oneOf(random, [0, 50, 300]),
    lateMsMax: oneOf(random, [20, 400, 3000]),
    skewsMs: Array.from({ length: nodes }, () => (chance(random, 500) ? 0 : oneOf(random, SKEWS_MS))),
    driftsPpm: Array.from({ length: nodes }, () => between(random, -500, 500)),
    sessions: sessionsOf(random, nodes, isStrict),
    healAt: BEGIN_MS + LENGTH_MS,
  };
}

function sessionsOf(random: Random, nodes: number, isStrict: boolean): Session[] {
  // Where an order is to be found all sessions meet at one key.
  if (isStrict) return Array.from({ length: 3 }, () => ({ ...sessionOf(random, 0, nodes), at: BEGIN_MS }));
  const sessions = Array.from({ length: between(random, 1, 4) }, (_, index) => sessionOf(random, index, nodes));
  if (chance(random, 500)) return sessions;
  return [...sessions, { at: BEGIN_MS + random.below(500), key: 'a', steps: scenarioSteps(random, nodes) }];
}

/** Two sessions share a key, so that no key has more operations than a search for their order can take. */
function sessionOf(random: Random, index: number, nodes: number): Session {
  const faults = oneOf(random, [0, 80, 200]);
  const steps = Array.from({ length: between(random, 4, 10) }, (): Step => {
    if (chance(random, faults)) return { do: 'fault', fault: faultOf(random, nodes) };
    if (chance(random, 150)) return { do: 'wait', ms: oneOf(random, [5, 50, 300]) };
    return {
      do: 'operation',
      node: random.below(nodes),
      kind: oneOf<OperationKind>(random, ['read', 'read', 'write', 'write', 'delete']),
      acksRequired: oneOf(random, [2, 2, 2, 2, 3]),
    };
  });
  return { at: BEGIN_MS + random.below(500), key: 'abc'.charAt(index >> 1), steps };
}

function faultOf(random: Random, nodes: number): Fault {
  const node = random.below(nodes);
  const downMs = oneOf(random, [5, 50, 400, 1500]);
  const kinds = [
    'kill',
    'kill',
    'power',
    'pause',
    'pause',
    'wipe',
    'damage-log',
    'restore',
    'damage-value',
    'copy',
    'clock',
    'cut',
    'cut',
  ];
  const kind = oneOf(random, kinds as readonly Exclude<Fault['kind'], 'delay'>[]);
  switch (kind) {
    case 'kill':
    case 'power':
    case 'wipe':
    case 'damage-log':
    case 'restore':
    case 'pause':
      return { kind, node, downMs };
    case 'damage-value':
    case 'copy':
      return { kind, node };
    case 'clock':
      return { kind, node, jumpMs: oneOf(random, [-30_000, -2000, -50, 50, 2000, 30_000]) };
    case 'cut':
      return {
        kind,
        from: node,
        to: (node + 1 + random.below(nodes - 1)) % nodes,
        bothWays: chance(random, 500),
        downMs,
      };
    default:
      return kind satisfies never;
  }
}
