import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureText, type Unit } from '../../src/console/figure-text.ts';

const cases: readonly (readonly [number | null | undefined, Unit, string])[] = [
  [0, 'rate', '0/s'],
  [12_345.6, 'rate', '12 346/s'],
  [0.4, 'rate', '0.4/s'],
  [0.3999, 'rate', '0.4/s'],
  [1.234, 'rate', '1.2/s'],
  [12.34, 'rate', '12.3/s'],
  [0.00087, 'latency', '870 µs'],
  [0.0009997, 'latency', '1 ms'],
  [1.25, 'latency', '1.25 s'],
  [0, 'latency', '0'],
  [-2500, 'offset', '−2.5 s'],
  [0.3, 'offset', '+300 µs'],
  [1536, 'bytes', '1.5 KiB'],
  [0.1234, 'share', '12.3%'],
  [59, 'duration', '59 s'],
  [3700, 'duration', '1 h 1 min'],
  [90_061, 'duration', '1 d 1 h'],
  [null, 'rate', '–'],
  [undefined, 'bytes', '–'],
  [Number.NaN, 'count', '–'],
];

for (const [value, unit, text] of cases) {
  test(`${value} as ${unit} is ${text}`, () => {
    assert.equal(figureText(value, unit).replaceAll('\u202f', ' '), text);
  });
}
