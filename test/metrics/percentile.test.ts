import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentileOf } from '../../src/metrics/percentile.ts';

const bounds = [1, 2, 5, 10];

const cases: readonly { title: string; counts: readonly number[]; share: number; value: number | undefined }[] = [
  { title: 'nothing observed has no percentile', counts: [], share: 0.5, value: undefined },
  { title: 'all in one bucket are spread evenly over it', counts: [0, 0, 4], share: 0.5, value: 3.5 },
  { title: 'the first bucket begins at zero', counts: [10], share: 0.5, value: 0.5 },
  { title: 'a share that ends a bucket is its bound', counts: [5, 5], share: 0.5, value: 1 },
  { title: 'empty buckets are passed over', counts: [1, 0, 0, 1], share: 0.99, value: 9.9 },
  { title: 'what lies above all bounds counts as the highest', counts: [1, 0, 0, 0, 99], share: 0.99, value: 10 },
];

for (const { title, counts, share, value } of cases) {
  test(`percentileOf(): ${title}`, () => {
    const found = percentileOf(bounds, counts, share);
    assert.equal(found === undefined ? undefined : Number(found.toFixed(6)), value);
  });
}
