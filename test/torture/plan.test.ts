import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../profiling/load/random.ts';
import { lifePlan, shortLife, wholeLife, type LifePlan, type PlanSize } from './plan.ts';

function planOf(seed: number, size: PlanSize): LifePlan {
  const next = seededRandom(seed);
  return lifePlan({ below: (end) => Math.floor(next() * end) }, size);
}

test('lifePlan() says the same for the same seed', () => {
  assert.deepEqual(planOf(7, wholeLife), planOf(7, wholeLife));
  assert.notDeepEqual(planOf(7, wholeLife), planOf(8, wholeLife));
});

test('lifePlan() ends with the one episode that goes beyond the promises, and faults keep to their episode', () => {
  for (const size of [wholeLife, shortLife]) {
    for (let seed = 0; seed < 50; seed++) {
      const { episodes, nodes } = planOf(seed, size);
      assert.deepEqual(episodes.map(({ isBeyond }) => isBeyond).indexOf(true), size.episodes);
      for (const { atMs, fault } of episodes.flatMap(({ faults }) => faults)) {
        assert.ok(atMs < size.lengthMs && fault.downMs <= size.downMsMax);
        if (fault.kind === 'cut') assert.ok(fault.from !== fault.to && fault.to < nodes);
        else assert.ok(fault.node < nodes);
      }
    }
  }
});

test('lifePlan() draws every kind of fault', () => {
  const plans = Array.from({ length: 20 }, (_, seed) => planOf(seed, wholeLife));
  const kinds = new Set(
    plans.flatMap(({ episodes }) => episodes).flatMap(({ faults }) => faults.map((one) => one.fault.kind)),
  );
  assert.deepEqual([...kinds].sort(), [
    'clock',
    'copy',
    'cut',
    'flip-log',
    'flip-values',
    'kill',
    'pause',
    'restore',
    'wipe',
  ]);
});
