import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Intervals } from '../../src/domain/wait-intervals.ts';

const stretch = fc.tuple(fc.nat(200), fc.nat(30)).map(([start, length]) => ({ start, end: start + length }));

test('overlap() covers each moment once, however the stretches nest and touch', () => {
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 30 }), stretch, (stretches, asked) => {
      const intervals = new Intervals(1000);
      for (const { start, end } of stretches.toSorted((one, other) => one.end - other.end)) intervals.add(start, end);
      let expected = 0;
      for (let moment = asked.start; moment < asked.end; moment++) {
        if (stretches.some(({ start, end }) => start <= moment && moment < end)) expected++;
      }
      assert.equal(intervals.overlap(asked.start, asked.end), expected);
    }),
  );
});

test('past its bound the first stretches stay', () => {
  const intervals = new Intervals(2);
  for (const start of [0, 10, 20]) intervals.add(start, start + 5);
  assert.equal(intervals.overlap(0, 100), 10);
});
