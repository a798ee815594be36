/** Digests that checkpoints keep up are those of all that the store holds, whatever happens to it. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { largeValueBytes } from '../../../src/formats/record.ts';
import type { Placement } from '../../../src/domain/sharing.ts';
import { Store } from '../../../workers/store/store.ts';
import { computedDigests, keptDigests, placementOf } from '../../support/digests.ts';
import { eventually } from '../../support/eventually.ts';
import { fill, storeOptions } from '../../support/store.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const three = placementOf(3, 3);
const five = placementOf(5, 3);

function open(directory: string, placement: Placement, workers = 1): Promise<Store> {
  return Store.open(storeOptions(directory, { placement, workers }), {
    onCorrupt: (key) => assert.fail(`corrupt: ${key.toString()}`),
    onFatal: (error) => assert.fail(String(error)),
  });
}

function areKept(store: Store, placement: Placement): void {
  const groups = placement.nodeIds.length === placement.replicationFactor ? [0] : [1, 2, 3, 4];
  for (const group of groups) {
    const kept = keptDigests(store, group);
    assert.ok(kept !== undefined, 'they are there');
    assert.deepEqual(kept, computedDigests(store, placement, group));
  }
}

const write = fc.record({
  key: fc.integer({ min: 0, max: 40 }).map((number) => `key ${number}`),
  value: fc.oneof(
    { weight: 6, arbitrary: fc.string({ maxLength: 20 }) },
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constant('x'.repeat(largeValueBytes + 1)) },
  ),
  version: fc.integer({ min: 1, max: 30 }),
});
const step = fc.oneof(
  { weight: 4, arbitrary: fc.array(write, { minLength: 1, maxLength: 30 }) },
  { weight: 1, arbitrary: fc.constantFrom('stop' as const, 'crash' as const) },
);

test('after any writes, stops and crashes they are those of what the store holds', async (t) => {
  for (const placement of [three, five]) {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
        let directory = temporaryDirectory(t);
        let store = await open(directory, placement);
        for (const one of [...steps, 'stop' as const]) {
          if (one === 'stop') {
            await store.close();
            store = await open(directory, placement);
          } else if (one === 'crash') {
            const image = join(temporaryDirectory(t), 'image');
            cpSync(directory, image, { recursive: true });
            await store.close();
            directory = image;
            store = await open(directory, placement);
          } else {
            await fill(store, one);
          }
          areKept(store, placement);
        }
        await store.close();
      }),
      { numRuns: 5 },
    );
  }
});

test('a store without digests, or with those of another cluster, has them built while it serves', async (t) => {
  const directory = temporaryDirectory(t);
  const writes = Array.from({ length: 9000 }, (_, index) => ({ key: `key ${index}`, value: 'v', version: 5 }));
  const before = await Store.open(storeOptions(directory), { onCorrupt: () => {}, onFatal: () => {} });
  await fill(before, writes);
  await before.close();
  for (const placement of [three, five]) {
    const store = await open(directory, placement);
    const written = fill(store, [{ key: 'key 17', value: 'newer', version: 6 + placement.nodeIds.length }]);
    await eventually(() => areKept(store, placement));
    await written;
    areKept(store, placement);
    await store.close();
    const again = await open(directory, placement);
    areKept(again, placement);
    await again.close();
  }
});

test('sums that a former owner has put count on', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await open(directory, three);
  await fill(first, [{ key: 'a', value: '1' }]);
  await first.close();
  const options = storeOptions(directory, { placement: three, owner: 1, workers: 2 });
  const second = await Store.open(options, { onCorrupt: () => {}, onFatal: () => {} });
  await fill(second, [
    { key: 'a', value: '2', version: 2 },
    { key: 'b', value: '1' },
  ]);
  await second.close();
  const last = await open(directory, three);
  areKept(last, three);
  await last.close();
});

test('digests that are to be built again, by several owners at once, come back as they were', async (t) => {
  const directory = temporaryDirectory(t);
  const store = await open(directory, three);
  await fill(store, [
    { key: 'a', value: '1' },
    { key: 'b', value: undefined },
  ]);
  const before = keptDigests(store, 0);
  const other = await Store.open(storeOptions(directory, { placement: three, owner: 1, workers: 2, replay: 'own' }), {
    onCorrupt: () => {},
    onFatal: () => {},
  });
  await Promise.all([store.rebuildDigests(), other.rebuildDigests(), store.rebuildDigests()]);
  await other.close();
  await eventually(() => areKept(store, three));
  assert.deepEqual(keptDigests(store, 0), before);
  await store.close();
});
