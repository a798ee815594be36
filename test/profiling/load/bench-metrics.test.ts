/** The running bench as Prometheus reads it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { benchMetrics } from '../../../profiling/load/bench-metrics.ts';
import { LatencyHistogram } from '../../../profiling/load/histogram.ts';
import { LiveFigures } from '../../../profiling/load/live-figures.ts';

const promtool = spawnSync('promtool', ['--version']);
const noPromtool = promtool.error === undefined ? false : 'promtool is not installed';

function figures(): LiveFigures {
  const seen = new LiveFigures();
  const latency = new LatencyHistogram();
  for (const micros of [1500, 1500, 40_000]) latency.record(micros);
  const counted = { completed: 4, failed: 1, unanswered: 2, latency: latency.snapshot() };
  const kinds = [
    { kind: 'get' as const, ...counted },
    { kind: 'range' as const, ...counted },
  ];
  for (const second of [0, 1]) seen.add({ second, due: 12, completed: 8, failed: 6, pending: 5, p99Us: 40_000, kinds });
  return seen;
}

test('counters add up over the seconds, by operation and outcome, and latencies are a histogram', () => {
  const text = benchMetrics(figures(), 1234.5);
  for (const line of [
    'kvorum_bench_target_rate 1234.5',
    'kvorum_bench_pending_operations 5',
    'kvorum_bench_due_total 24',
    'kvorum_bench_operations_total{operation="get",outcome="success"} 6',
    'kvorum_bench_operations_total{operation="range",outcome="failure"} 2',
    'kvorum_bench_operations_total{operation="range",outcome="unanswered"} 4',
    'kvorum_bench_latency_seconds_bucket{operation="get",le="0.001"} 0',
    'kvorum_bench_latency_seconds_bucket{operation="get",le="0.002"} 4',
    'kvorum_bench_latency_seconds_bucket{operation="get",le="+Inf"} 6',
    'kvorum_bench_latency_seconds_count{operation="get"} 6',
    'kvorum_bench_latency_seconds_sum{operation="get"} 0.086',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} in ${text}`);
  }
});

test('promtool has no complaint, before the load and during it', { skip: noPromtool }, () => {
  for (const seen of [new LiveFigures(), figures()]) {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: benchMetrics(seen, 0),
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
    assert.equal(stderr, '');
  }
});
