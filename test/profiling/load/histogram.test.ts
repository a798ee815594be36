/** Percentiles and their printed spectrum, with hdr-histogram-js as the oracle. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { build, type Histogram } from 'hdr-histogram-js';
import {
  LatencyHistogram,
  meanUs,
  percentileUs,
  sumOf,
  type LatencyCounts,
} from '../../../profiling/load/histogram.ts';
import { percentileLines } from '../../../profiling/load/spectrum.ts';

/** The oracle walks its 27,000 buckets for each percentile. */
const numRuns = 40;

const latencies = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 3e6 }), fc.integer({ min: 0, max: 2 ** 34 })),
  { minLength: 1, maxLength: 300 },
);

function oracleOf(values: readonly number[]): Histogram {
  const oracle = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2 ** 36,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 64,
  });
  for (const value of values) oracle.recordValue(value);
  return oracle;
}

function countsOf(values: readonly number[]): LatencyCounts {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram.snapshot();
}

test('percentiles are HdrHistogram’s', () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const counts = countsOf(values);
      const oracle = oracleOf(values);
      for (const percentile of [1, 10, 50, 75, 90, 99, 99.9, 99.99, 100]) {
        const expected = Math.min(oracle.getValueAtPercentile(percentile), Math.max(...values));
        assert.equal(percentileUs(counts, percentile), expected, `p${percentile}`);
      }
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      assert.ok(Math.abs(meanUs(counts) - mean) <= 1e-6 * mean);
    }),
    { numRuns },
  );
});

test('the printed spectrum is HdrHistogram’s, line by line', () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const printed = oracleOf(values).outputPercentileDistribution(5, 1000).split('\n');
      const expected = printed.filter((line) => /^ *[\d.]+ +[01]\./.test(line)).map(columnsOf);
      assert.deepEqual(percentileLines(countsOf(values)).map(columnsOf), expected);
    }),
    { numRuns },
  );
});

test('counts added up are the counts of all', () => {
  fc.assert(
    fc.property(latencies, latencies, (left, right) => {
      assert.deepEqual(sumOf([countsOf(left), countsOf(right)]), countsOf([...left, ...right]));
    }),
  );
});

test('nothing counted has percentiles of 0', () => {
  assert.equal(percentileUs(countsOf([]), 99), 0);
  assert.deepEqual(percentileLines(countsOf([])), []);
});

/** Value, percentile and count; the oracle prints more digits, and nothing instead of `inf`. */
function columnsOf(line: string): string[] {
  const [value = '', share = '', count = ''] = line.trim().split(/ +/);
  return [value, Number(share).toFixed(5), count];
}
