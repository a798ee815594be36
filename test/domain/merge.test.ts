/** The laws of merging: replicas that saw the same records in any order hold the same one. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import { compareRecords, mergeRecords } from '../../src/domain/merge.ts';
import { readStamp, RECORD_HEADER_BYTES, recordKinds, type RecordView } from '../../src/formats/record.ts';
import { anyStamp, anyValue, bytesOf, makeRecord, recordBytes } from '../formats/arbitraries.ts';

const key = Buffer.from('key');

/** Few versions, nodes and values, so that ties of every degree are common. */
const tyingStamp = fc.record({
  version: fc.integer({ min: 1, max: 3 }),
  nodeId: fc.constantFrom(1, 2, 0xffffffff),
  kind: fc.constantFrom(recordKinds.value, recordKinds.tombstone, recordKinds.expiring),
});
const tyingRecord = fc
  .tuple(tyingStamp, bytesOf(0, 2), fc.nat(3))
  .map(([stamp, value, margin]) =>
    makeRecord(key, stamp, stamp.kind === recordKinds.tombstone ? Buffer.alloc(0) : value, margin),
  );
const anyRecord = fc.oneof(
  tyingRecord,
  fc.tuple(anyStamp, anyValue).map(([stamp, value]) => makeRecord(key, stamp, value)),
);

test('merging is commutative: both orders keep the same bytes', () => {
  fc.assert(
    fc.property(anyRecord, anyRecord, (left, right) => {
      assert.deepEqual(recordBytes(mergeRecords(left, right)), recordBytes(mergeRecords(right, left)));
    }),
    { numRuns: 1000 },
  );
});

test('merging is associative', () => {
  fc.assert(
    fc.property(anyRecord, anyRecord, anyRecord, (a, b, c) => {
      const left = mergeRecords(mergeRecords(a, b), c);
      const right = mergeRecords(a, mergeRecords(b, c));
      assert.deepEqual(recordBytes(left), recordBytes(right));
    }),
    { numRuns: 1000 },
  );
});

test('merging is idempotent: a record merged with itself or its copy is itself', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const copy = { ...record, bytes: Buffer.from(record.bytes) };
      assert.equal(mergeRecords(record, record), record);
      assert.deepEqual(recordBytes(mergeRecords(record, copy)), recordBytes(record));
      assert.equal(compareRecords(record, copy), 0);
    }),
  );
});

test('replicas that see the same records in any order and any number of times hold the same one', () => {
  const histories = fc.array(tyingRecord, { minLength: 1, maxLength: 8 }).chain((records) =>
    fc.tuple(
      fc.constant(records),
      fc.array(fc.constantFrom(...records), { maxLength: 8 }).chain((repeats) => {
        const seen = [...records, ...repeats];
        return fc.shuffledSubarray(seen, { minLength: seen.length });
      }),
    ),
  );
  fc.assert(
    fc.property(histories, ([records, shuffled]) => {
      assert.deepEqual(recordBytes(records.reduce(mergeRecords)), recordBytes(shuffled.reduce(mergeRecords)));
    }),
    { numRuns: 500 },
  );
});

test('the order of records is the order of version, node id, tombstone over value, value bytes', () => {
  fc.assert(
    fc.property(anyRecord, anyRecord, (left, right) => {
      assert.equal(Math.sign(compareRecords(left, right)), naiveOrder(left, right));
    }),
    { numRuns: 1000 },
  );
});

test('the order of records is total: antisymmetric, transitive, and 0 only for equal bytes', () => {
  fc.assert(
    fc.property(tyingRecord, tyingRecord, tyingRecord, (a, b, c) => {
      assert.equal(Math.sign(compareRecords(a, b)) + Math.sign(compareRecords(b, a)), 0);
      if (compareRecords(a, b) >= 0 && compareRecords(b, c) >= 0) assert.ok(compareRecords(a, c) >= 0);
      assert.equal(compareRecords(a, b) === 0, recordBytes(a).equals(recordBytes(b)));
    }),
    { numRuns: 2000 },
  );
});

test('a tombstone wins over a value of the same version and node', () => {
  fc.assert(
    fc.property(anyStamp, anyValue, (stamp, value) => {
      const tombstone = makeRecord(key, { ...stamp, kind: recordKinds.tombstone }, Buffer.alloc(0));
      const written = makeRecord(key, { ...stamp, kind: recordKinds.value }, value);
      assert.equal(mergeRecords(tombstone, written), tombstone);
      assert.equal(mergeRecords(written, tombstone), tombstone);
    }),
  );
});

test('a tombstone hides only what is older', () => {
  const tombstone = makeRecord(key, { version: 10, nodeId: 1, kind: recordKinds.tombstone }, Buffer.alloc(0));
  const older = makeRecord(key, { version: 9, nodeId: 9, kind: recordKinds.value }, Buffer.from('old'));
  const newer = makeRecord(key, { version: 11, nodeId: 1, kind: recordKinds.value }, Buffer.from('new'));
  assert.equal(mergeRecords(older, tombstone), tombstone);
  assert.equal(mergeRecords(newer, tombstone), newer);
});

test('versions up to the largest safe integer keep their order to the last microsecond', () => {
  const stamp = { nodeId: 1, kind: recordKinds.value };
  const largest = makeRecord(key, { ...stamp, version: Number.MAX_SAFE_INTEGER }, Buffer.alloc(0));
  const next = makeRecord(key, { ...stamp, version: Number.MAX_SAFE_INTEGER - 1 }, Buffer.alloc(0));
  assert.equal(compareRecords(largest, next), 1);
});

function naiveOrder(left: RecordView, right: RecordView): number {
  const [l, r] = [readStamp(left.bytes, left.offset), readStamp(right.bytes, right.offset)];
  if (l.version !== r.version) return l.version > r.version ? 1 : -1;
  if (l.nodeId !== r.nodeId) return l.nodeId > r.nodeId ? 1 : -1;
  if (l.kind !== r.kind && l.kind === recordKinds.tombstone) return 1;
  if (l.kind !== r.kind && r.kind === recordKinds.tombstone) return -1;
  if (l.kind !== r.kind) return Math.sign(l.kind - r.kind);
  const [leftHex, rightHex] = [left, right].map((view) =>
    recordBytes(view).subarray(RECORD_HEADER_BYTES).toString('hex'),
  );
  if (leftHex === rightHex) return 0;
  return (leftHex as string) > (rightHex as string) ? 1 : -1;
}
