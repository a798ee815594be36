import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergeRecords } from '../../../src/domain/merge.ts';
import { makeHead } from '../../../src/formats/large-head.ts';
import { writeLogEntry } from '../../../src/formats/log.ts';
import { sealRecord, RECORD_HEADER_BYTES } from '../../../src/formats/record.ts';
import { NewestRecords } from '../../../workers/store/newest-records.ts';
import { partsOf } from '../../support/fake-checkpoints.ts';
import { sampleRecord } from '../../support/log-entries.ts';

interface Sample {
  readonly key: Buffer;
  readonly record: Buffer;
}

function add(newest: NewestRecords, samples: readonly Sample[]): void {
  const image = Buffer.alloc(64 + samples.reduce((sum, { key, record }) => sum + key.length + record.length + 6, 0));
  let end = 64;
  for (const { key, record } of samples) {
    const source = Buffer.concat([key, record]);
    newest.add(image, end);
    end = writeLogEntry(image, end, source, { keyStart: 0, keyEnd: key.length, end: source.length });
  }
}

function recordOf(key: Buffer, version: number, nodeId: number): Buffer {
  const record = Buffer.alloc(RECORD_HEADER_BYTES + 4);
  sealRecord(record, 0, 4, key, { version, nodeId, kind: 0 });
  return record;
}

/** Keys that begin alike for longer than the sorted numbers tell, are each other's beginnings, or hold any bytes. */
const beginnings = ['', 'user/', 'user/0000000000', '\u0000', '\u00ff\u00ff'].map((text) =>
  Buffer.from(text, 'latin1'),
);
const keys = fc
  .tuple(fc.constantFrom(...beginnings), fc.uint8Array({ minLength: 1, maxLength: 9 }))
  .map(([beginning, rest]) => Buffer.concat([beginning, rest]));
const samples = fc.array(
  fc.record({ key: keys, version: fc.integer({ min: 1, max: 5 }), nodeId: fc.integer({ min: 1, max: 2 }) }),
  { maxLength: 80 },
);

test('the newest record of each key comes in the order of keys, from however many segments', () => {
  fc.assert(
    fc.property(fc.array(samples, { maxLength: 4 }), fc.nat(30), (segments, repeated) => {
      const newest = new NewestRecords();
      const model = new Map<string, Buffer>();
      let entries = 0;
      for (const given of segments) {
        const all = [...given, ...given.slice(0, repeated).map((one) => ({ ...one, version: one.version + 1 }))];
        const written = all.map(({ key, version, nodeId }) => ({ key, record: recordOf(key, version, nodeId) }));
        add(newest, written);
        entries += written.length;
        for (const { key, record } of written) {
          const name = key.toString('latin1');
          const known = model.get(name);
          const view = (bytes: Buffer) => ({ bytes, offset: 0, length: bytes.length });
          model.set(name, known === undefined ? record : mergeRecords(view(record), view(known)).bytes);
        }
      }
      const found = Array.from({ length: newest.size }, (_, number) => partsOf(newest.at(number)));
      const sorted = [...model.keys()].map((name) => Buffer.from(name, 'latin1')).sort((a, b) => a.compare(b));
      assert.deepEqual(
        found.map(({ key }) => key.toString('hex')),
        sorted.map((key) => key.toString('hex')),
      );
      for (const { key, record } of found) assert.ok(model.get(key.toString('latin1'))?.equals(record));
      assert.equal(newest.entries, entries);
    }),
  );
});

test('the newest entries of one segment come in the order of keys, in whatever order their offsets are given', () => {
  fc.assert(
    fc.property(fc.uniqueArray(keys, { selector: (key) => key.toString('hex'), maxLength: 80 }), (given) => {
      const image = Buffer.alloc(64 + given.length * 100);
      const offsets: number[] = [];
      let end = 64;
      for (const key of given) {
        offsets.push(end);
        const source = Buffer.concat([key, recordOf(key, 1, 1)]);
        end = writeLogEntry(image, end, source, { keyStart: 0, keyEnd: key.length, end: source.length });
      }
      const newest = new NewestRecords();
      newest.addNewest(image, Uint32Array.from(offsets.reverse()));
      const found = Array.from({ length: newest.size }, (_, number) => partsOf(newest.at(number)).key.toString('hex'));
      const sorted = given.toSorted((a, b) => a.compare(b));
      assert.deepEqual(
        found,
        sorted.map((key) => key.toString('hex')),
      );
    }),
  );
});

test('without entries there are no keys', () => {
  assert.equal(new NewestRecords().size, 0);
});

test('heads of large values that lost are told, of two with one stamp the one that came first', () => {
  const key = Buffer.from('large');
  const head = (version: number, set: string) => makeHead(sampleRecord('large', version, 300), Buffer.from(set));
  const [old, first, again] = [head(1, 'old set.'), head(2, 'first...'), head(2, 'again...')];
  const newest = new NewestRecords();
  add(
    newest,
    [first, again, old].map((record) => ({ key, record })),
  );
  assert.equal(newest.size, 1);
  assert.ok(partsOf(newest.at(0)).record.equals(again));
  assert.deepEqual(newest.replacedHeads.map(String).sort(), [old, first].map(String).sort());
});
