/** Which keys are drawn: inside the key space, by the law that the distribution's name says. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { keyName, keyPicker, keyWidth, scramble, zipfianRanks } from '../../../profiling/load/keys.ts';
import { seededRandom } from '../../../profiling/load/random.ts';
import { distributions } from '../../../profiling/load/result.ts';

test('keys are whole numbers inside the key space, whatever its size', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.constantFrom(...distributions),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.boolean(),
      (keys, distribution, seed, isNew) => {
        const pick = keyPicker(distribution, keys, seededRandom(seed));
        for (let i = 0; i < 20; i++) {
          const key = pick(isNew);
          assert.ok(Number.isInteger(key) && key >= 0 && key < keys, `${key} of ${keys}`);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('zipfian ranks have the frequencies i^-0.99 / zeta', () => {
  const keys = 1000;
  const rank = zipfianRanks(keys, seededRandom(7));
  const counts = new Float64Array(keys);
  const draws = 200_000;
  for (let i = 0; i < draws; i++) addOne(counts, rank());
  let zeta = 0;
  for (let i = 1; i <= keys; i++) zeta += i ** -0.99;
  for (const index of [0, 1]) {
    const expected = draws * ((index + 1) ** -0.99 / zeta);
    assert.ok(Math.abs((counts[index] ?? 0) / expected - 1) < 0.05, `rank ${index}: ${counts[index]} of ${expected}`);
  }
  // The formula approximates past the first two ranks: the upper tenth is within a few percent.
  const tenth = counts.slice(0, keys / 10).reduce((sum, count) => sum + count, 0) / draws;
  let expectedTenth = 0;
  for (let i = 1; i <= keys / 10; i++) expectedTenth += i ** -0.99 / zeta;
  assert.ok(Math.abs(tenth - expectedTenth) < 0.03, `${tenth} of ${expectedTenth}`);
});

test('zipfian spreads the popular keys over the key space', () => {
  const pick = keyPicker('zipfian', 100_000, seededRandom(1));
  const counts = new Map<number, number>();
  for (let i = 0; i < 50_000; i++) {
    const key = pick(false);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const popular = [...counts].sort(([, left], [, right]) => right - left).slice(0, 4);
  assert.equal(popular[0]?.[0], scramble(0) % 100_000);
  const sorted = popular.map(([key]) => key).sort((left, right) => left - right);
  assert.ok(
    sorted.every((key, index) => index === 0 || key - (sorted[index - 1] ?? 0) > 100),
    sorted.join(),
  );
});

test('latest: PUTs of a mix go on to the next key, and the newest is the most popular', () => {
  const pick = keyPicker('latest', 100, seededRandom(3));
  assert.deepEqual([pick(true), pick(true), pick(true)], [0, 1, 2]);
  const counts = new Float64Array(100);
  for (let i = 0; i < 5000; i++) addOne(counts, pick(false));
  assert.equal(counts.indexOf(Math.max(...counts)), 2);
  assert.ok((counts[1] ?? 0) > (counts[90] ?? 0));
});

test('sequential begins again after the last key', () => {
  const pick = keyPicker('sequential', 3, seededRandom(1));
  assert.deepEqual(
    Array.from({ length: 5 }, () => pick(false)),
    [0, 1, 2, 0, 1],
  );
});

test('key names are as long as the last one, and six digits at least', () => {
  assert.equal(keyName(7, keyWidth(100)), 'k000007');
  assert.equal(keyName(7, keyWidth(100_000_000)), 'k00000007');
});

function addOne(counts: Float64Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}
