/** How many operations may be in flight, from what was measured. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inFlightMaxAfter } from '../../src/domain/admission.ts';

const rules = { timeoutMs: 1000, inFlightMin: 64 };

for (const [what, last, interval, expected] of [
  ['without a queue there is no bound', 100, { ms: 100, answered: 500, tookMsMin: 50 }, Infinity],
  ['a short queue may grow up to 0.8 of the deadline', Infinity, { ms: 100, answered: 500, tookMsMin: 51 }, 4000],
  ['a standing queue is let down to 0.2 of the deadline', Infinity, { ms: 100, answered: 500, tookMsMin: 201 }, 1000],
  ['the rate is that of the whole interval', Infinity, { ms: 400, answered: 500, tookMsMin: 201 }, 250],
  ['a few are let in however slow the node is', Infinity, { ms: 100, answered: 1, tookMsMin: 900 }, 64],
  ['an interval without answers says nothing', 500, { ms: 100, answered: 0, tookMsMin: Infinity }, 500],
] as const) {
  test(`inFlightMaxAfter(): ${what}`, () => {
    assert.equal(inFlightMaxAfter(last, interval, rules), expected);
  });
}

/** A node that answers `perMs` operations in their order, and is sent `sentPerMs` for `ms`; how many were late. */
function simulate(perMs: number, sentPerMs: number, ms: number): { answered: number; late: number; refused: number } {
  const queue: number[] = [];
  const result = { answered: 0, late: 0, refused: 0 };
  let limit = Infinity;
  let interval = { ms: 100, answered: 0, tookMsMin: Infinity };
  for (let now = 0; now < ms; now++) {
    for (let sent = 0; sent < sentPerMs; sent++) {
      if (queue.length < limit) queue.push(now);
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
    limit = inFlightMaxAfter(limit, interval, rules);
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
  assert.ok(answered + late >= 0.95 * 5 * 10_000, `${answered} answered`);
});
