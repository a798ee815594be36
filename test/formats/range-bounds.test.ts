import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import { decodeBounds, encodeBounds } from '../../src/formats/range-bounds.ts';

const keyBytesMax = 40;
const read = (text: string) => decodeBounds(Buffer.from(text), keyBytesMax);
const anyKey = fc.uint8Array({ minLength: 1, maxLength: keyBytesMax }).map((bytes) => Buffer.from(bytes));

test('any bounds read back as they were written', () => {
  const anyBounds = fc.record(
    {
      start: anyKey,
      end: fc.option(anyKey, { nil: undefined }),
      keysOnly: fc.boolean(),
      skipAfter: fc.nat(),
      shared: fc.record({ nodeId: fc.nat(), buckets: anyKey }, { noNullPrototype: true }),
    },
    { noNullPrototype: true, requiredKeys: ['start', 'end', 'keysOnly'] },
  );
  fc.assert(fc.property(anyBounds, (bounds) => assert.deepEqual(read(encodeBounds(bounds)), bounds)));
});

test('what is not the bounds of a range is refused', () => {
  const bounds = { start: 'YQ==', end: null, keysOnly: false };
  assert.ok(read(JSON.stringify(bounds)) !== undefined);
  const tooLong = Buffer.alloc(keyBytesMax + 1).toString('base64');
  const wrong: unknown[] = [
    { ...bounds, start: '' },
    { ...bounds, start: 7 },
    { ...bounds, end: 7 },
    { ...bounds, end: '' },
    { ...bounds, start: tooLong },
    { ...bounds, end: tooLong },
    { ...bounds, end: undefined },
    { ...bounds, keysOnly: 'no' },
    { ...bounds, skipAfter: -1 },
    { ...bounds, skipAfter: '1' },
    { ...bounds, sharedBy: 7 },
    { ...bounds, buckets: 'AA==' },
    { ...bounds, sharedBy: '7', buckets: 'AA==' },
    {},
    null,
    'bounds',
  ];
  for (const value of wrong) assert.equal(read(JSON.stringify(value)), undefined);
  assert.equal(read('{'), undefined);
});
