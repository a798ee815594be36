/** One history from its seed, and what the checks say of it. */
import { Buffer } from 'node:buffer';
import { isIntact } from '../../src/formats/record.ts';
import { seededRandom } from '../../profiling/load/random.ts';
import { describe, orderViolation } from '../histories/checks.ts';
import { isLinearizable, operationsMax } from '../histories/linearizability.ts';
import { planOf } from './plan.ts';
import { purging } from './purging.ts';
import type { Plan } from './steps.ts';
import { allRules, type Rules } from './rules.ts';
import { scenarioPlan } from './scenarios.ts';
import { World } from './world.ts';

export interface HistoryResult {
  readonly plan: Plan;
  readonly operations: number;
  readonly acknowledged: number;
  readonly answered: number;
  readonly linearizable: number;
  readonly isConverged: boolean;
  /** Tombstones that were removed. */
  readonly purged: number;
  /** What is wrong; empty where everything is as it was promised. */
  readonly violations: readonly string[];
}

/** Plays the history of a seed: a plan that is drawn, or a scenario. */
export async function playHistory(seed: number, rules: Rules = allRules, scenario?: string): Promise<HistoryResult> {
  const next = seededRandom(seed);
  const random = { below: (end: number) => Math.floor(next() * end) };
  const drawn = planOf(random);
  const steps = scenario === undefined ? drawn : scenarioPlan(random, scenario, drawn);
  // Hints hide what happens to a node that misses something, so half of the histories are without them.
  const hinted = { ...steps, keepsHints: seed % 2 === 1 };
  const plan = seed % 4 < 2 && scenario === undefined ? purging(hinted) : hinted;
  const world = new World(plan, rules, random);
  await world.run();
  const violations = world.failures.map(String);
  let linearizable = 0;
  for (const [key, history] of world.history.byKey()) {
    const violation = orderViolation(history, world.isBeyondQuorums);
    if (violation !== undefined) violations.push(`key ${key}: ${violation}`);
    if (!world.plan.isStrict || history.length > operationsMax) continue;
    linearizable++;
    if (!isLinearizable(history)) {
      violations.push(`key ${key} is not linearizable:\n    ${history.map(describe).join('\n    ')}`);
    }
  }
  const { operations } = world.history;
  const difference = differenceOf(world);
  if (difference !== undefined) violations.push(difference);
  return {
    plan: world.plan,
    operations: operations.length,
    acknowledged: operations.filter(({ kind, isDone }) => kind !== 'read' && isDone).length,
    answered: operations.filter(({ kind, isDone }) => kind === 'read' && isDone).length,
    linearizable,
    purged: world.nodes.reduce((sum, { life }) => sum + (life?.store.purged ?? 0), 0),
    isConverged: world.nodes.every(({ disk }) => disk.state?.standing.kind === 'voting'),
    violations,
  };
}

/** After everything was put right and every key was read from all its replicas, those that vote hold the same. */
function differenceOf(world: World): string | undefined {
  if (world.rules !== allRules || world.nodes.some(({ disk }) => disk.state?.standing.kind !== 'voting'))
    return undefined;
  // What one has removed another may still have.
  const floor = Math.max(0, ...world.nodes.map(({ life }) => life?.store.purgedBelow ?? 0));
  const images = world.nodes.map(({ life, index }) => {
    // What is damaged, and nobody else ever had, stays.
    return new Map(
      [...(life?.store.records ?? [])].filter(([key, record]) => {
        if (life?.store.isRemovable(record, floor) === true) return false;
        return world.isOwn(index, key) && isIntact(record, 0, record.length, Buffer.from(key, 'latin1'));
      }),
    );
  });
  for (const key of new Set(images.flatMap((image) => [...image.keys()]))) {
    const holders = world.nodes.filter(({ index }) => world.isOwn(index, key));
    const held = holders.map(({ index }) => images[index]?.get(key)?.toString('hex') ?? 'nothing');
    if (new Set(held).size > 1) return `replicas of ${key} differ after healing: ${held.join(', ')}`;
  }
  return undefined;
}
