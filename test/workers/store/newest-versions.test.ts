import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { keyChecksum } from '../../../src/formats/record.ts';
import { NewestVersions } from '../../../workers/store/newest-versions.ts';
import { Store } from '../../../workers/store/store.ts';
import { seededRandom } from '../../support/random.ts';
import { fill, storeOptions, versionCeiling } from '../../support/store.ts';
import { withDatabase } from '../../support/stored-records.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const second = 1_000_000;
const asker = (bound: number | undefined): ((key: string, version: number) => boolean) => {
  const newest = new NewestVersions(bound);
  return (key, version) => newest.mustWin(keyChecksum(Buffer.from(key)), version);
};

test('only what is newer than all that was seen under its key must win', () => {
  const mustWin = asker(0);
  assert.deepEqual([mustWin('a', 10), mustWin('a', 10), mustWin('a', 9), mustWin('a', 11)], [true, false, false, true]);
  assert.equal(mustWin('b', 5), true, 'another key');
});

test('nothing must win that is not newer than the version that no stored record exceeds', () => {
  const mustWin = asker(100);
  assert.deepEqual([mustWin('a', 100), mustWin('a', 101)], [false, true]);
});

test('where no such version is known nothing must win', () => {
  const mustWin = asker(undefined);
  assert.equal(mustWin('a', Number.MAX_SAFE_INTEGER), false);
});

test('a store keeps the newest through starts, large values among the rest', async (t) => {
  const random = seededRandom(t);
  const directory = temporaryDirectory(t);
  const model = new Map<string, { version: number; value: string | undefined }>();
  const used = new Set<number>();
  const open = (): Promise<Store> =>
    Store.open(storeOptions(directory), {
      onCorrupt: (key) => assert.fail(String(key)),
      onFatal: (error) => assert.fail(String(error)),
    });
  let store = await open();
  for (let round = 0; round < 80; round++) {
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
    const isLarge = found !== undefined && found !== 'damaged' && 'recordBytes' in found;
    const record = isLarge ? await store.readLarge(Buffer.from(key)) : found;
    assert.notEqual(record, 'damaged');
    assert.equal(record?.toString('utf8', 17), value ?? '', key);
  }
  await fill(
    store,
    [...model.keys()].map((key) => ({ key, value: undefined, version: versionCeiling })),
  );
  await store.close();
  assert.equal(await withDatabase(directory, 'chunks', (chunks) => chunks.getCount()), 0, 'no chunk is left behind');
});
