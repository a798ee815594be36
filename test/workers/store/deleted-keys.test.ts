/** Values, tombstones and what has expired, wherever they stand: in the memtable, in LMDB, in both, or removed for good. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import { ownerOf } from '../../../src/domain/owners.ts';
import { hashKey } from '../../../src/domain/rendezvous.ts';
import { writeLogEntry } from '../../../src/formats/log.ts';
import type { RangeEntry } from '../../../src/formats/range-format.ts';
import { isTombstone, readVersion } from '../../../src/formats/record.ts';
import type { RangeSource } from '../../../workers/ground/range-source.ts';
import { NodeRange, OtherOwners } from '../../../workers/ranges/node-range.ts';
import { SparseSource } from '../../../workers/ranges/sparse-source.ts';
import { Store } from '../../../workers/store/store.ts';
import { standInRows } from '../../../workers/store/tombstone-rows.ts';
import { eventually } from '../../support/eventually.ts';
import { seededRandom, type Random } from '../../support/random.ts';
import { withDatabase } from '../../support/stored-records.ts';
import { fill, mergeAll, openTestStore, storeOptions, writeEntry } from '../../support/store.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

interface Modelled {
  readonly version: number;
  readonly value: string | undefined;
  readonly isExpired: boolean;
}

type Model = ReadonlyMap<string, Modelled>;

const KEYS = 60;
const LIVES = 2;
const nameOf = (number: number): string => `k${String(number).padStart(3, '0')}`;

function rangeOf(store: Store, skipAfter?: number): NodeRange {
  const bounds = { start: Buffer.from('k'), end: undefined, keysOnly: false };
  const skip = skipAfter === undefined ? {} : { skipAfter };
  return new NodeRange({ store, owners: new OtherOwners([]), bounds: { ...bounds, ...skip }, onChange: () => {} });
}

/** The keys that a source shows, "..." where it left something out before one or before its end. */
function keysOf(source: RangeSource, wanted: (entry: RangeEntry) => boolean = () => true): string[] {
  const found: string[] = [];
  for (; source.state !== 'ended'; source.state === 'working' ? source.work() : source.advance()) {
    if (source.state !== 'entry') continue;
    if (source.leavesOut === true) found.push('...');
    const { entry } = source;
    if (wanted(entry)) found.push(entry.key.toString('utf8', entry.keyStart, entry.keyEnd));
  }
  if (source.leavesOut === true) found.push('...');
  source.close();
  return found;
}

const isNoTombstone = ({ bytes, offset }: RangeEntry): boolean => !isTombstone(bytes, offset);

/** The keys of a model where rows of what is gone are shown only up to a length. */
function shown(model: Model, skipAfter: number): string[] {
  const found: string[] = [];
  let row = 0;
  for (const key of [...model.keys()].sort()) {
    const { value, isExpired } = model.get(key) as Modelled;
    const isGone = value === undefined || isExpired;
    if (isGone && ++row > skipAfter) continue;
    if (!isGone && row > skipAfter) found.push('...');
    if (!isGone) row = 0;
    found.push(key);
  }
  if (row > skipAfter) found.push('...');
  return found;
}

class Life {
  readonly #directory: string;
  readonly #random: Random;
  #model = new Map<string, Modelled>();
  /** Above the instant at which values expire, microseconds. */
  #version = 10_000;
  #store: Store | undefined;

  constructor(directory: string, random: Random) {
    this.#directory = directory;
    this.#random = random;
  }

  async run(): Promise<void> {
    await this.#open();
    for (let step = 0; step < 25; step++) {
      const what = this.#random.below(12);
      if (what < 9) await this.#write();
      else if (what === 9) await this.#restart();
      else if (what === 10) await this.#purge();
      this.#check();
    }
    await this.#store?.close();
  }

  async #open(): Promise<void> {
    this.#store = await Store.open(storeOptions(this.#directory), {
      onCorrupt: (key) => assert.fail(`"${key.toString()}" is damaged`),
      onFatal: (error) => assert.fail(String(error)),
    });
  }

  #check(): void {
    const [store, model] = [this.#store as Store, this.#model];
    store.refresh();
    for (let number = 0; number < KEYS; number++) {
      const found = store.read(Buffer.from(nameOf(number)));
      assert.ok(found === undefined || found instanceof Buffer);
      assert.equal(found && readVersion(found, 0), model.get(nameOf(number))?.version);
    }
    const all = [...model.keys()].sort();
    assert.deepEqual(keysOf(rangeOf(store)), all);
    const values = all.filter((key) => model.get(key)?.value !== undefined);
    assert.deepEqual(keysOf(rangeOf(store, 0), isNoTombstone), values);
    for (const after of [1, 3]) {
      assert.deepEqual(keysOf(new SparseSource(rangeOf(store, after), after, () => 2)), shown(model, after));
    }
  }

  /** Some keys in a row, or strewn: values, values that have expired, or tombstones. */
  #write(): Promise<unknown> {
    const isRow = this.#random.below(2) === 0;
    const first = this.#random.below(KEYS);
    const kind = this.#random.below(4);
    const writes = Array.from({ length: 1 + this.#random.below(20) }, (_, index) => {
      const key = nameOf(isRow ? Math.min(KEYS - 1, first + index) : this.#random.below(KEYS));
      const version = ++this.#version;
      const value = kind < 2 ? undefined : `v${version}`;
      this.#model.set(key, { version, value, isExpired: kind === 2 });
      return writeEntry({ key, value, version, ...(kind === 2 ? { expiresAt: 1 } : {}) });
    });
    return mergeAll(this.#store as Store, writes);
  }

  /** What the log holds goes into LMDB; now and then tombstones stand among the values, as they did in earlier versions. */
  async #restart(): Promise<void> {
    await this.#store?.close();
    if (this.#random.below(3) === 0) {
      const tombstones = await withDatabase(this.#directory, 'tombstones', (database) => {
        const found = Array.from(database.getRange(), ({ key, value }) => ({ key, value }));
        database.clearSync();
        return found;
      });
      await withDatabase(this.#directory, 'records', (records) => {
        for (const { key, value } of tombstones) records.putSync(key, value);
      });
    }
    await this.#open();
  }

  /** What went below some version is removed. */
  async #purge(): Promise<void> {
    const store = this.#store as Store;
    const below = this.#version + 1 - this.#random.below(40);
    const isRemoved = ({ version, value, isExpired }: Modelled): boolean =>
      version < below && (value === undefined || isExpired);
    const kept = new Map([...this.#model].filter(([, one]) => !isRemoved(one)));
    await eventually(() => {
      store.purge.run(below);
      store.refresh();
      assert.deepEqual(keysOf(rangeOf(store)), [...kept.keys()].sort());
    });
    this.#model = kept;
  }
}

test('reads and ranges tell what was written last, wherever values and tombstones stand', async (t) => {
  const random = seededRandom(t);
  for (let life = 0; life < LIVES; life++) await new Life(temporaryDirectory(t), random).run();
});

test('tombstones stand in rows where what follows them in LMDB is hidden as well', async (t) => {
  const { store, directory, close } = await openTestStore(t);
  const names = Array.from({ length: 100 }, (_, number) => Buffer.from(nameOf(number)));
  await fill(
    store,
    names.map((key) => ({ key, value: 'value' })),
  );
  await close();
  const rows = (deleted: readonly Buffer[], owner = 0, workers = 1) =>
    withDatabase(directory, 'records', (records) => {
      const image = Buffer.concat([Buffer.from([0]), sampleTombstone()]);
      const find = (key: Buffer) => (deleted.some((one) => one.equals(key)) ? { image, offset: 1 } : undefined);
      const keysFrom = (start: Buffer, limit: number) => records.getKeys({ start, limit });
      return standInRows(deleted.slice(0, 8), { keysFrom, find, owner, workers });
    });
  assert.equal(await rows(names), true);
  assert.equal(await rows(names.slice(0, 40)), true);
  assert.equal(await rows(names.filter((_, number) => number % 2 === 0)), false);
  assert.equal(await rows([]), false);
  // What the other owner's memtable hides this one does not know.
  const own = (owner: number) => names.filter((key) => ownerOf(hashKey(key, 0, key.length), 2) === owner);
  assert.equal(await rows(own(1), 1, 2), true);
  assert.equal(await rows(own(1), 0, 2), false);
  assert.equal(
    await rows(
      own(0).filter((_, number) => number % 2 === 0),
      0,
      2,
    ),
    false,
  );
});

function sampleTombstone(): Buffer {
  const entry = writeEntry({ key: 'k', value: undefined });
  const target = Buffer.alloc(1000);
  const { keyStart, keyEnd, offset, length } = entry;
  return target.subarray(0, writeLogEntry(target, 0, entry.bytes, { keyStart, keyEnd, end: offset + length }));
}
