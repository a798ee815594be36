import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { oneAtATime, plannedRuns } from '../../../profiling/compare/rounds.ts';

const points = [
  { kind: 'rate', rate: 1000 },
  { kind: 'share', share: 0.6 },
] as const;

test('plannedRuns() puts each point on each subject once a round, one subject right after the other', () => {
  const runs = plannedRuns({ subjects: ['a', 'b', 'c'], ops: ['put', 'get'], points, rounds: 3 });
  assert.equal(runs.length, 3 * 2 * 2 * 3);
  for (let start = 0; start < runs.length; start += 3) {
    const together = runs.slice(start, start + 3);
    assert.deepEqual(together.map(({ subject }) => subject).sort(), ['a', 'b', 'c']);
    assert.equal(new Set(together.map(({ op, point, round }) => JSON.stringify([op, point, round]))).size, 1);
  }
  assert.equal(new Set(runs.map((run) => JSON.stringify(run))).size, runs.length);
});

test('plannedRuns() has each subject in each place once, in as many rounds as there are subjects', () => {
  const runs = plannedRuns({ subjects: ['a', 'b', 'c'], ops: ['put', 'get'], points, rounds: 3 });
  for (const op of ['put', 'get']) {
    for (const { kind } of points) {
      const orders = [1, 2, 3].map((round) =>
        runs.filter((run) => run.op === op && run.point.kind === kind && run.round === round).map((run) => run.subject),
      );
      for (const place of [0, 1, 2]) {
        assert.equal(new Set(orders.map((order) => order[place])).size, 3, `${op} ${kind} place ${place}`);
      }
    }
  }
});

test('plannedRuns() of nothing is nothing', () => {
  assert.deepEqual(plannedRuns({ subjects: [], ops: ['put'], points, rounds: 2 }), []);
});

test('oneAtATime() runs in the order of asking, never two at once, and goes on after a failure', async () => {
  const inTurn = oneAtATime();
  const seen: string[] = [];
  const task = (name: string) => async () => {
    seen.push(`${name} begins`);
    await setImmediate();
    seen.push(`${name} ends`);
    if (name === 'b') throw new Error('b failed');
    return name;
  };
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((name) => inTurn(task(name))));
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});
