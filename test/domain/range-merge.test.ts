import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareKeys, selectNext } from '../../src/domain/range-merge.ts';
import { isRangeComplete } from '../../src/domain/range.ts';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import { mergeRecords } from '../../src/domain/merge.ts';
import { recordKinds, type RecordView } from '../../src/formats/record.ts';
import { bytesOf, makeRecord, plain } from '../formats/arbitraries.ts';

interface Sample {
  readonly key: Buffer;
  readonly record: RecordView;
}

const anySample: fc.Arbitrary<Sample> = fc
  .record(
    {
      // Few keys and few versions, so that sources meet and records tie.
      key: fc.oneof(
        fc.constantFrom('a', 'b', 'c').map((text) => Buffer.from(text)),
        bytesOf(1, 3),
      ),
      version: fc.integer({ min: 1, max: 3 }),
      nodeId: fc.integer({ min: 1, max: 2 }),
      kind: fc.constantFrom(recordKinds.value, recordKinds.tombstone),
      value: bytesOf(0, 2),
    },
    plain,
  )
  .map(({ key, value, ...stamp }) => ({ key, record: makeRecord(key, stamp, value) }));

/** A source: ascending, each key once. */
const anySource = fc
  .array(anySample)
  .map((samples) => [...new Map(samples.map((sample) => [sample.key.toString('hex'), sample])).values()])
  .map((samples) => samples.sort((left, right) => left.key.compare(right.key)));

const entryOf = ({ key, record }: Sample): RangeEntry => ({
  key: Buffer.concat([Buffer.from('x'), key]),
  keyStart: 1,
  keyEnd: 1 + key.length,
  ...record,
  recordBytes: record.length,
});

function merge(sources: readonly (readonly Sample[])[]): Sample[] {
  const rest = sources.map((source) => [...source]);
  const merged: Sample[] = [];
  const sameKey: number[] = [];
  for (;;) {
    const heads = rest.map(([head]) => (head === undefined ? undefined : entryOf(head)));
    const winner = selectNext(heads, sameKey);
    if (winner < 0) return merged;
    merged.push(rest[winner]?.[0] as Sample);
    for (const index of sameKey) rest[index]?.shift();
  }
}

function naiveMerge(sources: readonly (readonly Sample[])[]): Sample[] {
  const newest = new Map<string, Sample>();
  for (const sample of sources.flat()) {
    const name = sample.key.toString('hex');
    const known = newest.get(name);
    const wins = known === undefined || mergeRecords(known.record, sample.record) !== known.record;
    if (wins) newest.set(name, sample);
  }
  return [...newest.values()].sort((left, right) => left.key.compare(right.key));
}

const shown = (samples: readonly Sample[]): string[] =>
  samples.map(({ key, record }) => {
    return `${key.toString('hex')}=${record.bytes.toString('hex', record.offset, record.offset + record.length)}`;
  });

test('selectNext() merges any sources as sorting all of them and keeping the newest of each key does', () => {
  fc.assert(
    fc.property(fc.array(anySource, { maxLength: 5 }), (sources) => {
      assert.deepEqual(shown(merge(sources)), shown(naiveMerge(sources)));
    }),
  );
});

test('selectNext() takes the first source where records are equal', () => {
  const key = Buffer.from('k');
  const entry = (): RangeEntry => entryOf({ key, record: makeRecord(key, { version: 1, nodeId: 1, kind: 0 }, key) });
  const sameKey: number[] = [];
  assert.equal(selectNext([undefined, entry(), entry()], sameKey), 1);
  assert.deepEqual(sameKey, [1, 2]);
});

test('compareKeys() orders as Buffer.compare does', () => {
  fc.assert(
    fc.property(bytesOf(1, 6), bytesOf(1, 6), (left, right) => {
      const entry = (key: Buffer): RangeEntry => {
        return entryOf({ key, record: makeRecord(key, { version: 1, nodeId: 1, kind: 0 }, key) });
      };
      assert.equal(Math.sign(compareKeys(entry(left), entry(right))), left.compare(right));
    }),
  );
});

test('a range is complete while fewer nodes are missing than acknowledge a write', () => {
  for (const [missing, factor, expected] of [
    [0, 1, true],
    [1, 1, false],
    [1, 2, true],
    [2, 2, false],
    [1, 3, true],
    [2, 3, false],
    [2, 5, true],
    [3, 5, false],
  ] as const) {
    assert.equal(isRangeComplete(missing, factor), expected, `${missing} of ${factor}`);
  }
});
