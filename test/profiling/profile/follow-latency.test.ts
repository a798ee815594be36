/** Latency between two looks at the nodes' histograms, and which slices of a ring are slow. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { latenciesBetween, latencyCountsIn } from '../../../profiling/profile/follow-latency.ts';
import { followPages, sliceText, slowSlices } from '../../../profiling/report/follow-report.ts';
import type { FollowedSlice } from '../../../profiling/result/follow.ts';

/** Cumulative counts up to 1 ms, 10 ms and beyond. */
function metrics(fast: number, slower: number, all: number): string {
  const line = (le: string, count: number): string =>
    `kvorum_http_request_seconds_bucket{method="GET",status="200",le="${le}"} ${count}\n`;
  return line('0.001', fast) + line('0.01', slower) + line('+Inf', all);
}

test('only what was answered in between counts, over all nodes', () => {
  const before = [metrics(1000, 1000, 1000), metrics(0, 0, 0)].map(latencyCountsIn);
  const after = [metrics(1060, 1100, 1100), metrics(0, 95, 100)].map(latencyCountsIn);
  assert.deepEqual(latenciesBetween(before, after), { p50Ms: 10, p99Ms: 10 });
  assert.deepEqual(latenciesBetween(before, before), { p50Ms: null, p99Ms: null });
});

test('a node that was started anew counts from nothing', () => {
  const [before, after] = [[latencyCountsIn(metrics(500, 500, 500))], [latencyCountsIn(metrics(90, 100, 100))]];
  assert.deepEqual(latenciesBetween(before, after), { p50Ms: 1, p99Ms: 10 });
});

function slice(minute: number, p99Ms: number | null, failure: string | null = null): FollowedSlice {
  const startedAt = `2026-03-01T15:${String(minute).padStart(2, '0')}:00.000Z`;
  const busiest = { thread: 'n1 worker 1', share: 0.5 };
  const figures = { seconds: 60, requests: 6000, rate: 100, p50Ms: 1, p99Ms, cpuUs: 200, busiest };
  return { startedAt, directory: failure === null ? `slice-${minute}` : null, failure, ...figures };
}

test('a slice is slow against the others; one that was not recorded says why', async () => {
  const slices = [
    ...Array.from({ length: 5 }, (_, minute) => slice(minute, 10)),
    slice(5, 21),
    slice(6, null, 'no answer'),
  ];
  assert.deepEqual(slowSlices(slices), [slices[5]]);
  assert.match(sliceText(slices[6] as FollowedSlice), /^2026-03-01 15:06:00: not recorded, no answer$/);
  const { markdown, html } = await followPages(slices);
  assert.match(markdown, /^\*\*SLOW\*\* 2026-03-01 15:05:00, p99 21/m);
  assert.match(markdown, /\(slice-5\/report\.html\)/);
  assert.ok(!markdown.includes('null') && html.includes('slice-0/report.html'));
});
