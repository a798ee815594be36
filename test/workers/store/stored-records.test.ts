/** Checkpoints put records and find what they replace by places in a segment's bytes. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { StoreEnvironment } from '../../../workers/store/environment.ts';
import type { SegmentPlace } from '../../../workers/store/newest-records.ts';
import { StoredRecords } from '../../../workers/store/stored-records.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** A place of a key and a value in bytes that hold something else around them, and begin within others. */
function placeOf(key: string, value: string): SegmentPlace {
  const bytes = Buffer.from(`other bytes....${key}${value}....`).subarray(5);
  const keyStart = 10;
  return { bytes, keyStart, keyEnd: keyStart + key.length, end: keyStart + key.length + value.length };
}

const keyNumbers = fc.uniqueArray(fc.nat(2000), { maxLength: 200 });

test('what is put by its place is found, whether keys lie close or far apart, and whatever is put meanwhile', async (t) => {
  const environment = await StoreEnvironment.open({ directory: temporaryDirectory(t), storeBytesMax: 2 ** 26 });
  t.after(() => environment.close());
  const records = environment.openDatabase('records');
  const stored = new StoredRecords(environment, records);
  const size = { records: 2000, bytes: 100_000 };
  // Of 2,000 keys there is every third: a cursor that passes all of them for few is given up.
  const model = new Map<string, string>();
  const keyOf = (number: number): string => `k${number}`;
  const put = (key: string, value: string): void => {
    stored.put(placeOf(key, value));
    model.set(key, value);
  };
  environment.transact(size, () => {
    for (let number = 0; number < 2000; number += 3) put(keyOf(number), `first ${number}`);
  });
  let round = 0;
  fc.assert(
    fc.property(fc.oneof(keyNumbers, fc.constant(Array.from({ length: 400 }, (_, index) => 5 * index))), (numbers) => {
      if (numbers.length === 0) return;
      round++;
      const keys = numbers.map(keyOf).sort();
      environment.transact(size, () => {
        const replaced = stored.readFrom(placeOf(keys[0] as string, ''));
        for (const key of keys) {
          const found = replaced.find(placeOf(key, ''));
          const expected = model.get(key);
          if (expected === undefined) assert.equal(found, undefined, `${key} was never put`);
          else assert.equal(textAt(found as Uint8Array, replaced.offset, expected.length), expected);
          put(key, `round ${round} of ${key}`);
        }
        replaced.close();
      });
    }),
    { numRuns: 40 },
  );
  for (const [key, value] of model) assert.equal(records.getBinary(Buffer.from(key))?.toString(), value);
});

function textAt(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString();
}
