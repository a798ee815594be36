/** What a worker keeps for other nodes: it survives the process, is bounded, and goes when it was delivered. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { HintStore, type HintStoreOptions } from '../../../workers/repair/hint-store.ts';
import { hint, told } from '../../support/hints.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const targets = ['http://a', 'http://b'];
const [a = '', b = ''] = targets;

/** Opens one store after another in a directory; each as if the process before had been killed. */
function stores(t: TestContext) {
  const directory = temporaryDirectory(t);
  const lines: string[] = [];
  const open = (options: Partial<HintStoreOptions> = {}): HintStore => {
    const log: HintStoreOptions['log'] = (level, message, fields) =>
      void lines.push(`${level}: ${message} ${JSON.stringify(fields)}`);
    const store = HintStore.open({ directory, owner: 0, workers: 1, targets, bytesMax: 1e8, log, ...options });
    t.after(() => store.close());
    return store;
  };
  return { open, lines, files: () => readdirSync(join(directory, 'hints')) };
}

const shown = (store: HintStore, target = a): string[] => store.queueOf(target).peek(1000).map(told);

/** All of it, let go file by file. */
function drain(store: HintStore): string[] {
  const all: string[] = [];
  for (let batch = shown(store); batch.length > 0; batch = shown(store)) {
    all.push(...batch);
    store.queueOf(a).advance(batch.length);
  }
  return all;
}

test('what is kept is there after a kill, the newest of each key, and by target', async (t) => {
  const { open } = stores(t);
  const first = open();
  for (const version of [1, 2]) for (const key of ['x', 'y']) assert.ok(first.keep(a, hint(key, version)));
  first.keep(a, hint('copied', 3, false));
  first.keep(a, hint('copied', 4, false));
  first.keep(b, hint('x', 5));
  assert.deepEqual(
    first.kept.map(({ target, count, oldest }) => [target, count, oldest]),
    [
      [a, 3, 1],
      [b, 1, 5],
    ],
  );
  await Promise.resolve();
  const second = open();
  assert.deepEqual(shown(second, b), ['x=5']);
  // A reference leads to the newest record, so the first one did; of copies both were written, and the last is the newest.
  assert.deepEqual(shown(second), ['x=1', 'y=1', 'copied=3+', 'copied=4+']);
});

test('the same process shows each key once', (t) => {
  const store = stores(t).open();
  for (const version of [1, 2, 3]) store.keep(a, hint('copied', version, false));
  for (const version of [4, 5]) store.keep(a, hint('here', version));
  assert.deepEqual(shown(store), ['copied=3+', 'here=4']);
});

test('what was let go is gone, also after a kill; what came meanwhile stays', async (t) => {
  const { open, files } = stores(t);
  const first = open();
  for (const key of ['x', 'y', 'z']) first.keep(a, hint(key, 1));
  const queue = first.queueOf(a);
  assert.deepEqual(queue.peek(2).map(told), ['x=1', 'y=1']);
  assert.deepEqual(queue.peek(2).map(told), ['x=1', 'y=1'], 'until it is let go');
  queue.advance(2);
  assert.equal(queue.count, 1);
  // Known to be on its way, and missed again: the record may be another one by now.
  first.keep(a, hint('x', 2));
  await Promise.resolve();
  assert.deepEqual(shown(open()), ['x=1', 'y=1', 'z=1'], 'a file goes as a whole');
  queue.peek(1000);
  queue.advance(1);
  assert.deepEqual(shown(first), ['x=2']);
  const third = open();
  assert.deepEqual(shown(third), ['x=2']);
  third.queueOf(a).advance(1);
  assert.deepEqual([shown(third), files()], [[], []]);
});

test('past the bound the oldest go, and are counted; the newest stay', (t) => {
  const bytesMax = 8 * 256 * 1024;
  const store = stores(t).open({ bytesMax });
  const records = 30;
  for (let version = 1; version <= records; version++)
    assert.ok(store.keep(a, hint(`key ${version}`, version, false, 100_000)));
  const [kept] = store.kept;
  assert.ok(kept !== undefined && kept.bytes <= bytesMax);
  assert.equal(store.dropped.bound + kept.count, records);
  assert.equal(kept.oldest, store.dropped.bound + 1);
  assert.equal(drain(store).at(-1), `key ${records}=${records}+`);
  assert.equal(stores(t).open({ bytesMax: 10 }).keep(a, hint('x', 1)), false);
});

test('hints for a node that left are dropped at the start, counted, and that is said', async (t) => {
  const { open, lines, files } = stores(t);
  const first = open();
  for (const key of ['x', 'y']) first.keep(a, hint(key, 1));
  first.keep(b, hint('x', 1));
  await first.close();
  const second = open({ targets: [b] });
  assert.deepEqual([second.dropped.left, shown(second, b), files().length], [2, ['x=1'], 1]);
  assert.deepEqual(lines, [
    'warn: hints for a node that is not in the cluster any more are dropped {"target":"http://a","hints":2}',
  ]);
});

test('the first of fewer workers takes over what the others kept', async (t) => {
  const { open } = stores(t);
  for (const owner of [0, 1, 2]) {
    const store = open({ owner, workers: 3 });
    store.keep(a, hint(`of ${owner}`, 1));
    await store.close();
  }
  assert.deepEqual(shown(open({ owner: 1, workers: 2 })), ['of 1=1']);
  assert.deepEqual(drain(open({ workers: 2 })).toSorted(), ['of 0=1', 'of 2=1']);
});
