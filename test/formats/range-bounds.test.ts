import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import { decodeBounds, encodeBounds } from '../../src/formats/range-bounds.ts';

const anyKey = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes));

test('any bounds read back as they were written', () => {
  const anyBounds = fc.record(
    { start: anyKey, end: fc.option(anyKey, { nil: undefined }), keysOnly: fc.boolean() },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(anyBounds, (bounds) => assert.deepEqual(decodeBounds(Buffer.from(encodeBounds(bounds))), bounds)));
});

test('what is not the bounds of a range is refused', () => {
  const bounds = { start: 'YQ==', end: null, keysOnly: false };
  assert.ok(decodeBounds(Buffer.from(JSON.stringify(bounds))) !== undefined);
  const wrong: unknown[] = [
    { ...bounds, start: '' },
    { ...bounds, start: 7 },
    { ...bounds, end: 7 },
    { ...bounds, end: undefined },
    { ...bounds, keysOnly: 'no' },
    {},
    null,
    'bounds',
  ];
  for (const value of wrong) assert.equal(decodeBounds(Buffer.from(JSON.stringify(value))), undefined);
  assert.equal(decodeBounds(Buffer.from('{')), undefined);
});
