import assert from 'node:assert/strict';
import test from 'node:test';
import { grouped, quantity, typeset, type Unit } from '../../../profiling/result/quantity.ts';

/** Narrow no-break spaces are written as `_`. */
const cases: readonly (readonly [value: number | null, unit: Unit, text: string])[] = [
  [null, 'count', 'not measured'],
  [0, 'count', '0'],
  [0, 'latency', '0'],
  [0, 'rate', '0/s'],
  [999, 'count', '999'],
  [1000, 'count', '1_000'],
  [1_234_567, 'count', '1_234_567'],
  [-1234, 'count', '−1_234'],
  [0.18, 'count', '0.18'],
  [0.000_4, 'count', '0.0004'],
  [12_345.678, 'rate', '12_346/s'],
  [1, 'latency', '1_µs'],
  [999.4, 'latency', '999_µs'],
  [999.7, 'latency', '1_ms'],
  [1240, 'latency', '1.24_ms'],
  [184_770, 'latency', '185_ms'],
  [2_500_000, 'latency', '2.5_s'],
  [1234.5, 'us', '1_235_µs'],
  [1536, 'bytes', '1.5_KiB'],
  [8_326_328_320, 'bytes', '7.75_GiB'],
  [0.4123, 'share', '41.2%'],
  [1, 'share', '100%'],
  [0.3, 'cores', '0.3'],
];

for (const [value, unit, text] of cases) {
  test(`quantity() writes ${value} of ${unit} as ${text}`, () => {
    assert.equal(quantity(value, unit).replaceAll('\u202f', '_'), text);
  });
}

test('grouped() keeps its digits and has no negative zero', () => {
  assert.equal(grouped(1_999_871.5, 3).replaceAll('\u202f', '_'), '1_999_871.500');
  assert.equal(grouped(-0.0001, 2), '0.00');
});

test('typeset() changes separators and units, and nothing else', () => {
  const text = typeset('at 6,000/s: 1,234,567 after 300 us; p99 3.2 ms, 12 runs, 1,2');
  assert.equal(text.replaceAll('\u202f', '_'), 'at 6_000/s: 1_234_567 after 300_µs; p99 3.2_ms, 12 runs, 1,2');
});
