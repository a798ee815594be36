import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { keyChecksum } from '../../../src/formats/record.ts';
import { NewestVersions } from '../../../workers/store/newest-versions.ts';
import { StoreEnvironment } from '../../../workers/store/environment.ts';
import { Store } from '../../../workers/store/store.ts';
import { seededRandom } from '../../support/random.ts';
import { fill, versionCeiling } from '../../support/store.ts';
import { withDatabase } from '../../support/stored-records.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const second = 1_000_000;
const size = { writes: 1, bytes: 100 };
const options = (directory: string) =>
  ({ directory, durability: 'commit', storeBytesMax: 64 * 1024 * 1024, mapWrites: true }) as const;

interface Opened {
  readonly newest: NewestVersions;
  readonly environment: StoreEnvironment;
  /** `mustWin` in a transaction that puts what it asked about. */
  readonly put: (key: string, version: number) => boolean;
}

async function openNewest(t: TestContext, directory: string, alone = true): Promise<Opened> {
  const environment = await StoreEnvironment.open(options(directory));
  t.after(() => environment.close().catch(() => {}));
  const records = environment.openDatabase('records');
  const newest = new NewestVersions(environment, records, alone);
  const put = (key: string, version: number): boolean =>
    environment.transact(size, () => {
      const wins = newest.mustWin(keyChecksum(Buffer.from(key)), version);
      records.putSync(Buffer.from(key), Buffer.from(String(version)));
      return wins;
    });
  return { newest, environment, put };
}

test('only what is newer than all that was seen under its key must win', async (t) => {
  const { put } = await openNewest(t, temporaryDirectory(t));
  assert.deepEqual([put('a', 10), put('a', 10), put('a', 9), put('a', 11)], [true, false, false, true]);
  assert.equal(put('b', 5), true, 'another key');
});

test('after a start nothing must win that may be older than what is stored, and what is newer soon does', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openNewest(t, directory);
  first.put('a', 100 * second);
  await first.environment.close();
  const { put } = await openNewest(t, directory);
  assert.equal(put('a', 100 * second + 1), false);
  assert.equal(put('b', 100 * second), false);
  assert.equal(put('a', 200 * second), true);
});

test('a worker that is not alone reads always, and keeps the knowledge for one that is', async (t) => {
  const directory = temporaryDirectory(t);
  const shared = await openNewest(t, directory, false);
  assert.deepEqual([shared.put('a', 10), shared.put('a', 300 * second)], [false, false]);
  await shared.environment.close();
  const { put } = await openNewest(t, directory);
  assert.deepEqual([put('a', 300 * second), put('a', 400 * second)], [false, true]);
});

test('what a failed transaction would have stored does not count', async (t) => {
  const directory = temporaryDirectory(t);
  const { environment, newest, put } = await openNewest(t, directory);
  assert.throws(() =>
    environment.transact(size, () => {
      newest.mustWin(keyChecksum(Buffer.from('a')), 500 * second);
      throw new Error('no room');
    }),
  );
  newest.undo();
  put('a', 500 * second + 1);
  await environment.close();
  const again = await openNewest(t, directory);
  assert.equal(again.put('a', 500 * second + 1), false);
});

test('a key that held a large value is always read, after a start too', async (t) => {
  const directory = temporaryDirectory(t);
  const { environment, newest, put } = await openNewest(t, directory);
  environment.transact(size, () => newest.noteLarge(keyChecksum(Buffer.from('large')), 10));
  assert.deepEqual([put('large', 20), put('small', 20)], [false, true]);
  await environment.close();
  const again = await openNewest(t, directory);
  assert.deepEqual([again.put('large', 900 * second), again.put('small', 900 * second)], [false, true]);
});

test('a store that was filled before there was such knowledge is always read', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openNewest(t, directory);
  first.put('a', 10);
  await first.environment.close();
  await withDatabase(directory, 'meta', (meta) => meta.removeSync(Buffer.from('newest version')));
  const { put } = await openNewest(t, directory);
  assert.deepEqual([put('a', 900 * second), put('b', 901 * second)], [false, false]);
});

test('a store keeps the newest through starts, with one worker and with several, large values among the rest', async (t) => {
  const random = seededRandom(t);
  const directory = temporaryDirectory(t);
  const model = new Map<string, { version: number; value: string | undefined }>();
  const used = new Set<number>();
  const open = (): Promise<Store> =>
    Store.open({ ...options(directory), first: true, alone: random.below(4) > 0 }, (key) => assert.fail(String(key)));
  let store = await open();
  for (let round = 0; round < 150; round++) {
    const key = `key ${random.below(10)}`;
    // Seconds apart and out of order, so that some are beyond what is stored ahead and some are not.
    const version = Math.max(1, (round + 10 - random.below(20)) * 3 * second + random.below(second));
    if (used.has(version)) continue;
    used.add(version);
    const lengths = [0, 10, 3000, 200_000];
    const value = random.below(5) === 0 ? undefined : `${round}`.padEnd(lengths[random.below(4)] ?? 0, 'v');
    await fill(store, [{ key, value, version }]);
    if ((model.get(key)?.version ?? 0) < version) model.set(key, { version, value });
    if (random.below(12) > 0) continue;
    await store.close();
    store = await open();
  }
  for (const [key, { value }] of model) {
    store.refresh();
    const found = store.read(Buffer.from(key));
    const isLarge = found !== undefined && 'recordBytes' in found;
    const record = isLarge ? await store.readLarge(Buffer.from(key)) : found;
    assert.equal(record?.toString('utf8', 17), value ?? '', key);
  }
  await fill(
    store,
    [...model.keys()].map((key) => ({ key, value: undefined, version: versionCeiling })),
  );
  await store.close();
  assert.equal(await withDatabase(directory, 'chunks', (chunks) => chunks.getCount()), 0, 'no chunk is left behind');
});
