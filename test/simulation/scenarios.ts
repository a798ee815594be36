/**
 * Histories that a review found against drafts of the rules, each as a plan for nodes that are drawn from a seed, with the
 * network's delays and reorderings around it. The random plans of plan.ts use them, too, in the middle of other things.
 */
import { Buffer } from 'node:buffer';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import { nodeIdOf } from '../../src/domain/topology.ts';
import type { Random } from '../support/random.ts';
import { BEGIN_MS, nodeUrl, type Fault, type Plan, type Step } from './steps.ts';
import { oneOf } from './loop.ts';
import { purging } from './purging.ts';

type Nodes = readonly [a: number, b: number, c: number];
type Losing = 'wipe' | 'restore' | 'damage-log' | 'kill' | 'power';

const write = (node: number, acksRequired = 2): Step => ({ do: 'operation', node, kind: 'write', acksRequired });
const del = (node: number, acksRequired = 2): Step => ({ do: 'operation', node, kind: 'delete', acksRequired });
const read = (node: number, acksRequired = 2): Step => ({ do: 'operation', node, kind: 'read', acksRequired });
const wait = (ms: number): Step => ({ do: 'wait', ms });
const fault = (what: Fault): Step => ({ do: 'fault', fault: what });
const lose = (kind: Losing, node: number, downMs = 5): Step => fault({ kind, node, downMs });
const jump = (node: number, jumpMs: number): Step => fault({ kind: 'clock', node, jumpMs });
const cut = (from: number, to: number, downMs: number): Step =>
  fault({ kind: 'cut', from, to, bothWays: true, downMs });
const pause = (node: number, downMs: number): Step => fault({ kind: 'pause', node, downMs });

export const scenarios: Readonly<Record<string, (nodes: Nodes) => readonly Step[]>> = {
  'a slow clock overwrites and deletes': ([a, b, c]) => [
    jump(b, -2000),
    wait(5),
    write(a),
    write(b),
    read(c),
    write(a, 3),
    del(b),
    read(c),
    write(a),
    del(b, 3),
    read(a),
  ],
  'a fast clock is put right and its node starts again': ([a, b, c]) => [
    jump(b, 4000),
    wait(50),
    write(b),
    read(a),
    jump(b, -4000),
    lose('kill', b),
    wait(30),
    write(b),
    read(c),
    del(a),
    read(c),
  ],
  'a mixed tally of two stamps': ([a, b, c]) => [
    jump(a, 1500),
    wait(5),
    cut(a, c, 60),
    write(a),
    write(c),
    read(b),
    write(b),
    read(c),
    read(a),
  ],
  'a late frame of an old stamp after a delete': ([a, b, c]) => [
    pause(c, 400),
    write(a),
    del(b),
    wait(450),
    read(c),
    read(a),
    write(c),
    read(b),
  ],
  'a replica that is wiped between two writes acknowledges the second': ([a, b, c]) => [
    jump(a, 4000),
    wait(5),
    cut(a, c, 300),
    write(a),
    cut(a, b, 250),
    lose('wipe', b, 2),
    wait(66),
    write(c),
    wait(300),
    read(a),
    read(c),
  ],
  'two nodes that are wiped one after the other do not complete each other': ([a, b, c]) => [
    write(a, 3),
    pause(c, 1200),
    write(a),
    lose('wipe', a, 2),
    wait(20),
    lose('wipe', b, 2),
    read(a),
    wait(100),
    read(b),
    wait(1300),
    read(c),
    read(a),
  ],
  'a node that was away votes beside one that was wiped': ([a, b, c]) => [
    lose('kill', c, 100),
    wait(5),
    write(a),
    del(b),
    write(a),
    wait(140),
    lose('wipe', a, 2),
    wait(12),
    read(c),
    wait(5),
    read(c),
    read(b),
  ],
  'a node that was away votes beside one whose value is damaged': ([a, b, c]) => [
    lose('kill', c, 60),
    wait(5),
    write(a),
    wait(90),
    fault({ kind: 'damage-value', node: a }),
    cut(b, c, 200),
    read(c),
    read(a),
    read(c),
  ],
  'a node that was away votes beside one with an older store': ([a, b, c]) => [
    write(a, 3),
    fault({ kind: 'copy', node: a }),
    lose('kill', c, 60),
    wait(5),
    write(b),
    wait(250),
    lose('restore', a, 3),
    cut(b, c, 150),
    wait(15),
    read(c),
    wait(30),
    read(a),
  ],
  'a node that was away votes beside one whose log is damaged': ([a, b, c]) => [
    lose('kill', c, 60),
    wait(5),
    write(a),
    write(b),
    wait(90),
    lose('damage-log', a, 3),
    cut(b, c, 150),
    wait(15),
    read(c),
    wait(30),
    read(a),
  ],
  'a frame is under way to a node that is wiped meanwhile': ([a, b, c]) => [
    pause(b, 30),
    cut(a, c, 40),
    write(a),
    lose('wipe', b, 2),
    wait(20),
    read(c),
    write(c),
    read(a),
    read(b),
  ],
  'a request is given up while its node stands still': ([a, b, c]) => [
    write(b),
    pause(a, 900),
    write(a),
    write(b),
    del(c),
    wait(400),
    read(a),
    read(b),
  ],
  'a whole cluster an hour fast is put right': ([a, b, c]) => [
    jump(a, 3_600_000),
    jump(b, 3_600_000),
    jump(c, 3_600_000),
    wait(1000),
    write(a),
    read(b),
    jump(a, -3_600_000),
    jump(b, -3_600_000),
    jump(c, -3_600_000),
    wait(1000),
    read(c),
    write(b),
    read(a),
    del(c),
    read(b),
    write(a),
    read(c),
  ],
  'a write at one replica is read once': ([a, b, c]) => [
    lose('kill', b, 40),
    lose('kill', c, 40),
    write(a),
    wait(100),
    read(a),
    cut(a, b, 60),
    cut(a, c, 60),
    read(b),
    read(c),
  ],
};

/**
 * Four nodes, of which `d` coordinates and holds nothing: `b` acknowledges and is wiped, recovers before `c` has got the write
 * too, and `a` never gets it.
 */
function acknowledgedByTheDead([a, b, c, d]: readonly [number, number, number, number]): readonly (readonly Step[])[] {
  return [
    [
      cut(d, a, 4000),
      fault({ kind: 'delay', from: d, to: c, lateMs: 1200 }),
      write(d),
      cut(c, a, 400),
      cut(c, b, 400),
      read(a),
      read(b),
    ],
    [wait(15), lose('wipe', b, 2)],
  ];
}

/**
 * Node `a` is ahead and its write comes late to the others; the write of `c`, stamped below it, is read, then the one of `a`
 * is, and then that of `c` again, which was stamped anew. A strict write has only one stamp.
 */
function seenAtBothStamps([a, b, c]: Nodes): readonly (readonly Step[])[] {
  return [
    [
      fault({ kind: 'delay', from: a, to: b, lateMs: 60 }),
      fault({ kind: 'delay', from: a, to: c, lateMs: 900 }),
      write(a),
    ],
    [wait(3), fault({ kind: 'delay', from: c, to: b, lateMs: 120 }), write(c)],
    [wait(10), fault({ kind: 'delay', from: c, to: a, lateMs: 40 }), read(c), wait(50), read(b), wait(150), read(a)],
  ];
}

/** A repair of what was deleted since comes when its tombstone is gone everywhere. */
function repairedAfterAll([a, b, c]: Nodes): readonly Step[] {
  const late = (from: number): Step => fault({ kind: 'delay', from, to: c, lateMs: 2600 });
  const missed = [cut(a, c, 40), cut(b, c, 40), write(a), wait(60)];
  // The node stands still until the read is answered, so that it is the repair that is late.
  const repaired = [pause(c, 30), read(a), late(a), wait(60)];
  return [...missed, ...repaired, del(b), read(c, 3), wait(3000), read(c)];
}

const repairedAfterAllName = 'a late repair of what was deleted and removed';
const seenAtBothStampsName = 'a write is seen at both of its stamps';
const acknowledgedByTheDeadName = 'an acknowledgement of a process that is gone';

export const scenarioNames = [
  ...Object.keys(scenarios),
  acknowledgedByTheDeadName,
  seenAtBothStampsName,
  repairedAfterAllName,
];

/** Where each rule of rules.ts is needed: without it the scenario goes wrong. */
export const neededBy: Readonly<Record<string, string>> = {
  'losers of a merge say applied': 'a mixed tally of two stamps',
  'damaged data votes': 'a node that was away votes beside one whose value is damaged',
  'a node that lost data votes': 'two nodes that are wiped one after the other do not complete each other',
  'a node that lost data acknowledges old writes': 'a replica that is wiped between two writes acknowledges the second',
  'reads are repaired after they are answered': 'a write at one replica is read once',
  'a start forgets what it stamped': 'a fast clock is put right and its node starts again',
  'acknowledgements outlive the process that gave them': acknowledgedByTheDeadName,
  'what was deleted is removed without a floor': repairedAfterAllName,
  'strict operations are plain ones': seenAtBothStampsName,
};

/** The steps of one scenario among nodes that are drawn. */
export function scenarioSteps(
  random: Random,
  nodes: number,
  name = oneOf(random, Object.keys(scenarios)),
): readonly Step[] {
  const first = random.below(nodes);
  const others = Array.from({ length: nodes }, (_, node) => node).filter((node) => node !== first);
  const second = oneOf(random, others);
  const third = oneOf(
    random,
    others.filter((node) => node !== second),
  );
  return scenarios[name]?.([first, second, third]) ?? [];
}

/** A plan in which a scenario happens, and nothing else does. */
export function scenarioPlan(random: Random, name: string, base: Plan): Plan {
  const plan = { ...base, isStrict: false, driftsPpm: [0, 0, 0, 0], skewsMs: [0, 0, 0, 0] };
  const ending = [wait(50), read(random.below(3)), read(random.below(3))];
  const sessionOf = (steps: readonly Step[]) => ({ at: BEGIN_MS, key: 'a', steps });
  if (name === seenAtBothStampsName) {
    const sessions = seenAtBothStamps([0, 1, 2]).map(sessionOf);
    return {
      ...plan,
      nodes: 3,
      isStrict: true,
      late: 0,
      timeoutMs: 2000,
      mode: 'batched',
      skewsMs: [1500, 0, 0],
      sessions,
    };
  }
  if (name === repairedAfterAllName) {
    const calm = purging({
      ...plan,
      nodes: 3,
      late: 0,
      sessions: [sessionOf([...repairedAfterAll([0, 1, 2]), ...ending])],
    });
    return { ...calm, mode: 'batched', keepsHints: false, healAt: 6000 };
  }
  if (name !== acknowledgedByTheDeadName) {
    return { ...plan, nodes: 3, sessions: [sessionOf([...scenarioSteps(random, 3, name), ...ending])] };
  }
  const [a, b, c] = preferenceList(hashKey(Buffer.from('a'), 0, 1), idsOf(4), 4) as [number, number, number];
  const sessions = acknowledgedByTheDead([a, b, c, 6 - a - b - c]).map(sessionOf);
  return { ...plan, nodes: 4, late: 0, timeoutMs: 2000, mode: 'batched', sessions };
}

function idsOf(nodes: number): number[] {
  return Array.from({ length: nodes }, (_, index) => nodeIdOf(nodeUrl(index)));
}
