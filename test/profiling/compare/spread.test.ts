import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChangeVerdict } from '../../../profiling/result/compare.ts';
import { chanceOfParting, changeBetween, spreadOf } from '../../../profiling/compare/spread.ts';

test('spreadOf() gives the median and the range', () => {
  assert.equal(spreadOf([]), null);
  for (const [values, median, min, max] of [
    [[5], 5, 5, 5],
    [[9, 1], 5, 1, 9],
    [[30, 10, 20], 20, 10, 30],
    [[4, 1, 3, 2], 2.5, 1, 4],
    [[100, 2, 1], 2, 1, 100],
  ] as const) {
    assert.deepEqual(spreadOf(values), { median, min, max, count: values.length });
  }
});

const verdicts: readonly [what: string, from: readonly number[], to: readonly number[], verdict: ChangeVerdict][] = [
  ['above, with a gap', [1, 2], [3, 4], 'more'],
  ['below, with a gap', [3, 4], [1, 2], 'less'],
  ['overlapping', [1, 3], [2, 4], 'none'],
  ['touching', [1, 2], [2, 3], 'none'],
  ['one within the other', [1, 9], [4, 5], 'none'],
  ['the same', [1, 1], [1, 1], 'none'],
  ['far apart, but measured once on one side', [1], [100, 101], 'unknown'],
  ['far apart, but measured once on both sides', [1], [100], 'unknown'],
  ['medians far apart, ranges overlapping', [1, 1, 50], [40, 60, 60], 'none'],
];

for (const [what, from, to, verdict] of verdicts) {
  test(`changeBetween() ranges ${what}: ${verdict}`, () => {
    const [before, after] = [spreadOf(from), spreadOf(to)];
    assert.ok(before !== null && after !== null);
    assert.equal(changeBetween(before, after).verdict, verdict);
  });
}

test('changeBetween() gives the ratio of the medians, none where the first is 0', () => {
  const spread = (value: number) => ({ median: value, min: value, max: value, count: 2 });
  assert.equal(changeBetween(spread(4), spread(6)).ratio, 1.5);
  assert.equal(changeBetween(spread(0), spread(6)).ratio, null);
});

test('chanceOfParting() is how often two sets of equals part, counted over all orders', () => {
  for (const [rounds, others] of [
    [1, 1],
    [2, 2],
    [2, 3],
    [3, 3],
    [4, 2],
  ] as const) {
    assert.equal(chanceOfParting(rounds, others).toFixed(9), countedChance(rounds, others).toFixed(9));
  }
  assert.equal(chanceOfParting(3, 3), 0.1);
});

/** Over all ways to choose which of the places in order belong to the first set. */
function countedChance(rounds: number, others: number): number {
  const size = rounds + others;
  let [orders, parted] = [0, 0];
  for (let mask = 0; mask < 2 ** size; mask++) {
    const places = Array.from({ length: size }, (_, place) => (mask >> place) & 1);
    if (places.reduce((sum, bit) => sum + bit, 0) !== rounds) continue;
    orders++;
    const text = places.join('');
    if (/^1+0+$|^0+1+$/.test(text)) parted++;
  }
  return parted / orders;
}
