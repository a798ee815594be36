/** The file of a backup: what goes in comes out, however its bytes are cut, and no damage passes for a record. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BackupReader,
  BackupWriter,
  entriesIn,
  isWhole,
  type BackupEntry,
  type BackupPiece,
} from '../../src/formats/backup.ts';
import { RECORD_HEADER_BYTES, recordKinds, sealRecord } from '../../src/formats/record.ts';

function entryOf(name: string, value: Buffer, version: number): BackupEntry {
  const key = Buffer.from(name);
  const record = Buffer.concat([Buffer.alloc(RECORD_HEADER_BYTES), value]);
  const kind = value.length === 0 ? recordKinds.tombstone : recordKinds.value;
  sealRecord(record, 0, value.length, key, { version, nodeId: 3, kind });
  return { key, record };
}

const anyEntry = fc
  .tuple(fc.string({ minLength: 1, maxLength: 12 }), fc.uint8Array({ maxLength: 40 }), fc.maxSafeNat())
  .map(([name, value, version]) => entryOf(name, Buffer.from(value), version));
const anyBlocks = fc.array(fc.array(anyEntry, { minLength: 1, maxLength: 4 }), { maxLength: 5 });

function fileOf(blocks: readonly (readonly BackupEntry[])[], beganAtMs = 5): Buffer {
  const writer = new BackupWriter();
  return Buffer.concat([writer.header(beganAtMs), ...blocks.flatMap((block) => writer.block(block)), writer.end()]);
}

/** Reads bytes that come in pieces of a size. */
function read(bytes: Buffer, step = bytes.length): BackupPiece[] {
  const reader = new BackupReader();
  const pieces: BackupPiece[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    reader.push(bytes.subarray(at, at + step));
    for (let piece = reader.next(); piece !== undefined; piece = reader.next()) pieces.push(piece);
  }
  reader.finish();
  return pieces;
}

const damaged = { name: 'KvorumError', code: 'backup-damaged' };
const sample = [
  [entryOf('a', Buffer.from('1'), 7), entryOf('b', Buffer.alloc(0), 8)],
  [entryOf('c', Buffer.from('2'), 9)],
];

test('a backup is read as it was written, however its bytes are cut', () => {
  fc.assert(
    fc.property(anyBlocks, fc.integer({ min: 1, max: 100 }), fc.maxSafeNat(), (blocks, step, beganAtMs) => {
      const [header, ...rest] = read(fileOf(blocks, beganAtMs), step);
      assert.deepEqual(header, { kind: 'header', beganAtMs });
      const end = rest.pop();
      const entries = blocks.flat();
      const found = rest.flatMap((piece) => (piece.kind === 'block' ? (entriesIn(piece.entries) ?? []) : []));
      assert.deepEqual(found, entries);
      assert.ok(found.every(isWhole));
      assert.ok(end?.kind === 'end');
      assert.deepEqual([end.counts.blocks, end.counts.entries], [blocks.length, entries.length]);
    }),
  );
});

test('a backup that is cut anywhere is refused, with how many records were whole', () => {
  const file = fileOf(sample);
  for (let end = 0; end < file.length; end++) assert.throws(() => read(file.subarray(0, end)), damaged, `${end}`);
  assert.throws(() => read(file.subarray(0, file.length - 1)), /is cut: it ends within block 3, after 3 whole records/);
});

test('one changed bit anywhere is found, and no record behind it is given', () => {
  const file = fileOf(sample);
  for (let at = 0; at < file.length; at++) {
    const changed = Buffer.from(file);
    changed[at] = (changed[at] as number) ^ 4;
    assert.throws(() => read(changed), damaged, `byte ${at}`);
  }
});

test('a block that is missing, stands twice or in another place is found', () => {
  const writer = new BackupWriter();
  const header = writer.header(1);
  const [one = [], two = []] = sample.map((block) => writer.block(block));
  const end = writer.end();
  for (const order of [[one], [two], [two, one], [one, one, two], [one, two, two]]) {
    assert.throws(() => read(Buffer.concat([header, ...order.flat(), end])), damaged);
  }
  assert.doesNotThrow(() => read(Buffer.concat([header, ...one, ...two, end])));
});

test('what is no backup, of a later format, or goes on behind its end is refused in words', () => {
  assert.throws(() => read(Buffer.from('{"key":"a","version":1,"value":"b"}\n')), /is no backup of Kvorum/);
  assert.throws(() => read(Buffer.concat([fileOf(sample), Buffer.from([0])])), /goes on behind its end/);
  assert.throws(() => read(Buffer.alloc(0)), /ends within its header/);
});

test('entriesIn() refuses entries that do not parse to their end, and keys that are none', () => {
  const [block] = read(fileOf(sample)).flatMap((piece) => (piece.kind === 'block' ? [piece.entries] : []));
  assert.ok(block !== undefined);
  for (let end = 1; end < block.length; end++) {
    if (entriesIn(block.subarray(0, end)) === undefined) continue;
    assert.equal(entriesIn(block.subarray(0, end))?.length, 1, 'cut between two entries');
  }
  const withBadKey = Buffer.concat([Buffer.from([1, 0, 0, 0, 1, 0, 0xff]), Buffer.from('x')]);
  assert.equal(entriesIn(withBadKey), undefined);
  assert.ok(!isWhole({ key: Buffer.from('other'), record: sample[0]?.[0]?.record ?? Buffer.alloc(0) }));
});
