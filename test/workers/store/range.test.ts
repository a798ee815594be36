import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { isTombstone, RECORD_HEADER_BYTES } from '../../../src/formats/record.ts';
import type { RangeSource } from '../../../workers/ground/range-source.ts';
import { bytesOf } from '../../formats/arbitraries.ts';
import { withDatabase, withRecords } from '../../support/stored-records.ts';
import { fill, openTestStore, snapshotsHeld } from '../../support/store.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

type Pair = readonly [key: string, value: string | null];

/** Reads a range to its end; keys in hexadecimal, so that any bytes can be compared. */
async function readAll(range: RangeSource, pause: () => Promise<unknown> = async () => {}): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (; range.state !== 'ended'; range.state === 'working' ? range.work() : range.advance()) {
    await pause();
    if (range.state !== 'entry') continue;
    const { key, keyStart, keyEnd, bytes, offset, length } = range.entry;
    const name = key.toString('hex', keyStart, keyEnd);
    const pieces = [bytes.subarray(offset + RECORD_HEADER_BYTES, offset + length)];
    const isDeleted = isTombstone(bytes, offset);
    for (let piece; (piece = range.takeValue()) !== undefined;) pieces.push(Buffer.from(piece));
    pairs.push([name, isDeleted ? null : Buffer.concat(pieces).toString('hex')]);
  }
  range.close();
  return pairs;
}

const hex = (text: string): string => Buffer.from(text).toString('hex');

test('openRange() gives the keys from start up to end in byte order, as a sorted array does', async (t) => {
  const keys = fc.sample(fc.oneof(bytesOf(1, 3), bytesOf(1, 40)), 300);
  const { store } = await openTestStore(t);
  await fill(
    store,
    keys.map((key) => ({ key, value: key.toString('hex') })),
  );
  const sorted = [...new Set(keys.map((key) => key.toString('hex')))].map((name) => Buffer.from(name, 'hex'));
  sorted.sort((left, right) => left.compare(right));
  const anyBound = fc.oneof(bytesOf(1, 3), fc.constantFrom(...sorted));
  await fc.assert(
    fc.asyncProperty(anyBound, fc.option(anyBound, { nil: undefined }), async (start, end) => {
      const expected = sorted.filter((key) => key.compare(start) >= 0 && (end === undefined || key.compare(end) < 0));
      const found = await readAll(store.openRange({ start, end, keysOnly: false }));
      assert.deepEqual(
        found.map(([key]) => key),
        expected.map((key) => key.toString('hex')),
      );
    }),
  );
  assert.equal(snapshotsHeld(store), 0);
});

test('a range shows the records of its snapshot, whatever is written while it is read', async (t) => {
  const { store } = await openTestStore(t);
  const writes = Array.from({ length: 200 }, (_, index) => ({
    key: `k${String(index).padStart(3, '0')}`,
    value: 'old',
  }));
  await fill(store, writes);
  const range = store.openRange({ start: Buffer.from('k'), end: undefined, keysOnly: false });
  let turn = 0;
  const disturb = async (): Promise<void> => {
    turn++;
    const key = writes[(turn * 7) % writes.length]?.key ?? '';
    await fill(store, [
      { key, value: turn % 2 === 0 ? undefined : 'new', version: turn + 1 },
      { key: `${key}+`, value: 'added', version: turn + 1 },
    ]);
    store.refresh();
    store.read(Buffer.from(key));
    await nextTurn();
  };
  const found = await readAll(range, disturb);
  assert.deepEqual(
    found,
    writes.map(({ key }) => [hex(key), hex('old')]),
  );
  assert.equal(snapshotsHeld(store), 0);
});

test('a range sees what was written before it was opened, in the same turn', async (t) => {
  const { store } = await openTestStore(t);
  store.read(Buffer.from('a'));
  await fill(store, [{ key: 'a', value: '1' }]);
  const found = await readAll(store.openRange({ start: Buffer.from('a'), end: undefined, keysOnly: false }));
  assert.deepEqual(found, [[hex('a'), hex('1')]]);
});

test('a range shows tombstones, empty values, values with newlines and large values', async (t) => {
  const { store } = await openTestStore(t);
  const large = Buffer.alloc(1_300_000, 'kvorum ');
  await fill(store, [
    { key: 'a', value: '' },
    { key: 'b', value: 'one\ntwo\r\n' },
    { key: 'c', value: undefined },
    { key: 'd', value: large },
    { key: 'e', value: 'x'.repeat(90_000) },
    { key: 'f', value: large.subarray(0, 524_288 * 2) },
  ]);
  const found = await readAll(store.openRange({ start: Buffer.from('a'), end: undefined, keysOnly: false }));
  assert.deepEqual(found, [
    [hex('a'), ''],
    [hex('b'), hex('one\ntwo\r\n')],
    [hex('c'), null],
    [hex('d'), large.toString('hex')],
    [hex('e'), hex('x'.repeat(90_000))],
    [hex('f'), large.toString('hex', 0, 524_288 * 2)],
  ]);
  const keys = await readAll(store.openRange({ start: Buffer.from('a'), end: Buffer.from('f'), keysOnly: true }));
  assert.deepEqual(
    keys.map(([key, value]) => [key, value]),
    [
      [hex('a'), ''],
      [hex('b'), ''],
      [hex('c'), null],
      [hex('d'), ''],
      [hex('e'), ''],
    ],
  );
});

test('a large value that is replaced while it is read is read to its end', async (t) => {
  const { store } = await openTestStore(t);
  const old = Buffer.alloc(1_300_000, 'old');
  await fill(store, [{ key: 'a', value: old }]);
  const range = store.openRange({ start: Buffer.from('a'), end: undefined, keysOnly: false });
  let version = 1;
  const found = await readAll(range, async () => {
    version++;
    await fill(store, [{ key: 'a', value: Buffer.alloc(1_300_000, `v${version}`), version }]);
  });
  assert.deepEqual(found, [[hex('a'), old.toString('hex')]]);
});

test('records that fail their checksum are left out and reported', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openTestStore(t, directory);
  const large = Buffer.alloc(700_000, 'l');
  await fill(first.store, [
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
    { key: 'c', value: large },
    { key: 'd', value: large },
  ]);
  await first.close();
  const setId = await withRecords(directory, (records) => {
    const record = Buffer.from(records.getBinary(Buffer.from('b')) ?? assert.fail('no record'));
    record.writeUInt8(0x21, RECORD_HEADER_BYTES);
    records.putSync(Buffer.from('b'), record);
    const head = records.getBinary(Buffer.from('c')) ?? assert.fail('no head');
    return Buffer.from(head.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + 8));
  });
  await withDatabase(directory, 'chunks', (chunks) => {
    const key = Buffer.concat([setId, Buffer.from([0, 0, 0, 1])]);
    const chunk = Buffer.from(chunks.getBinary(key) ?? assert.fail('no chunk'));
    chunk.writeUInt8(0x21, 5);
    chunks.putSync(key, chunk);
  });
  const { store, corrupt } = await openTestStore(t, directory);
  const found = await readAll(store.openRange({ start: Buffer.from('a'), end: undefined, keysOnly: false }));
  assert.deepEqual(
    found.map(([key]) => key),
    [hex('a'), hex('d')],
  );
  assert.deepEqual(corrupt, ['b', 'c']);
  const told = store.openRange({ start: Buffer.from('a'), end: undefined, keysOnly: false, tellsDamaged: true });
  const sizes: [string, number][] = [];
  for (; told.state !== 'ended'; told.state === 'working' ? told.work() : told.advance()) {
    const { key, keyStart, keyEnd, recordBytes } = told.entry;
    if (told.state === 'entry') sizes.push([key.toString('utf8', keyStart, keyEnd), recordBytes]);
  }
  told.close();
  const largeBytes = RECORD_HEADER_BYTES + large.length;
  assert.deepEqual(sizes, [
    ['a', RECORD_HEADER_BYTES + 1],
    ['b', 0],
    ['c', 0],
    ['d', largeBytes],
  ]);
});
