import assert from 'node:assert/strict';
import test from 'node:test';
import { observedLoad, overheadOf, withoutInstrument } from '../../../profiling/profile/overhead.ts';
import type { BenchResult, NodeObservation } from '../../../profiling/load/result.ts';
import { resultOf } from '../../support/load.ts';

function withNodes(result: BenchResult, cpuUs: readonly (number | null)[]): BenchResult {
  const nodes = cpuUs.map((us): NodeObservation => {
    const thread = { thread: 'main', cpuUs: us ?? 0, runQueueUs: 0, voluntarySwitches: 0, involuntarySwitches: 0 };
    const threads = us === null ? null : [thread];
    const rest = { residentBytesMax: null, peerBytesSent: null, peerBytesReceived: null, series: [] };
    return { url: 'http://a', pid: 1, threads, ...rest };
  });
  return { ...result, nodes };
}

test('observedLoad() adds up the CPU of all nodes and divides it by the requests', () => {
  const load = observedLoad('cpu', withNodes(resultOf(100, { p99Us: 2000 }), [3000, 1000]));
  assert.deepEqual([load.rate, load.p99Us, load.cpuUsPerRequest, load.failed], [100, 2000, 40, 0]);
});

test('observedLoad() does not know the CPU where a node runs elsewhere', () => {
  assert.equal(observedLoad('cpu', withNodes(resultOf(100), [3000, null])).cpuUsPerRequest, null);
  assert.equal(observedLoad('cpu', withNodes(resultOf(100), [])).cpuUsPerRequest, null);
});

test('overheadOf() compares each instrument with the mean of the runs without', () => {
  const load = (instrument: string, cpu: number, p99Us: number): ReturnType<typeof observedLoad> =>
    observedLoad(instrument, withNodes(resultOf(100, { p99Us }), [cpu * 100]));
  const { without, instruments } = overheadOf([
    load(withoutInstrument, 40, 1000),
    load('cpu', 66, 1500),
    load('waits', 60, 500),
    load(withoutInstrument, 80, 1000),
  ]);
  assert.equal(without.length, 2);
  const changes = instruments.map(({ instrument, rateChange, p99Change, cpuChange }) => {
    return [instrument, rateChange, p99Change?.toFixed(2), cpuChange?.toFixed(2)];
  });
  assert.deepEqual(changes, [
    ['cpu', 0, '0.50', '0.10'],
    ['waits', 0, '-0.50', '0.00'],
  ]);
});

test('overheadOf() says no change where a run without did not tell', () => {
  const unknown = observedLoad(withoutInstrument, withNodes(resultOf(100), [null]));
  const known = observedLoad('cpu', withNodes(resultOf(100), [100]));
  assert.equal(overheadOf([unknown, known]).instruments[0]?.cpuChange, null);
  assert.equal(overheadOf([known]).instruments[0]?.rateChange, null);
});
