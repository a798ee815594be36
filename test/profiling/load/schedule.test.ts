/** When requests should be sent: fixed ahead, evenly or at random, and the same for the same seed. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { seededRandom } from '../../../profiling/load/random.ts';
import { schedule, type ScheduleOptions } from '../../../profiling/load/schedule.ts';

function starts(options: ScheduleOptions, count: number): number[] {
  const next = schedule(options, seededRandom(1));
  return Array.from({ length: count }, next);
}

test('constant arrivals are i / rate, with one exactly at the start of the window', () => {
  assert.deepEqual(starts({ arrival: 'constant', rate: 100, warmupUs: 0 }, 4), [0, 10_000, 20_000, 30_000]);
  assert.deepEqual(starts({ arrival: 'constant', rate: 100, warmupUs: 20_000 }, 4), [-20_000, -10_000, 0, 10_000]);
  // 15 ms before the window is no multiple of 10 ms: the first comes 10 ms before.
  assert.deepEqual(starts({ arrival: 'constant', rate: 100, warmupUs: 15_000 }, 2), [-10_000, 0]);
});

test('constant arrivals add up no error over a million requests', () => {
  const all = starts({ arrival: 'constant', rate: 3, warmupUs: 0 }, 1_000_000);
  assert.equal(all.at(-1), (999_999 * 1e6) / 3);
});

test('poisson arrivals rise, keep the rate, and vary as exponential gaps do', () => {
  const all = starts({ arrival: 'poisson', rate: 1000, warmupUs: 0 }, 100_000);
  const gaps = all.slice(1).map((start, index) => start - (all[index] ?? 0));
  assert.ok(gaps.every((gap) => gap >= 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  assert.ok(Math.abs(mean / 1000 - 1) < 0.02, `mean gap ${mean} us`);
  assert.ok(Math.abs(deviation / mean - 1) < 0.02, 'an exponential deviates by its mean');
});

test('a seed repeats the schedule', () => {
  const options: ScheduleOptions = { arrival: 'poisson', rate: 50, warmupUs: 1e6 };
  assert.deepEqual(starts(options, 100), starts(options, 100));
  const [first] = [schedule(options, seededRandom(2))];
  assert.notEqual(first?.(), starts(options, 1)[0]);
});

test('a ramp places requests by the area under it: 0 to 100/s in 2 s are 100, 43 of them in the last 0.5 s', () => {
  const stages = [{ rate: 100, durationMs: 2000 }];
  const all = starts({ arrival: 'constant', rate: 50, warmupUs: 0, stages }, 101);
  assert.equal(all.at(-1), Infinity);
  const late = all.filter((atUs) => atUs >= 1.5e6 && atUs < 2e6).length;
  assert.equal(late, 43);
});

test('a stage without length is a jump, and what follows goes on from its rate', () => {
  const stages = [100, 100, 300, 0].map((rate, index) => ({ rate, durationMs: [0, 1000, 1000, 500][index] ?? 0 }));
  const all = starts({ arrival: 'constant', rate: 1, warmupUs: 20_000, stages }, 400).filter((atUs) => atUs < Infinity);
  assert.deepEqual(all.slice(0, 4), [-20_000, -10_000, 0, 10_000]);
  const countIn = (fromUs: number, toUs: number): number => all.filter((atUs) => atUs >= fromUs && atUs < toUs).length;
  assert.deepEqual([countIn(0, 1e6), countIn(1e6, 2e6), countIn(2e6, 2.5e6)], [100, 200, 75]);
  assert.ok(all.every((atUs, index) => index === 0 || atUs > (all[index - 1] ?? 0)));
});

test('poisson arrivals keep the rate of a ramp in each of its parts', () => {
  const stages = [{ rate: 2000, durationMs: 100_000 }];
  const all = starts({ arrival: 'poisson', rate: 1, warmupUs: 0, stages }, 200_000);
  for (const [from, to] of [
    [0, 50],
    [50, 100],
  ] as const) {
    const count = all.filter((atUs) => atUs >= from * 1e6 && atUs < to * 1e6).length;
    const expected = 10 * (to ** 2 - from ** 2);
    assert.ok(Math.abs(count / expected - 1) < 0.05, `${count} from ${from} to ${to} s, not ${expected}`);
  }
});
