/** A comparison over clusters that are not there: each holds a known rate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  runComparison,
  type CompareEvent,
  type ComparisonOptions,
  type RunOrder,
} from '../../../profiling/compare/comparison.ts';
import type { BenchResult } from '../../../profiling/load/result.ts';
import { bareRun } from '../../support/bench-results.ts';

const limits: Readonly<Record<string, number>> = { sync: 970, async: 3400, batched: 11_000 };
const settings: ComparisonOptions['settings'] = {
  ops: ['put', 'get'],
  rates: [1000, 6000],
  maximumShare: 0.6,
  rounds: 2,
  durationMs: 10_000,
  searchDurationMs: 3000,
  p99MsMax: 50,
};

function underLimit({ subject, op, rate }: RunOrder): BenchResult {
  const limit = limits[subject] ?? 0;
  return bareRun({ op, rate, achieved: Math.min(rate, limit), latencyUs: rate > limit ? 1e6 : 1000 });
}

function comparison(changes: Partial<ComparisonOptions> = {}) {
  const orders: RunOrder[] = [];
  const events: CompareEvent[] = [];
  const measure = async (order: RunOrder): Promise<BenchResult> => {
    orders.push(order);
    await setImmediate();
    return underLimit(order);
  };
  const subjects = Object.keys(limits);
  const outcome = runComparison({ subjects, settings, measure, onEvent: (event) => events.push(event), ...changes });
  return { outcome, orders, events };
}

test('runComparison() finds what each subject holds, in each round anew', async () => {
  const { searches, cutShort, failures } = await comparison().outcome;
  assert.deepEqual([cutShort, failures], [false, []]);
  assert.deepEqual(
    searches.map(({ op, subject }) => `${op} ${subject}`),
    ['put sync', 'put async', 'put batched', 'get sync', 'get async', 'get batched'],
  );
  for (const { subject, best, missed, spread } of searches) {
    const limit = limits[subject] ?? 0;
    assert.ok(best !== null && best <= limit && best > limit * 0.85, `${subject} ${best}`);
    assert.ok(missed !== null && missed > limit && missed < limit * 1.2, `${subject} ${missed}`);
    assert.equal(spread?.count, 2);
  }
});

test('runComparison() lets the searches take turns, with runs of the search length', async () => {
  const { outcome, orders } = comparison();
  await outcome;
  const subjects = orders.slice(0, 9).map(({ subject }) => subject);
  assert.deepEqual(subjects, ['sync', 'async', 'batched', 'sync', 'async', 'batched', 'sync', 'async', 'batched']);
  assert.equal(orders[0]?.durationMs, 3000);
});

test('runComparison() runs each at the common rates and at its share of its own maximum, round after round', async () => {
  const { outcome, orders, events } = comparison();
  const { runs, searches } = await outcome;
  assert.equal(runs.length, 2 * 2 * 3 * 3);
  for (const { subject, op, point, result } of runs) {
    const best = searches.find((search) => search.subject === subject && search.op === op)?.best ?? NaN;
    const expected = point.kind === 'rate' ? point.rate : Math.round(best * 0.6);
    assert.equal(result.workload.rate, expected);
  }
  const measured = orders.slice(-runs.length);
  assert.ok(measured.every(({ durationMs }) => durationMs === 10_000));
  const seeds = new Set(measured.map(({ seed }) => seed));
  assert.deepEqual([...seeds], [1, 2]);
  const last = events.at(-1);
  assert.deepEqual(last?.kind === 'run' && [last.index, last.count], [runs.length - 1, runs.length]);
});

test('runComparison() leaves out the share of a maximum that was not found, and runs the rest', async () => {
  const nothing = async (order: RunOrder): Promise<BenchResult> =>
    Promise.resolve(order.subject === 'sync' ? bareRun({ rate: order.rate, achieved: 0 }) : underLimit(order));
  const { searches, runs } = await comparison({ measure: nothing }).outcome;
  assert.equal(searches.find(({ subject }) => subject === 'sync')?.best, null);
  assert.deepEqual(
    [...new Set(runs.filter(({ subject }) => subject === 'sync').map(({ point }) => point.kind))],
    ['rate'],
  );
  assert.ok(runs.some(({ subject, point }) => subject === 'async' && point.kind === 'share'));
});

test('runComparison() keeps what it has when it is stopped, and starts nothing more', async () => {
  const stop = new AbortController();
  const orders: RunOrder[] = [];
  const measure = async (order: RunOrder): Promise<BenchResult> => {
    orders.push(order);
    await setImmediate();
    if (order.durationMs !== 10_000 || orders.filter(({ durationMs }) => durationMs === 10_000).length < 4) {
      return underLimit(order);
    }
    stop.abort();
    return bareRun({ rate: order.rate, cutShort: true });
  };
  const { searches, runs, cutShort, failures } = await comparison({ measure, signal: stop.signal }).outcome;
  assert.deepEqual([cutShort, failures, searches.length, runs.length], [true, [], 6, 4]);
  assert.equal(runs.at(-1)?.result.cutShort, true);
  assert.equal(orders.at(-1)?.durationMs, 10_000);
});

test('runComparison() stopped while it searches keeps the steps so far', async () => {
  const stop = new AbortController();
  let count = 0;
  const measure = async (order: RunOrder): Promise<BenchResult> => {
    await setImmediate();
    if (++count === 5) stop.abort();
    return count === 5 ? bareRun({ rate: order.rate, cutShort: true }) : underLimit(order);
  };
  const { searches, runs, cutShort } = await comparison({ measure, signal: stop.signal }).outcome;
  assert.deepEqual([cutShort, runs.length, count], [true, 0, 5]);
  assert.deepEqual(
    searches.map(({ subject, steps }) => [subject, steps.length]),
    [
      ['sync', 2],
      ['async', 1],
      ['batched', 1],
    ],
  );
});

test('runComparison() names a run that fails and goes on with the others', async () => {
  let count = 0;
  const isDue = ({ durationMs, subject }: RunOrder): boolean => durationMs === 10_000 && subject === 'async';
  const measure = async (order: RunOrder): Promise<BenchResult> => {
    await setImmediate();
    if (isDue(order) && ++count === 2) throw new Error('the node stalled');
    return underLimit(order);
  };
  const { runs, cutShort, failures } = await comparison({ measure }).outcome;
  assert.equal(cutShort, false);
  assert.deepEqual(
    failures.map(({ order, error }) => [order.subject, order.op, (error as Error).message]),
    [['async', 'put', 'the node stalled']],
  );
  assert.equal(runs.length, 2 * 2 * 3 * 3 - 1);
});

test('runComparison() gives a subject up whose runs fail one after another, and a search that failed is no maximum', async () => {
  let count = 0;
  const measure = async (order: RunOrder): Promise<BenchResult> => {
    await setImmediate();
    if (order.subject === 'async' && ++count > 2) throw new Error('the node died');
    return underLimit(order);
  };
  const { searches, runs, cutShort, failures } = await comparison({ measure }).outcome;
  assert.deepEqual([cutShort, failures.length, count], [false, 2, 4]);
  const lost = searches.find(({ subject, op }) => subject === 'async' && op === 'put');
  assert.deepEqual([lost?.best, lost?.steps.length], [null, 2]);
  assert.deepEqual([...new Set(runs.map(({ subject }) => subject))].toSorted(), ['batched', 'sync']);
  assert.equal(runs.length, 2 * 2 * 3 * 2);
});
