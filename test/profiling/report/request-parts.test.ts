/** What one request costs by part. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PartCost } from '../../../profiling/attribution/costs.ts';
import { partsIn, requestParts } from '../../../profiling/report/request-parts.ts';
import type { ProfileRun } from '../../../profiling/result/profile.ts';

const window = { startedAt: '2026-01-01T00:00:00.000Z', seconds: 1, requests: 100 };
const bytes = (part: PartCost['part'], self: number, total: number) => ({
  node: 'n1',
  thread: 'main',
  bytes: self,
  parts: [{ part, self, total }],
  unattributedShare: 0,
  unknown: [],
});
const threads = [bytes('storage', 300, 400), bytes('storage', 100, 100), bytes('dispatch', 600, 1000)];
const allocation = { ...window, intervalBytes: 1, threads, failed: [] };
const run: ProfileRun = { op: 'put', mode: 'async', rateAsked: 100, allocation };

test('requestParts() adds up threads and divides by the requests', () => {
  const [put] = requestParts([run], 'allocation');
  assert.ok(put !== undefined);
  assert.deepEqual([put.name, put.whole, put.native], ['PUT', 10, null]);
  assert.deepEqual(put.parts.get('storage'), { part: 'storage', self: 4, total: 5 });
  assert.deepEqual(partsIn([put]), ['dispatch', 'storage'], 'in the order of the categories');
});

test('requestParts() counts threads without JavaScript to the whole where they are known', () => {
  const whole = (native: readonly { node: string; cpuUs: number }[] | null): (number | null | undefined)[] => {
    const cpu = { ...window, intervalUs: 1, threads: [], native, failed: [] };
    const [put] = requestParts([{ ...run, cpu }], 'cpu');
    return [put?.native, put?.whole];
  };
  assert.deepEqual(whole([{ node: 'n1', cpuUs: 500 }]), [5, 5]);
  assert.deepEqual(whole(null), [null, 0]);
});

test('requestParts() leaves out runs without the measurement, or without requests', () => {
  const idle = { ...run, allocation: { ...allocation, requests: 0 } };
  assert.deepEqual(requestParts([run, idle], 'perf'), []);
  assert.deepEqual(requestParts([idle], 'allocation'), []);
});
