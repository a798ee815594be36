/**
 * Fills a store for the test of power loss, which records this process's system calls. What it sends and what it was
 * acknowledged stands in a file of marks, each before respectively after the fact:
 *
 *   "S key version bytes" (bytes -1 deletes)     "A key version"
 *
 *   node store-driver.js '{"directory", "marks", "durability", "seed", "batches", "version", "end"}'
 */
import { openSync, writeSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { DataDirectory } from '../../src/data-directory.ts';
import { replyCodes } from '../../src/formats/codes.ts';
import { largeValueBytes } from '../../src/formats/record.ts';
import type { Durability } from '../../src/domain/modes.ts';
import { seededRandom } from '../../profiling/load/random.ts';
import { Store } from '../../workers/store/store.ts';
import { storeOptions, versionCeiling, writeEntry } from '../support/store.ts';
import { tortureStore, valueOf } from './values.ts';

interface DriverOptions {
  readonly directory: string;
  readonly marks: string;
  readonly durability: Durability;
  readonly seed: number;
  readonly batches: number;
  /** Versions begin above this. */
  readonly version: number;
  readonly end: 'closed' | 'killed';
}

const KEYS = 60;
const UNDER_WAY_MAX = 3;
/** Batches between two syncs of durability `commit` that the driver waits for. */
const BATCHES_A_SYNC = 60;
/** Far above a second: a log that was not synced for so long had been synced whole. */
const SYNC_MS_MAX = 5000;
const POLL_MS = 10;

const options = JSON.parse(process.argv[2] ?? '') as DriverOptions;
const next = seededRandom(options.seed);
const below = (end: number): number => Math.floor(next() * end);
const marks = openSync(options.marks, 'a');
const directory = DataDirectory.open(options.directory, options.durability);
const fail = (error: unknown): never => {
  console.error(error);
  process.exit(1);
};
const store = await Store.open(storeOptions(options.directory, { ...tortureStore, durability: options.durability }), {
  onCorrupt: fail,
  onFatal: fail,
});
directory.markOpen();

let version = options.version;
const underWay = new Set<Promise<void>>();
for (let batch = 0; batch < options.batches; batch++) {
  const work = writeBatch();
  underWay.add(work);
  void work.then(() => underWay.delete(work));
  while (underWay.size > below(UNDER_WAY_MAX)) await Promise.race(underWay);
  if (below(3) === 0) await setImmediate();
  if (batch % BATCHES_A_SYNC === BATCHES_A_SYNC - 1) await nextSync();
}
if (options.end === 'killed') process.kill(process.pid, 'SIGKILL');
await Promise.all(underWay);
await store.close();
directory.markClean();

/** Resolves when the log was synced once more, which at durability `commit` it is once a second where it has something to sync. */
async function nextSync(): Promise<void> {
  const before = store.measures.log.syncs;
  const waitsUntil = performance.now() + SYNC_MS_MAX;
  while (underWay.size > 0 || (store.measures.log.syncs === before && performance.now() < waitsUntil)) {
    await setTimeout(POLL_MS);
    if (options.durability === 'fsync') return;
  }
}

async function writeBatch(): Promise<void> {
  const writes = Array.from({ length: 1 + below(8) }, () => {
    const key = `key ${below(KEYS)}`;
    return { key, version: ++version, valueBytes: sizeOf(below(100)) };
  });
  for (const { key, version: own, valueBytes } of writes) writeSync(marks, `S ${key} ${own} ${valueBytes ?? -1}\n`);
  const taken = await Promise.all(writes.map((write) => merge(write)));
  const told = writes.filter((_, index) => taken[index]).map(({ key, version: own }) => `A ${key} ${own}\n`);
  if (told.length > 0) writeSync(marks, told.join(''));
}

function sizeOf(dice: number): number | undefined {
  if (dice < 15) return undefined;
  if (dice < 16) return largeValueBytes + 1 + below(700_000);
  return dice < 60 ? below(300) : below(6000);
}

async function merge(write: { key: string; version: number; valueBytes: number | undefined }): Promise<boolean> {
  const entry = writeEntry({ ...write, value: valueOf(write) });
  if ((write.valueBytes ?? 0) > largeValueBytes) {
    return (await store.mergeLarge(entry, versionCeiling)) === replyCodes.applied;
  }
  while (store.room(entry.length) === 'wait') {
    await new Promise<void>((resolve) => {
      store.settle(() => {});
      if (store.room(entry.length) === 'wait') store.whenRoom(resolve);
      else resolve();
    });
  }
  const code = store.merge(entry, versionCeiling);
  return new Promise((resolve) => {
    store.settle((settled) => resolve(settled === 'durable' && code === replyCodes.applied));
  });
}
