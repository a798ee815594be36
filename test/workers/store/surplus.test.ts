/** What a store keeps for a former list's sake goes, and is not taken for deleted when it comes back. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { hashKey } from '../../../src/domain/rendezvous.ts';
import { isKept } from '../../../src/domain/surplus.ts';
import { nodeIdOf } from '../../../src/domain/topology.ts';
import { entryFlags } from '../../../src/formats/frame.ts';
import { replyCodes } from '../../../src/formats/codes.ts';
import { Store } from '../../../workers/store/store.ts';
import type { SurplusCopy } from '../../../workers/store/writer-protocol.ts';
import { eventually } from '../../support/eventually.ts';
import { fill, mergeAll, storeOptions, writeEntry, type StoredWrite } from '../../support/store.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const urls = ['http://n1', 'http://n2', 'http://n3'];
const placementOf = (count: number) => {
  const nodeIds = urls.slice(0, count).map(nodeIdOf);
  return { name: `list of ${count}`, nodeIds, selfIndex: 0, replicationFactor: 2 };
};

async function openUnder(t: TestContext, directory: string, count: number): Promise<Store> {
  const list = { urls: urls.slice(0, count), replicationFactor: 2 };
  const options = storeOptions(directory, { list, self: 'http://n1', placement: placementOf(count) });
  const store = await Store.open(options, {
    onCorrupt: () => assert.fail(),
    onFatal: (error) => assert.fail(String(error)),
  });
  t.after(() => store.close().catch(() => {}));
  return store;
}

function allOf({ surplus }: Store): SurplusCopy[] {
  const copies: SurplusCopy[] = [];
  for (let from: Buffer | undefined; ;) {
    const page = surplus.look(from);
    copies.push(...page.copies);
    if (page.next === undefined) return copies;
    from = page.next;
  }
}

const keys = Array.from({ length: 1000 }, (_, index) => `key ${String(index).padStart(4, '0')}`);
const writes = keys.map((key): StoredWrite => ({ key, value: 'value', version: 10 }));
const isGoing = (key: string): boolean => !isKept(placementOf(3), hashKey(Buffer.from(key), 0, key.length));

test('a store that grew finds what it need not keep, removes it, and forgets which floor it had for that', async (t) => {
  const directory = temporaryDirectory(t);
  let store = await openUnder(t, directory, 2);
  await fill(store, [...writes, { key: 'key large', value: 'l'.repeat(200_000), version: 10 }]);
  await mergeAll(store, [writeEntry({ key: 'deleted', value: undefined, version: 20 })]);
  await eventually(() => {
    store.purge.run(30);
    assert.equal(store.purge.removed, 1);
  });
  assert.deepEqual([store.surplus.isOver, allOf(store)], [true, []]);
  await store.close();

  store = await openUnder(t, directory, 3);
  await fill(store, [{ key: 'newer', value: 'v', version: 40 }]);
  const found = allOf(store);
  const names = found.map(({ key }) => key.toString());
  assert.deepEqual(names, [...keys, 'key large'].filter(isGoing));
  assert.equal(
    await store.surplus.remove(found, 25, true),
    false,
    'while the floor of the former list is above the bound',
  );
  assert.equal(await store.surplus.remove(found.slice(1), 35, false), true);
  assert.deepEqual([store.surplus.removed, allOf(store).length, store.surplus.isOver], [found.length - 1, 1, false]);
  assert.equal(store.measures.storedRecords, keys.length + 1 - (found.length - 1));
  await store.close();

  store = await openUnder(t, directory, 3);
  assert.equal(await store.surplus.remove(allOf(store), 35, true), true);
  assert.equal(store.surplus.isOver, true);
  await store.close();

  // A list in which it keeps all keys again: what others bring is no return of the deleted, below its old floor or not.
  store = await openUnder(t, directory, 2);
  const back = { ...writeEntry({ key: names[0] ?? '', value: 'value', version: 10 }) };
  back.bytes[11] = entryFlags.repair;
  assert.deepEqual(await mergeAll(store, [back]), [replyCodes.applied]);
});

test('copies that were replaced meanwhile, or that only the log holds, stay', async (t) => {
  const directory = temporaryDirectory(t);
  let store = await openUnder(t, directory, 2);
  await fill(store, writes);
  await store.close();
  store = await openUnder(t, directory, 3);
  const found = allOf(store);
  const [first] = found.map(({ key }) => key.toString());
  await fill(store, [{ key: first ?? '', value: 'newer', version: 50 }]);
  await store.close();
  store = await openUnder(t, directory, 3);
  await fill(store, [{ key: 'logged', value: 'v', version: 5 }]);
  assert.equal(await store.surplus.remove(found, 60, false), false);
  await eventually(async () => assert.equal(await store.surplus.remove(found, 60, false), true));
  assert.equal(store.surplus.removed, found.length - 1);
});
