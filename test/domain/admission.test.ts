/** How many operations may be in flight, from what was measured. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admittedAfter, nothingMeasured } from '../../src/domain/admission.ts';

const rules = { timeoutMs: 1000, inFlightMin: 64 };

for (const [what, last, interval, expected] of [
  ['without a queue there is no bound', 100, { ms: 100, answered: 500, tookMsMin: 50 }, Infinity],
  ['a short queue may grow up to 0.8 of the deadline', Infinity, { ms: 100, answered: 500, tookMsMin: 51 }, 4000],
  ['a standing queue is let down to 0.2 of the deadline', Infinity, { ms: 100, answered: 500, tookMsMin: 201 }, 1000],
  ['the rate is that of the whole interval', Infinity, { ms: 400, answered: 500, tookMsMin: 201 }, 250],
  ['a few are let in however slow the node is', Infinity, { ms: 100, answered: 1, tookMsMin: 900 }, 64],
  ['an interval without answers says nothing', 500, { ms: 100, answered: 0, tookMsMin: Infinity }, 500],
] as const) {
  test(`admittedAfter(): ${what}`, () => {
    assert.equal(admittedAfter({ inFlightMax: last, rate: 0 }, interval, rules).inFlightMax, expected);
  });
}

test('admittedAfter(): the rate is the best of the last intervals, less by the time since', () => {
  const wave = admittedAfter(nothingMeasured, { ms: 100, answered: 1000, tookMsMin: 300 }, rules);
  assert.deepEqual(wave, { inFlightMax: 2000, rate: 10 });
  const between = admittedAfter(wave, { ms: 100, answered: 1, tookMsMin: 300 }, rules);
  assert.deepEqual(between, { inFlightMax: 1600, rate: 8 });
  const silent = admittedAfter(between, { ms: 1000, answered: 0, tookMsMin: Infinity }, rules);
  assert.deepEqual([silent.inFlightMax, silent.rate > 0.8 && silent.rate < 0.9], [1600, true]);
  assert.equal(admittedAfter(silent, { ms: 1000, answered: 1, tookMsMin: 900 }, rules).inFlightMax, 64);
});

/** A node that answers `perMs` operations in their order, and is sent `sentPerMs` for `ms`; how many were late. */
function simulate(perMs: number, sentPerMs: number, ms: number): { answered: number; late: number; refused: number } {
  const queue: number[] = [];
  const result = { answered: 0, late: 0, refused: 0 };
  let admitted = nothingMeasured;
  let interval = { ms: 100, answered: 0, tookMsMin: Infinity };
  for (let now = 0; now < ms; now++) {
    for (let sent = 0; sent < sentPerMs; sent++) {
      if (queue.length < admitted.inFlightMax) queue.push(now);
      else result.refused++;
    }
    for (const beganAt of queue.splice(0, perMs)) {
      const took = now - beganAt;
      if (took > rules.timeoutMs) result.late++;
      else result.answered++;
      interval = {
        ms: 100,
        answered: interval.answered + 1,
        tookMsMin: Math.min(interval.tookMsMin, took),
      };
    }
    if (now % 100 !== 99) continue;
    admitted = admittedAfter(admitted, interval, rules);
    interval = { ms: 100, answered: 0, tookMsMin: Infinity };
  }
  return result;
}

for (const overload of [1, 2, 4]) {
  test(`at ${overload} times what a node can do it does what it can, and nothing is late`, () => {
    const { answered, late } = simulate(5, 5 * overload, 10_000);
    assert.equal(late, 0);
    assert.ok(answered >= 0.95 * 5 * 10_000, `${answered} answered`);
  });
}

test('at 10 times what a node can do only what came before that was measured is late', () => {
  const { late, answered } = simulate(5, 50, 10_000);
  assert.ok(late > 0 && late < 5 * 1000, `${late} late`);
  assert.ok(answered >= 0.9 * 5 * 10_000, `${answered} answered`);
});
