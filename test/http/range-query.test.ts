import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextTarget, parseRangeQuery, type RangeQuery } from '../../src/http/range-query.ts';

const keyBytesMax = 20;

test('a range query is refused where it is not exactly understood', () => {
  for (const [query, detail] of [
    ['start=', /"start" is empty/],
    ['start', /"start" is empty/],
    ['start=a&end=', /"end" is empty/],
    ['start=%ff', /"start" is not UTF-8/],
    ['start=%6', /"start" is not UTF-8/],
    ['start=a&end=%c3', /"end" is not UTF-8/],
    ['start=a&start=b', /"start" is given twice/],
    ['start=a&end=b&end=b', /"end" is given twice/],
    [`start=${'a'.repeat(21)}`, /21 bytes; at most 20/],
    ['start=a&limit=0', /"limit" must be a whole number from 1/],
    ['start=a&limit=', /"limit"/],
    ['start=a&limit=-1', /"limit"/],
    ['start=a&limit=1.5', /"limit"/],
    ['start=a&limit=1e3', /"limit"/],
    ['start=a&limit=1&limit=2', /twice/],
    ['start=a&keys=0', /"keys" can only be 1/],
    ['start=a&keys', /"keys" can only be 1/],
    ['start=a&cluster=true', /"cluster" can only be 1/],
    ['tail=0', /"tail" can only be 1/],
    ['start=a&Start=b', /Unknown parameter "Start"/],
    ['start=a&ack=1', /Unknown parameter "ack"/],
  ] as const) {
    const parsed = parseRangeQuery(query, keyBytesMax);
    assert.ok('problem' in parsed, query);
    assert.equal(parsed.problem, 'bad-parameter');
    assert.match(parsed.detail, detail, query);
  }
});

test('a range query gives the keys as bytes and the rest as asked', () => {
  const parsed = parseRangeQuery('start=a+b%2B&end=%C3%A9&limit=10&keys=1&cluster=1&tail=1', keyBytesMax);
  assert.deepEqual(parsed, {
    start: Buffer.from('a b+'),
    end: Buffer.from('é'),
    limit: 10,
    keysOnly: true,
    cluster: true,
    tail: true,
  });
  const least = { end: undefined, limit: undefined, keysOnly: false, cluster: false, tail: false };
  assert.deepEqual(parseRangeQuery('&start=a&', keyBytesMax), { start: Buffer.from('a'), ...least });
  assert.deepEqual(parseRangeQuery('', keyBytesMax), { start: Buffer.from('\0'), ...least });
});

test('the next target parses to the same query from another start', () => {
  const anyKey = fc.string({ minLength: 1, maxLength: 5, unit: 'grapheme' }).map((text) => Buffer.from(text));
  const anyQuery: fc.Arbitrary<RangeQuery> = fc.record(
    {
      start: anyKey,
      end: fc.option(anyKey, { nil: undefined }),
      limit: fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined }),
      keysOnly: fc.boolean(),
      cluster: fc.boolean(),
      tail: fc.boolean(),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(anyQuery, anyKey, (query, next) => {
      const target = nextTarget(query, next);
      assert.match(target, /^[!-~]+$/);
      assert.doesNotMatch(target, /[<>"]/);
      assert.deepEqual(parseRangeQuery(target.slice(target.indexOf('?') + 1), 1000), { ...query, start: next });
    }),
  );
});
