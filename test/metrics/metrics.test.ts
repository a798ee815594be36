/** Histograms against counting by hand. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { countBounds, family, Histogram, latencyBounds } from '../../src/metrics/metrics.ts';

const naiveCounts = (bounds: readonly number[], values: readonly number[]): number[] => {
  const lowerThan = [-Infinity, ...bounds];
  return [...bounds, Infinity].map((upper, index) => {
    const lower = lowerThan[index] as number;
    return values.filter((value) => value > lower && value <= upper).length;
  });
};

test('a histogram counts each observation under the smallest bound that is not below it', () => {
  const anyBounds = fc
    .uniqueArray(fc.integer({ min: -50, max: 50 }), { maxLength: 8 })
    .map((list) => list.sort((a, b) => a - b));
  fc.assert(
    fc.property(anyBounds, fc.array(fc.integer({ min: -60, max: 60 })), (bounds, values) => {
      const histogram = new Histogram(bounds);
      for (const value of values) histogram.observe(value);
      const { counts, sum } = histogram.snapshot();
      assert.deepEqual(counts, naiveCounts(bounds, values));
      assert.equal(
        sum,
        values.reduce((total, value) => total + value, 0),
      );
    }),
  );
});

test('an observation that equals a bound belongs to that bound', () => {
  const histogram = new Histogram([1, 2]);
  for (const value of [1, 2, 2.5]) histogram.observe(value);
  assert.deepEqual(histogram.snapshot().counts, [1, 1, 1]);
});

test('a snapshot does not change with later observations', () => {
  const histogram = new Histogram([1]);
  const before = histogram.snapshot();
  histogram.observe(0);
  assert.deepEqual(before, { bounds: [1], counts: [0, 0], sum: 0 });
  assert.deepEqual(histogram.snapshot().counts, [1, 0]);
});

test('latency bounds are 1-2-5 steps from 10 us to 10 s', () => {
  assert.equal(latencyBounds.length, 19);
  assert.deepEqual(latencyBounds.slice(0, 4), [0.00001, 0.00002, 0.00005, 0.0001]);
  assert.deepEqual(latencyBounds.slice(-4), [1, 2, 5, 10]);
});

test('count bounds are the powers of two from 1 to 4,096', () => {
  assert.deepEqual(countBounds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]);
});

test('family() makes a family of one sample', () => {
  assert.deepEqual(family('gauge', 'kvorum_x', 'Help', 3, { a: 'b' }), {
    name: 'kvorum_x',
    help: 'Help',
    type: 'gauge',
    samples: [{ labels: { a: 'b' }, value: 3 }],
  });
});
