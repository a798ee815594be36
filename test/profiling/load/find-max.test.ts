/** The search for the highest rate that is held, on clusters that are functions; test/profiling/cli/bench.test.ts has a real server. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { findMax, searchVerdict, stepOf, type FindMaxOptions } from '../../../profiling/load/find-max.ts';
import type { BenchResult } from '../../../profiling/load/result.ts';
import { bareRun, type BareRun } from '../../support/bench-results.ts';

const options: FindMaxOptions = { startRate: 1000, bounds: { p99MsMax: 50 }, precision: 0.05, stepsMax: 60 };

/** A cluster that holds up to `limit`, and from there on answers just that many. */
function clusterOf(limit: number): (rate: number) => Promise<BenchResult> {
  return (rate) => {
    const isHeld = rate <= limit;
    return Promise.resolve(bareRun(isHeld ? { rate } : { rate, achieved: Math.min(limit, rate * 0.97) }));
  };
}

test('whatever the limit and the start, the found rate is held and within the precision of the limit', async () => {
  const rates = fc.integer({ min: 1, max: 200_000 });
  await fc.assert(
    fc.asyncProperty(rates, rates, async (limit, startRate) => {
      const { best, steps } = await findMax(clusterOf(limit), { ...options, startRate });
      const found = best?.workload.rate ?? 0;
      assert.ok(found <= limit && found >= limit - Math.max(0.05 * limit, 1), `${found} of ${limit}`);
      assert.ok(steps.length < 60);
    }),
  );
});

test('a rate is tried twice before it counts as not held, unless it is missed by far', async () => {
  const tried: number[] = [];
  let isFirst = true;
  const noisyOnce = (rate: number): Promise<BenchResult> => {
    tried.push(rate);
    const isNoise = rate === 2000 && isFirst;
    if (isNoise) isFirst = false;
    return isNoise ? Promise.resolve(bareRun({ rate, latencyUs: 60_000 })) : clusterOf(3000)(rate);
  };
  const { best } = await findMax(noisyOnce, options);
  assert.deepEqual(tried.slice(0, 5), [1000, 2000, 2000, 4000, 3000]);
  assert.equal(best?.workload.rate, 3000);
});

test('where no rate is held there is none, and the search ends', async () => {
  const { best, steps } = await findMax(clusterOf(0), options);
  assert.equal(best, undefined);
  assert.equal(steps.at(-1)?.rate, 1);
});

test('the number of runs is bounded, and an interrupted run ends the search', async () => {
  const bounded = await findMax(clusterOf(1e6), { ...options, stepsMax: 3 });
  assert.equal(bounded.steps.length, 3);
  const cut = await findMax((rate) => Promise.resolve(bareRun({ rate, cutShort: true })), options);
  assert.deepEqual(
    cut.steps.map(({ held, reason }) => [held, reason]),
    [[false, 'interrupted']],
  );
});

test('a step says why its rate was not held', () => {
  const reason = (run: BareRun): string => stepOf(100, bareRun({ rate: 100, ...run }), { p99MsMax: 50 }).reason;
  assert.equal(reason({}), '');
  assert.equal(reason({ achieved: 91 }), 'achieved 91% of the rate');
  assert.equal(reason({ latencyUs: 80_000 }), 'p99 80.0 ms over 50 ms');
  assert.equal(reason({ verdict: 'failed', totals: { failed: 12 } }), '12 errors');
  assert.equal(reason({ verdict: 'invalid' }), 'generator saturated');
});

test('a run that fails ends the search with the steps before it, and says with what', async () => {
  const failing = (rate: number): Promise<BenchResult> =>
    rate > 4000 ? Promise.reject(new Error('the node died')) : clusterOf(1e6)(rate);
  const { best, steps, failure } = await findMax(failing, options);
  assert.equal(failure?.message, 'the node died');
  assert.equal(best?.workload.rate, 4000);
  assert.deepEqual(
    steps.map(({ rate }) => rate),
    [1000, 2000, 4000],
  );
});

test('the verdict of a search says the rate found and why the next one was not held', async () => {
  const { best, steps } = await findMax(clusterOf(3000), options);
  assert.ok(best !== undefined);
  const { kind, sentence } = searchVerdict(best, steps, false);
  assert.deepEqual([kind, sentence], ['held', 'HELD AT MOST 3,000/s; not 3,125/s: achieved 96% of the rate']);
  const [first] = steps;
  assert.ok(first !== undefined);
  assert.match(
    searchVerdict(best, [first], true).sentence,
    /^HELD AT MOST 1,000\/s; higher .* not tried \(cut short\)$/,
  );
  const none = bareRun({ verdict: 'failed' });
  const missed = searchVerdict(none, [{ ...first, held: false, reason: '12 errors' }], false);
  assert.deepEqual([missed.kind, missed.sentence], ['failed', 'HELD NONE of the rates tried; not 1,000/s: 12 errors']);
});
