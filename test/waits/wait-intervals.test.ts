import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { addStretch, addTotal, growthBetween, noGrowth, noStretches, overlap } from '../../src/waits/wait-intervals.ts';

const stretch = fc.tuple(fc.nat(200), fc.nat(30)).map(([start, length]) => ({ start, end: start + length }));

test('overlap() covers each moment once, however the stretches nest and touch', () => {
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 30 }), stretch, (added, asked) => {
      const stretches = noStretches();
      for (const { start, end } of added.toSorted((one, other) => one.end - other.end)) {
        addStretch(stretches, start, end, 1000);
      }
      let expected = 0;
      for (let moment = asked.start; moment < asked.end; moment++) {
        if (added.some(({ start, end }) => start <= moment && moment < end)) expected++;
      }
      assert.equal(overlap(stretches, asked.start, asked.end), expected);
    }),
  );
});

test('past their bound the first stretches stay', () => {
  const stretches = noStretches();
  for (const start of [0, 10, 20]) addStretch(stretches, start, start + 5, 2);
  assert.equal(overlap(stretches, 0, 100), 10);
});

test('growthBetween() splits what grew between two looks evenly, and adds up to the whole', () => {
  const growth = noGrowth();
  for (const [at, total] of [
    [10, 100],
    [20, 300],
    [40, 300],
    [50, 350],
  ] as const) {
    addTotal(growth, at, total);
  }
  assert.equal(growthBetween(growth, 10, 20), 200);
  assert.equal(growthBetween(growth, 12, 13), 20);
  assert.equal(growthBetween(growth, 0, 15), 100);
  assert.equal(growthBetween(growth, 15, 45), 125);
  assert.equal(growthBetween(growth, 30, 30), 0);
  assert.equal(growthBetween(growth, 45, 30), 0);
  assert.equal(growthBetween(growth, -100, 100), 250);
  assert.equal(growthBetween(noGrowth(), 0, 10), 0);
});
