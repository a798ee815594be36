/** Samples out of two readings of a node's metrics. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reading, sampleBetween, waitNames } from '../../src/console/figures.ts';
import type { Labels, MetricFamily, MetricSample } from '../../src/metrics/metrics.ts';

const requests = 'kvorum_http_request_seconds';
const bounds = [0.001, 0.01, 0.1];

function requestFamily(byStatus: Readonly<Record<string, readonly number[]>>): MetricFamily {
  const samples = Object.entries(byStatus).map(([name, counts]) => {
    const [method = '', status = ''] = name.split(' ');
    return { labels: { method, status }, value: { bounds, counts, sum: 0 } };
  });
  return { name: requests, help: '', type: 'histogram', samples };
}

function gauge(name: string, ...values: readonly (readonly [MetricSample['value'], Labels?])[]): MetricFamily {
  return { name, help: '', type: 'gauge', samples: values.map(([value, labels = {}]) => ({ labels, value })) };
}

const at = (seconds: number) => ({ at: 1_000_000 + seconds * 1000, monotonicMs: seconds * 1000 });

test('a sample has what was answered between two readings, by latency, and what was not', () => {
  const before = reading([requestFamily({ 'GET 200': [5, 0, 0, 0], 'PUT 503': [7, 0, 0, 0] })], at(0));
  const after = reading(
    [
      requestFamily({
        'GET 200': [15, 2, 0, 0],
        'GET 404': [0, 1, 0, 0],
        'HEAD 304': [1, 0, 0, 0],
        'GET 400': [50, 0, 0, 0],
        'PUT 201': [0, 0, 3, 0],
        'DELETE 202': [0, 0, 1, 0],
        'PUT 503': [9, 0, 0, 0],
        'GET 504': [0, 0, 0, 4],
        'PUT 507': [1, 0, 0, 0],
        'PUT 500': [1, 0, 0, 0],
      }),
    ],
    at(5),
  );
  const sample = sampleBetween(before, after);
  assert.deepEqual([sample.at, sample.seconds], [1_005_000, 5]);
  assert.deepEqual(sample.reads, [11, 3]);
  assert.deepEqual(sample.writes, [0, 0, 4]);
  assert.deepEqual([sample.refused, sample.unanswered, sample.failed], [2, 4, 2]);
});

test('a counter that went back, as that of a thread that has been replaced, counts from nothing', () => {
  const before = reading([requestFamily({ 'GET 200': [100, 0, 0, 0] })], at(0));
  const after = reading([requestFamily({ 'GET 200': [3, 0, 0, 0] })], at(5));
  assert.deepEqual(sampleBetween(before, after).reads, [3]);
});

test('what waits is told of all threads together: bytes added up, the fullest log, the busiest loop', () => {
  const families = (active: number): MetricFamily[] => [
    gauge('kvorum_peer_queued_bytes', [10, { thread: 'worker-1' }]),
    gauge('kvorum_peer_queued_bytes', [5, { thread: 'worker-2' }]),
    gauge('kvorum_memtable_bytes', [30, { thread: 'worker-1' }], [60, { thread: 'worker-2' }]),
    gauge('kvorum_memtable_limit_bytes', [80]),
    gauge(
      'kvorum_event_loop_active_seconds_total',
      [active, { thread: 'main' }],
      [active / 2, { thread: 'worker-1' }],
      [active * 2, { thread: 'worker-2' }],
    ),
    gauge(
      'kvorum_event_loop_idle_seconds_total',
      [active, { thread: 'main' }],
      [active, { thread: 'worker-1' }],
      [active, { thread: 'worker-2' }],
    ),
    gauge('process_cpu_seconds_total', [active]),
  ];
  const { waits } = sampleBetween(reading(families(0), at(0)), reading(families(4), at(5)));
  assert.equal(waits.peerBytes, 15);
  assert.equal(waits.logFull, 0.75);
  assert.deepEqual([waits.mainBusy, waits.workerBusy, waits.cpu], [0.5, 0.66667, 0.8]);
});

test('what a node does not tell is null, never 0', () => {
  const { waits } = sampleBetween(reading([], at(0)), reading([], at(5)));
  for (const name of waitNames) assert.equal(waits[name], null, name);
});
