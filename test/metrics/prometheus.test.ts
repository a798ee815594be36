import assert from 'node:assert/strict';
import { test } from 'node:test';
import { family, Histogram } from '../../src/metrics/metrics.ts';
import { renderMetrics } from '../../src/metrics/prometheus.ts';
import { parsePrometheus } from '../support/prometheus-text.ts';

test('renderMetrics() writes a family with its help, type and samples', () => {
  const text = renderMetrics([
    family('gauge', 'a_bytes', 'What it is', 1.5, { thread: 'main' }),
    family('counter', 'b_total', 'B', 0),
  ]);
  assert.equal(
    text,
    '# HELP a_bytes What it is\n# TYPE a_bytes gauge\na_bytes{thread="main"} 1.5\n# HELP b_total B\n# TYPE b_total counter\nb_total 0\n',
  );
});

test('renderMetrics() puts families of the same name from several threads together', () => {
  const of = (thread: string) => family('counter', 'x_total', 'X', 1, { thread });
  const text = renderMetrics([of('worker-1'), family('gauge', 'y', 'Y', 2), of('worker-2')]);
  assert.equal(text.match(/# TYPE x_total/g)?.length, 1);
  assert.deepEqual(
    parsePrometheus(text)
      .get('x_total')
      ?.samples.map(({ labels }) => labels['thread']),
    ['worker-1', 'worker-2'],
  );
});

test('renderMetrics() escapes label values', () => {
  const value = 'a "quoted" back\\slash\nand a line';
  const text = renderMetrics([family('gauge', 'x', 'X', 1, { value })]);
  assert.equal(parsePrometheus(text).get('x')?.samples[0]?.labels['value'], value);
});

test('renderMetrics() writes histograms with cumulative buckets, sum and count', () => {
  const histogram = new Histogram([1, 10]);
  for (const value of [0.5, 1, 2, 100]) histogram.observe(value);
  const text = renderMetrics([family('histogram', 'h_seconds', 'H', histogram.snapshot(), { peer: 'p' })]);
  assert.deepEqual(text.split('\n').slice(2, -1), [
    'h_seconds_bucket{peer="p",le="1"} 2',
    'h_seconds_bucket{peer="p",le="10"} 3',
    'h_seconds_bucket{peer="p",le="+Inf"} 4',
    'h_seconds_sum{peer="p"} 103.5',
    'h_seconds_count{peer="p"} 4',
  ]);
});

test('renderMetrics() writes summaries with their quantiles, sum and count', () => {
  const value = {
    quantiles: [
      [0.5, 2],
      [1, 9],
    ] as const,
    sum: 13,
    count: 4,
  };
  const text = renderMetrics([family('summary', 's_seconds', 'S', value, { thread: 'main' })]);
  assert.deepEqual(text.split('\n').slice(1, -1), [
    '# TYPE s_seconds summary',
    's_seconds{thread="main",quantile="0.5"} 2',
    's_seconds{thread="main",quantile="1"} 9',
    's_seconds_sum{thread="main"} 13',
    's_seconds_count{thread="main"} 4',
  ]);
});

test('renderMetrics() of nothing is nothing', () => assert.equal(renderMetrics([]), ''));
