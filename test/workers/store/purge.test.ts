/** Tombstones and expired values go for good, and nothing older comes back in their place. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  allocateFrame,
  entryBytes,
  entryFlags,
  readEntries,
  recordOffset,
  valueOffset,
  writeWrite,
  type Entry,
} from '../../../src/formats/frame.ts';
import { operationKinds, replyCodes } from '../../../src/formats/codes.ts';
import { EXPIRY_BYTES, recordKinds, writeExpiry } from '../../../src/formats/record.ts';
import type { Store } from '../../../workers/store/store.ts';
import { eventually } from '../../support/eventually.ts';
import { mergeAll, openTestStore, versionCeiling } from '../../support/store.ts';

interface Write {
  readonly key: string;
  readonly version: number;
  /** undefined deletes. */
  readonly value?: string | Buffer;
  readonly expiresAt?: number;
  readonly flags?: number;
}

function write({ key, version, value, expiresAt, flags = 0 }: Write): Entry {
  const name = Buffer.from(key);
  const content = value === undefined ? Buffer.alloc(0) : Buffer.from(value);
  const lead = expiresAt === undefined ? 0 : EXPIRY_BYTES;
  const bytes = allocateFrame(entryBytes(name.length, lead + content.length));
  bytes.set(content, valueOffset(0, name.length) + lead);
  if (expiresAt !== undefined) writeExpiry(bytes, recordOffset(0, name.length), expiresAt);
  const valueKind = lead > 0 ? recordKinds.expiring : recordKinds.value;
  const kind = value === undefined ? recordKinds.tombstone : valueKind;
  const head = { tag: 0, kind: operationKinds.write, quorum: { acksRequired: 1, replicaCount: 1 }, flags };
  writeWrite(bytes, 0, head, name, { stamp: { version, nodeId: 1, kind }, valueBytes: lead + content.length });
  return readEntries(bytes)[0] as Entry;
}

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`);

function merge(store: Store, writes: readonly Write[]): Promise<readonly number[]> {
  return mergeAll(store, writes.map(write));
}

/** What stands under a key; undefined for nothing. */
function has(store: Store, key: string): boolean {
  store.refresh();
  return store.read(Buffer.from(key)) !== undefined;
}

/** Asks for what is below a bound to go until so much has gone. */
async function purgeUntil(store: Store, below: number, removed: number): Promise<void> {
  await eventually(() => {
    store.purge.run(below);
    assert.equal(store.purge.removed, removed);
  });
}

async function openFilled(t: TestContext, count: number): Promise<Awaited<ReturnType<typeof openTestStore>>> {
  const opened = await openTestStore(t);
  await merge(
    opened.store,
    names('k', count).map((key) => ({ key, version: 10, value: 'value' })),
  );
  return opened;
}

test('tombstones below the bound go, those above it and values stay', async (t) => {
  const { store } = await openFilled(t, 5000);
  const [gone, young] = [names('k', 5000).slice(0, 4500), names('k', 5000).slice(4500, 4600)];
  await merge(store, [...gone.map((key) => ({ key, version: 20 })), ...young.map((key) => ({ key, version: 40 }))]);
  await purgeUntil(store, 30, gone.length);
  assert.equal(store.measures.storedRecords, 500);
  assert.deepEqual([has(store, 'k00000'), has(store, 'k04500'), has(store, 'k04700')], [false, true, true]);
  assert.equal(store.purge.waiting, young.length);
});

test('a value goes once it has expired below the bound, with its chunks, and not before', async (t) => {
  const { store } = await openTestStore(t);
  const large = Buffer.alloc(300_000, 'large');
  await merge(store, [
    { key: 'soon', version: 10, value: 'value', expiresAt: 1 },
    { key: 'later', version: 10, value: 'value', expiresAt: 1000 },
    { key: 'kept', version: 10, value: 'value', expiresAt: 1 },
    { key: 'kept', version: 11, value: 'value' },
  ]);
  for (const [key, expiresAt] of [
    ['large soon', 1],
    ['large later', 1000],
  ] as const) {
    await store.mergeLarge(write({ key, version: 10, value: large, expiresAt }), versionCeiling);
  }
  await purgeUntil(store, 500_000, 2);
  const found = ['soon', 'later', 'kept', 'large soon', 'large later'].map((key) => has(store, key));
  assert.deepEqual(found, [false, true, true, false, true]);
  const record = await store.readLarge(Buffer.from('large later'));
  assert.ok(Buffer.isBuffer(record) && record.length === 17 + EXPIRY_BYTES + large.length);
});

test('what was removed does not come back: not by a repair, a hint, a late write or another start', async (t) => {
  const { store, close, directory } = await openFilled(t, 10);
  await merge(store, [{ key: 'k00000', version: 20 }]);
  await purgeUntil(store, 30, 1);
  const late = [0, entryFlags.repair, entryFlags.hint, entryFlags.hint | entryFlags.repair].flatMap((flags) => [
    { key: 'k00000', version: 10, value: 'old', flags },
    { key: 'k00000', version: 20, flags },
  ]);
  const large = { key: 'k00000', version: 10, value: Buffer.alloc(300_000), flags: entryFlags.repair };
  const told = { version: 30, nodeId: 0 };
  const tryAll = async (one: Store): Promise<void> => {
    for (const entry of late.map(write)) assert.deepEqual(one.merge(entry, versionCeiling), told);
    assert.deepEqual(await one.mergeLarge(write(large), versionCeiling), told);
    assert.equal(has(one, 'k00000'), false);
    assert.equal(one.floorOf(write({ key: 'k00000', version: 1 })), 30);
  };
  await tryAll(store);
  assert.equal(store.purge.refused, late.length + 1);
  await close();
  const again = await openTestStore(t, directory);
  await tryAll(again.store);
  assert.deepEqual(await merge(again.store, [{ key: 'k00000', version: 31, value: 'new' }]), [replyCodes.applied]);
  const repaired = { key: 'k00001', version: 15, value: 'repaired', flags: entryFlags.repair };
  assert.deepEqual(await merge(again.store, [repaired]), [replyCodes.applied], 'a key that is there is repaired');
  const held = { key: 'new key', version: 12, value: 'held', flags: entryFlags.repair | entryFlags.vouched };
  assert.deepEqual(await merge(again.store, [held]), [replyCodes.applied], 'what a majority holds was not deleted');
});

test('the bound is above nothing that only the log holds', async (t) => {
  const { store } = await openFilled(t, 10);
  await merge(store, [{ key: 'k00000', version: 20 }]);
  await purgeUntil(store, 30, 1);
  await merge(store, [
    { key: 'other', version: 35, value: 'value' },
    { key: 'k00001', version: 36 },
  ]);
  store.purge.run(40);
  assert.ok(store.purge.newestFloor <= 35, 'nothing of the log may be missing below it');
  await purgeUntil(store, 40, 2);
  assert.equal(store.purge.newestFloor, 40);
});

test('nothing follows from what is missing once a record was found damaged', async (t) => {
  const { store } = await openFilled(t, 10);
  await merge(store, [{ key: 'k00000', version: 20 }]);
  await purgeUntil(store, 30, 1);
  store.purge.forget();
  store.purge.run(40);
  assert.equal(store.floorOf(write({ key: 'k00000', version: 1 })), 0);
  const repair = { key: 'k00000', version: 10, value: 'lost', flags: entryFlags.repair };
  assert.deepEqual(await merge(store, [repair]), [replyCodes.applied]);
});

test("LMDB's pages are used again: keys that come and go do not make the file grow", async (t) => {
  const { store, directory } = await openTestStore(t);
  const sizes: number[] = [];
  let removed = 0;
  for (let round = 1; round <= 6; round++) {
    const keys = names(`round ${round} `, 3000);
    await merge(
      store,
      keys.map((key) => ({ key, version: 100 * round, value: 'v'.repeat(100) })),
    );
    await merge(
      store,
      keys.map((key) => ({ key, version: 100 * round + 10 })),
    );
    removed += keys.length;
    await purgeUntil(store, 100 * round + 20, removed);
    sizes.push(statSync(join(directory, 'store.mdb')).size);
  }
  assert.equal(store.measures.storedRecords, 0);
  assert.ok((sizes.at(-1) as number) <= 1.2 * (sizes[2] as number), sizes.join());
});

test('a floor that peers told is taken up to what only the log holds, kept, and keeps the deleted out', async (t) => {
  const { store, close, directory } = await openFilled(t, 10);
  void store.purge.takeFloor(25);
  // What only the log holds is checkpointed first.
  await eventually(() => assert.equal(store.purge.ownFloor, 25));
  const old = { key: 'deleted', version: 20, value: 'old', flags: entryFlags.repair };
  assert.deepEqual(store.merge(write(old), versionCeiling), { version: 25, nodeId: 0 });
  await store.purge.takeFloor(24);
  assert.equal(store.purge.ownFloor, 25);
  await close();
  assert.equal((await openTestStore(t, directory)).store.purge.ownFloor, 25);
});
