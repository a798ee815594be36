import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { httpDate, parseHttpDate } from '../../src/http/http-date.ts';

const now = Date.UTC(2026, 0, 1) / 1000;
/** The example of RFC 9110 section 5.6.7, in its three forms. */
const example = 784_111_777;

for (const text of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994']) {
  test(`"${text}" is a date`, () => assert.equal(parseHttpDate(text, now), example));
}

test('a year of two digits is at most 50 years ahead', () => {
  const yearOf = (text: string): number => new Date((parseHttpDate(text, now) as number) * 1000).getUTCFullYear();
  assert.equal(yearOf('Sunday, 06-Nov-76 08:49:37 GMT'), 2076);
  assert.equal(yearOf('Sunday, 06-Nov-77 08:49:37 GMT'), 1977);
});

for (const text of [
  '',
  '1994-11-06T08:49:37Z',
  'Sun, 06 Nov 1994 08:49:37 CET',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Thu, 31 Feb 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 24:00:00 GMT',
  'Sun, 06 Nov 1994 08:49:37 GMT,Sun, 06 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 0050 08:49:37 GMT',
]) {
  test(`"${text}" is no date`, () => assert.equal(parseHttpDate(text, now), undefined));
}

test('what httpDate() writes reads back, whichever second it is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_000_000_000 }), (seconds) => {
      assert.equal(parseHttpDate(httpDate(seconds), now), seconds);
      assert.equal(httpDate(seconds), new Date(seconds * 1000).toUTCString());
    }),
  );
});
