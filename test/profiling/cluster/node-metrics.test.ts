import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  growthOf,
  intervalBetween,
  readMetrics,
  type MetricsReading,
} from '../../../profiling/cluster/node-metrics.ts';

const text = `# TYPE kvorum_operations_in_flight gauge
kvorum_operations_in_flight 12
# TYPE kvorum_pool_queue_tasks gauge
kvorum_pool_queue_tasks 3
# TYPE kvorum_event_loop_active_seconds_total counter
kvorum_event_loop_active_seconds_total{thread="main"} 1
kvorum_event_loop_active_seconds_total{thread="worker-1"} 4
# TYPE kvorum_event_loop_idle_seconds_total counter
kvorum_event_loop_idle_seconds_total{thread="main"} 9
kvorum_event_loop_idle_seconds_total{thread="worker-1"} 6
# TYPE kvorum_gc_seconds_total counter
kvorum_gc_seconds_total{thread="main",kind="minor"} 0.25
kvorum_gc_seconds_total{thread="worker-1",kind="major"} 0.5
# TYPE kvorum_log_settle_seconds histogram
kvorum_log_settle_seconds_bucket{thread="worker-1",le="+Inf"} 10
kvorum_log_settle_seconds_sum{thread="worker-1"} 0.02
kvorum_log_settle_seconds_count{thread="worker-1"} 10
# TYPE kvorum_store_records gauge
kvorum_store_records{thread="worker-1"} 70
kvorum_store_records{thread="worker-2"} 70
# TYPE kvorum_memtable_records gauge
kvorum_memtable_records{thread="worker-1"} 4
kvorum_memtable_records{thread="worker-2"} 3
# TYPE kvorum_peer_sent_bytes_total counter
kvorum_peer_sent_bytes_total{peer="a"} 100
kvorum_peer_sent_bytes_total{peer="b"} 200
`;

function reading(changes: Partial<MetricsReading> = {}): MetricsReading {
  const one = readMetrics(text, 1000);
  assert.ok(one !== null);
  return { ...one, ...changes };
}

test('readMetrics() sums over threads, kinds and peers; what is not there is null', () => {
  assert.deepEqual(reading(), {
    atMs: 1000,
    operationsInFlight: 12,
    poolQueue: 3,
    loops: new Map([
      ['main', { active: 1, idle: 9 }],
      ['worker-1', { active: 4, idle: 6 }],
    ]),
    gcSeconds: 0.75,
    commits: 10,
    commitSeconds: 0.02,
    peerBytesSent: 300,
    peerBytesReceived: null,
    cpuSeconds: null,
    residentBytes: null,
    storeRecords: 70,
    loggedRecords: 7,
  });
});

test('readMetrics() of something else is null', () => {
  assert.equal(readMetrics('<html></html>\n', 0), null);
  assert.equal(readMetrics('', 0), null);
});

test('intervalBetween() gives the utilization of the interval, not since the start', () => {
  const loops = new Map([
    ['main', { active: 1.75, idle: 9.25 }],
    ['worker-1', { active: 4, idle: 7 }],
  ]);
  assert.deepEqual(intervalBetween(reading(), reading({ atMs: 2000, loops })).utilization, {
    main: 0.75,
    'worker 1': 0,
  });
});

test('intervalBetween() gives counts and times of one second, however long the interval was', () => {
  const after = reading({ atMs: 3000, gcSeconds: 0.85, commits: 30, commitSeconds: 0.06, cpuSeconds: null });
  const { gcMs, commits, commitMsMean, cpuUs } = intervalBetween(reading(), after);
  assert.equal(gcMs?.toFixed(6), '50.000000');
  assert.equal(commits, 10);
  assert.equal(commitMsMean?.toFixed(6), '2.000000');
  assert.equal(cpuUs, null);
});

test('intervalBetween() has no mean commit where there was no commit', () => {
  const { commits, commitMsMean } = intervalBetween(reading(), reading({ atMs: 2000 }));
  assert.deepEqual([commits, commitMsMean], [0, null]);
});

test('intervalBetween() is null for a node that was started anew in between', () => {
  const anew = reading({
    atMs: 2000,
    commits: 2,
    gcSeconds: 0,
    loops: new Map([['main', { active: 0.1, idle: 0.2 }]]),
  });
  assert.deepEqual(intervalBetween(reading(), anew), {
    utilization: {},
    gcMs: null,
    commits: null,
    commitMsMean: null,
    cpuUs: null,
  });
});

test('growthOf() is null where one end is not known or the counter went back', () => {
  assert.deepEqual(
    [growthOf(1, 3), growthOf(3, 3), growthOf(3, 1), growthOf(null, 1), growthOf(1, null)],
    [2, 0, null, null, null],
  );
});
