import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  allocateFrame,
  entryBytes,
  entryFlags,
  readEntries,
  valueOffset,
  writeWrite,
  type Entry,
} from '../../../src/formats/frame.ts';
import { operationKinds, replyCodes } from '../../../src/formats/codes.ts';
import { isTombstone, largeValueBytes, readVersion } from '../../../src/formats/record.ts';
import { durabilities, type Durability } from '../../../src/domain/modes.ts';
import { Store } from '../../../workers/store/store.ts';
import { seededRandom } from '../../support/random.ts';
import { codeOf, mergeAll, settled, storeOptions } from '../../support/store.ts';
import { withDatabase, withRecords } from '../../support/stored-records.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

interface Write {
  readonly key?: string;
  readonly version: number;
  /** undefined deletes. */
  readonly value?: Buffer | string | undefined;
  readonly nodeId?: number;
}

function write({ key = 'key', version, value, nodeId = 1 }: Write): Entry {
  const name = Buffer.from(key);
  const content = value === undefined ? undefined : Buffer.from(value);
  const valueBytes = content?.length ?? 0;
  const bytes = allocateFrame(entryBytes(name.length, valueBytes));
  if (content !== undefined) bytes.set(content, valueOffset(0, name.length));
  const head = { tag: 0, kind: operationKinds.write, quorum: { acksRequired: 1, replicaCount: 1 } };
  writeWrite(bytes, 0, head, name, { stamp: { version, nodeId, kind: content === undefined ? 1 : 0 }, valueBytes });
  const [entry] = readEntries(bytes);
  return entry ?? assert.fail('no entry');
}

const ceiling = 1_000_000;

async function openStore(
  directory: string,
  durability: Durability = 'fsync',
): Promise<{ store: Store; corrupt: string[] }> {
  const corrupt: string[] = [];
  const options = storeOptions(directory, { durability });
  const store = await Store.open(options, {
    onCorrupt: (key) => corrupt.push(key.toString('utf8')),
    onFatal: (error) => assert.fail(String(error)),
  });
  return { store, corrupt };
}

/** What is stored: the value, null for a tombstone, undefined for nothing. */
async function valueOf(store: Store, key = 'key'): Promise<string | null | undefined> {
  const record = await recordOf(store, key);
  if (record === undefined || record === 'damaged') return record;
  return isTombstone(record, 0) ? null : record.toString('utf8', 17);
}

async function recordOf(store: Store, key: string): Promise<Buffer | 'damaged' | undefined> {
  store.refresh();
  const record = store.read(Buffer.from(key));
  if (record === undefined || record === 'damaged') return record;
  if ('recordBytes' in record) return store.readLarge(Buffer.from(key));
  // A copy, since the next read reuses the view.
  return Buffer.from(record);
}

for (const durability of durabilities) {
  test(`merge() at durability ${durability} keeps the newest, whatever the order`, async (t) => {
    const { store } = await openStore(temporaryDirectory(t), durability);
    const apply = (...writes: Write[]): Promise<readonly number[]> => mergeAll(store, writes.map(write), ceiling);
    assert.deepEqual((await apply({ version: 10, value: 'ten' })).length, 1);
    assert.equal(await valueOf(store), 'ten');
    await apply({ version: 9, value: 'nine' });
    assert.equal(await valueOf(store), 'ten', 'an older value is ignored');
    await apply({ version: 9 });
    assert.equal(await valueOf(store), 'ten', 'an older tombstone is ignored');
    await apply({ version: 12 });
    assert.equal(await valueOf(store), null, 'a newer tombstone hides');
    await apply({ version: 11, value: 'eleven' });
    assert.equal(await valueOf(store), null, 'and stays');
    await apply({ version: 13, value: '' });
    assert.equal(await valueOf(store), '', 'a newer empty value is a value');
    await apply({ version: 13, value: 'by node 2', nodeId: 2 });
    assert.equal(await valueOf(store), 'by node 2', 'the greater node id wins a tie');
    await apply({ version: 13, nodeId: 2 });
    assert.equal(await valueOf(store), null, 'and then the tombstone');
    await store.close();
  });
}

test('merge() of several writes to a key in one transaction keeps the newest', async (t) => {
  const { store } = await openStore(temporaryDirectory(t));
  const writes = [write({ version: 3, value: 'c' }), write({ version: 1, value: 'a' }), write({ version: 2 })];
  await mergeAll(store, writes, ceiling);
  assert.equal(await valueOf(store), 'c');
  await store.close();
});

test('merge() agrees with a model over random writes, and after reopening', async (t) => {
  const random = seededRandom(t);
  const directory = temporaryDirectory(t);
  const { store } = await openStore(directory, 'commit');
  const model = new Map<string, Write>();
  for (let round = 0; round < 100; round++) {
    const batch = Array.from({ length: 1 + random.below(10) }, (): Write => {
      const version = 1 + random.below(1000) + round * 1000;
      const key = `key ${random.below(8)}`;
      return random.below(4) === 0 ? { key, version } : { key, version, value: 'v'.repeat(random.below(40_000)) };
    });
    // Versions are made unique, so that the model needs no tie-break.
    const seen = new Set<number>();
    const unique = batch.filter(({ version }) => !seen.has(version) && seen.add(version));
    await mergeAll(store, unique.map(write));
    for (const one of unique) {
      const known = model.get(one.key ?? '');
      if (known === undefined || known.version < one.version) model.set(one.key ?? '', one);
    }
  }
  const check = async (opened: Store): Promise<void> => {
    for (const [key, { version, value }] of model) {
      const record = (await recordOf(opened, key)) ?? assert.fail(key);
      assert.ok(record !== 'damaged');
      assert.equal(readVersion(record, 0), version);
      assert.equal(await valueOf(opened, key), value ?? null);
    }
  };
  await check(store);
  await store.close();
  const again = await openStore(directory);
  await check(again.store);
  await again.store.close();
});

test('merge() fails what is no version, and applies the rest of the batch', async (t) => {
  const { store } = await openStore(temporaryDirectory(t));
  const writes = [
    write({ key: 'none', version: Number.NaN, value: 'x' }),
    write({ key: 'zero', version: 0, value: 'x' }),
    write({ key: 'good', version: ceiling, value: 'x' }),
  ];
  const codes = await mergeAll(store, writes, ceiling);
  assert.deepEqual(codes, [replyCodes.failed, replyCodes.failed, replyCodes.applied]);
  const values = await Promise.all(['none', 'zero', 'good'].map((key) => valueOf(store, key)));
  assert.deepEqual(values, [undefined, undefined, 'x']);
  await store.close();
});

test('merge() fails a record that is damaged on its way', async (t) => {
  const { store } = await openStore(temporaryDirectory(t));
  const entry = write({ version: 1, value: 'value' });
  entry.bytes[entry.bytes.length - 1] = 0;
  assert.deepEqual(await mergeAll(store, [entry], ceiling), [replyCodes.failed]);
  assert.equal(await valueOf(store), undefined);
  await store.close();
});

test('values of every size come back, those that the store maps too', async (t) => {
  const { store } = await openStore(temporaryDirectory(t));
  for (const size of [0, 1, 1000, 4095, 4096, 32_767, 32_768, 32_769, 65_536, 1_000_000, 16 * 1024 * 1024]) {
    const value = 'x'.repeat(size);
    const key = `of ${size}`;
    await mergeBySize(store, { key, version: 2, value });
    assert.equal(await valueOf(store, key), value);
    await mergeBySize(store, { key, version: 3, value: `${value}y` });
    assert.equal(await valueOf(store, key), `${value}y`, 'overwritten');
    await mergeBySize(store, { key, version: 1, value: 'old'.repeat(100_000) }, replyCodes.superseded);
    assert.equal(await valueOf(store, key), `${value}y`, 'an older one is ignored');
  }
  await store.close();
});

/** As a replica does it: a large value in steps, the others in one transaction. */
async function mergeBySize(store: Store, given: Write, expected: number = replyCodes.applied): Promise<void> {
  const entry = write(given);
  const large = (given.value?.length ?? 0) > largeValueBytes;
  const [code] = large ? [codeOf(await store.mergeLarge(entry, ceiling))] : await mergeAll(store, [entry], ceiling);
  assert.equal(code, expected);
}

const large = 'x'.repeat(3_000_000);

/** How many chunks stand in a store that is closed. */
const chunksIn = (directory: string): Promise<number> =>
  withDatabase(directory, 'chunks', (chunks) => chunks.getCount());

test('a large value leaves no chunk behind when something newer replaces it, or when it was never newer', async (t) => {
  const directory = temporaryDirectory(t);
  const { store } = await openStore(directory);
  for (const key of ['small', 'deleted', 'large', 'ignored']) {
    if (key === 'ignored') await mergeBySize(store, { key, version: 9, value: 'newer' });
    await mergeBySize(
      store,
      { key, version: 5, value: large },
      key === 'ignored' ? replyCodes.superseded : replyCodes.applied,
    );
  }
  await mergeBySize(store, { key: 'small', version: 6, value: 'small' });
  await mergeBySize(store, { key: 'deleted', version: 6 });
  await mergeBySize(store, { key: 'large', version: 6, value: `${large}${large}` });
  const values = await Promise.all(['small', 'deleted', 'large', 'ignored'].map((key) => valueOf(store, key)));
  assert.deepEqual(
    values.map((value) => value && value.slice(0, 5)),
    ['small', null, 'xxxxx', 'newer'],
  );
  await mergeBySize(store, { key: 'large', version: 7 });
  await store.close();
  assert.equal(await chunksIn(directory), 0);
});

test('a large value with a damaged or missing chunk is reported, told from a missing one, and replaced by the same write', async (t) => {
  for (const damage of [(chunk: Buffer) => flip(chunk, 1000), (chunk: Buffer) => chunk.subarray(1), undefined]) {
    // Several times, since what decides must not be chance.
    for (let round = 0; round < 2; round++) {
      const directory = temporaryDirectory(t);
      const first = await openStore(directory);
      await mergeBySize(first.store, { version: 5, value: large });
      await first.store.close();
      await withDatabase(directory, 'chunks', (chunks) => {
        const [key] = Array.from(chunks.getKeys({ limit: 1 }));
        assert.ok(key !== undefined);
        if (damage === undefined) chunks.removeSync(key);
        else chunks.putSync(key, damage(Buffer.from(chunks.getBinary(key) ?? assert.fail('no chunk'))));
      });
      const { store, corrupt } = await openStore(directory);
      assert.equal(await valueOf(store), 'damaged');
      assert.deepEqual(corrupt, ['key']);
      await mergeBySize(store, { version: 5, value: large });
      assert.ok((await valueOf(store)) === large, `replaced in round ${round}`);
      await store.close();
    }
  }
});

test('chunks of a large write that a crash cut short are gone after the next start', async (t) => {
  const directory = temporaryDirectory(t);
  const { store } = await openStore(directory);
  const cut = store.mergeLarge(write({ version: 5, value: large }), ceiling);
  await new Promise((resolve) => setImmediate(resolve));
  await store.close().catch(() => {});
  await cut.catch(() => {});
  const again = await openStore(directory);
  const value = await valueOf(again.store);
  await again.store.close();
  assert.equal(await chunksIn(directory), value === undefined ? 0 : Math.ceil(large.length / (512 * 1024)));
});

const damages: readonly ((record: Buffer) => Buffer)[] = [
  (record) => flip(record, record.length - 1),
  (record) => flip(record, 0),
  (record) => flip(record, 15),
  (record) => flip(record, 16),
  (record) => record.subarray(0, 3),
  () => Buffer.alloc(0),
];

test('a damaged record is reported, and gives way only to what is certain to be as new', async (t) => {
  for (const damage of damages) {
    const directory = temporaryDirectory(t);
    const first = await openStore(directory);
    await mergeAll(first.store, [write({ version: 10, value: 'ten' })], ceiling);
    await first.store.close();
    await withRecords(directory, (records) => {
      const name = Buffer.from('key');
      records.putSync(name, damage(Buffer.from(records.getBinary(name) ?? assert.fail('nothing stored'))));
    });
    const { store, corrupt } = await openStore(directory);
    assert.equal(await valueOf(store), 'damaged');
    assert.deepEqual(corrupt, ['key']);
    const newest = 10;
    assert.deepEqual(store.merge(write({ version: 9, value: 'nine' }), newest), { version: undefined, nodeId: 0 });
    for (const flag of [entryFlags.repair, entryFlags.secondRound]) {
      const entry = flagged(write({ version: 9, value: 'nine' }), flag);
      assert.equal(store.merge(entry, newest), replyCodes.damaged, 'to these "superseded" would be an acknowledgement');
    }
    assert.equal(await settled(store), 'durable');
    assert.equal(await valueOf(store), 'damaged');
    const vouched = flagged(write({ version: 9, value: 'nine' }), entryFlags.repair | entryFlags.vouched);
    assert.equal(store.merge(vouched, newest), replyCodes.applied);
    assert.equal(await settled(store), 'durable');
    assert.equal(await valueOf(store), 'nine');
    await store.close();
  }
});

test('a damaged record gives way to a write that is newer than all that the store has seen', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openStore(directory);
  await mergeAll(first.store, [write({ version: 10, value: 'ten' })], ceiling);
  await first.store.close();
  await withRecords(directory, (records) => records.putSync(Buffer.from('key'), Buffer.alloc(5)));
  const { store } = await openStore(directory);
  assert.equal(store.merge(write({ version: 11, value: 'eleven' }), 10), replyCodes.applied);
  assert.equal(await settled(store), 'durable');
  assert.equal(await valueOf(store), 'eleven');
  await store.close();
});

function flagged(entry: Entry, flags: number): Entry {
  entry.bytes[entry.offset + 11] = flags;
  return entry;
}

function flip(record: Buffer, at: number): Buffer {
  record[at] = (record[at] ?? 0) ^ 0x41;
  return record;
}
