import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeLogEntry } from '../../../src/formats/log.ts';
import { KeyTable, tableKey } from '../../../workers/store/key-table.ts';

const START = 8;

/** An image with an entry for each key, one behind the other, and their offsets. */
function imageOf(keys: readonly Buffer[]): { readonly image: Buffer; readonly offsets: readonly number[] } {
  const image = Buffer.alloc(START + keys.reduce((sum, { length }) => sum + length + 10, 0));
  let end = START;
  const offsets = keys.map((key) => {
    const offset = end;
    const source = Buffer.concat([key, Buffer.from('rec')]);
    end = writeLogEntry(image, offset, source, { keyStart: 0, keyEnd: key.length, end: source.length });
    return offset;
  });
  return { image, offsets };
}

const wanted = (key: Buffer) => tableKey(key, 0, key.length);
const keys = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 }), { maxLength: 400 });

test('a table finds what was put last under each key, and nothing else, as a Map does', () => {
  fc.assert(
    fc.property(keys, keys, (put, others) => {
      const { image, offsets } = imageOf(put.map((key) => Buffer.from(key)));
      const table = new KeyTable(image);
      const model = new Map<string, number>();
      for (const [index, key] of put.entries()) {
        const name = Buffer.from(key).toString('hex');
        assert.equal(table.put(offsets[index] as number), model.get(name) ?? 0, 'what stood there before');
        model.set(name, offsets[index] as number);
      }
      for (const key of [...put, ...others]) {
        const bytes = Buffer.from(key);
        assert.equal(table.find(wanted(bytes)), model.get(bytes.toString('hex')) ?? 0);
      }
      assert.equal(table.size, model.size);
      assert.deepEqual([...table.offsets()].sort(byNumber), [...model.values()].sort(byNumber));
    }),
  );
});

for (const expected of [0, 100, 20_000]) {
  test(`a table for ${expected} keys takes more and less`, () => {
    takeMany(expected);
  });
}

function takeMany(expected: number): void {
  const many = Array.from({ length: 5000 }, (_, index) => Buffer.from(`key ${index}`));
  const { image, offsets } = imageOf(many);
  const table = new KeyTable(image, expected);
  for (const offset of offsets) assert.equal(table.put(offset), 0);
  for (const [index, key] of many.entries()) assert.equal(table.find(wanted(key)), offsets[index]);
  assert.equal(table.find(wanted(Buffer.from('key'))), 0);
}

test('a key is found by its bytes, wherever they stand', () => {
  const { image, offsets } = imageOf([Buffer.from('a'), Buffer.from('ab')]);
  const table = new KeyTable(image);
  for (const offset of offsets) table.put(offset);
  const elsewhere = Buffer.from('xxabxx');
  assert.equal(table.find(tableKey(elsewhere, 2, 4)), offsets[1]);
  assert.equal(table.find(tableKey(elsewhere, 2, 3)), offsets[0]);
  assert.equal(table.find(tableKey(elsewhere, 3, 4)), 0);
});

function byNumber(left: number, right: number): number {
  return left - right;
}
