/**
 * The LMDB store of one node, as one worker thread sees it; all workers of a node share one environment. The one place
 * that names lmdb.
 *
 * Facts that this file stands on (lmdb 3.5):
 * - `transactionSync` returns after its fsync unless `noSync` is set. `overlappingSync` must be false: with the default,
 *   a read can see data before it is durable, and a rare early acknowledgement was recorded.
 * - `getBinaryFast` returns a reused buffer: read it before the next get.
 * - Under `noSync` a commit lives in the operating system's memory: it survives `kill -9`, not a power loss.
 * - Merge, never blind put: read, compare and write stand in one transaction.
 */
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { open, type Database, type RootDatabase } from 'lmdb';
import { KvorumError, messageOf } from '../src/domain/errors.ts';
import { keyOf, recordOf, type Entry } from '../src/domain/frame.ts';
import { countBounds, Histogram, latencyBounds } from '../src/domain/metrics.ts';
import { replyCodes, type ReplyCode } from '../src/domain/operation.ts';
import {
  compareRecords,
  isIntact,
  isIntactInSteps,
  readStamp,
  readVersion,
  RECORD_HEADER_BYTES,
  isTombstone,
} from '../src/domain/record.ts';
import { allocateRecord } from '../src/domain/reply.ts';
import { runInSteps } from '../src/domain/steps.ts';
import type { Version } from '../src/domain/version.ts';
import type { RunMarks } from '../src/domain/wait-marks.ts';
import type { Durability } from '../src/domain/worker-protocol.ts';
import { isLargeHead, LargeValues } from './large-values.ts';
import { CursorView, StoreRange } from './store-range.ts';
import { isDiskFull, StoreRoom } from './store-room.ts';

export type { Database, RootDatabase };

export interface StoreOptions {
  readonly directory: string;
  readonly durability: Durability;
  /** Whether no other worker of this node writes yet: what a crash left half done is then removed. */
  readonly first: boolean;
  /** Bound of the store's file, bytes; reserves address space only. */
  readonly storeBytesMax: number;
}

export interface RangeBounds {
  readonly start: Uint8Array;
  /** Without it the range goes to the last key. */
  readonly end: Uint8Array | undefined;
  /** Whether only headers are wanted. */
  readonly keysOnly: boolean;
}

/** Called for each record that fails its checksum. */
export type OnCorrupt = (key: Buffer) => void;

/** Threads and long scans each hold a reader slot; LMDB's default of 126 is too near for 64 workers and scans. */
const readersMax = 1024;
/** Reader slots for the scans that peers ask for; clients' scans (at most 128) and threads (64) have the others. */
export const peerReadersMax = 768;

/** What the store measures of itself; the owner exposes it. */
export interface StoreMeasures {
  /** From the wait for the writer lock to the return, seconds. */
  readonly transactionSeconds: Histogram;
  /** The part of it after the last write: commit, and fsync where the durability asks for it. */
  readonly commitSeconds: Histogram;
  /** Writes a transaction. */
  readonly transactionWrites: Histogram;
}

export class Store {
  readonly measures: StoreMeasures = {
    transactionSeconds: new Histogram(latencyBounds),
    commitSeconds: new Histogram(latencyBounds),
    transactionWrites: new Histogram(countBounds),
  };
  readonly #environment: RootDatabase<Buffer, Buffer>;
  readonly #records: Database<Buffer, Buffer>;
  readonly #large: LargeValues;
  /** The records again, through a handle whose cursors show their entries in `#view`. */
  readonly #ranges: Database;
  readonly #view = new CursorView();
  readonly #room: StoreRoom;
  readonly #directory: string;
  readonly #onCorrupt: OnCorrupt;

  private constructor(environment: RootDatabase<Buffer, Buffer>, options: StoreOptions, onCorrupt: OnCorrupt) {
    this.#environment = environment;
    this.#records = environment.openDB<Buffer, Buffer>('records', binary);
    this.#large = new LargeValues(environment);
    this.#ranges = environment.openDB('records', this.#view.handleOptions());
    this.#room = new StoreRoom([this.#records, this.#large.chunks], options.storeBytesMax);
    this.#directory = options.directory;
    this.#onCorrupt = onCorrupt;
  }

  /**
   * Opens the store, creating it where there is none, and makes all that is in it durable before it returns.
   * Throws `store-unusable`, and `store-locked` where another process has it open.
   */
  static async open(options: StoreOptions, onCorrupt: OnCorrupt): Promise<Store> {
    const environment = openEnvironment(options);
    try {
      assertOnlyProcess(environment, options.directory);
      const store = new Store(environment, options, onCorrupt);
      store.#markCreated();
      if (options.first) store.#large.removeUnfinished();
      await store.#flush();
      return store;
    } catch (error) {
      await environment.close();
      throw asStoreError(error, options.directory);
    }
  }

  /** Reads see what is committed from now on; without this a snapshot may be as old as the event-loop turn. */
  refresh(): void {
    this.#records.resetReadTxn();
  }

  /**
   * The record under a key: a view into a buffer that the next call reuses; undefined where there is none or it fails
   * its checksum; `large` where it has to be read with `readLarge`.
   */
  read(key: Buffer): Buffer | 'large' | undefined {
    const record = this.#get(key);
    if (record === undefined || isIntact(record, 0, record.length, key)) return record;
    if (isLargeHead(record)) return 'large';
    this.#onCorrupt(key);
    return undefined;
  }

  /**
   * The record under a key, read and checked in steps; undefined where there is none or it fails its checksum. Its
   * memory is its own (`allocateRecord`), so that a reply can be made of it without a copy.
   */
  async readLarge(key: Buffer): Promise<Buffer | undefined> {
    const transaction = this.#environment.useReadTransaction();
    try {
      const head = this.#records.get(key, { transaction });
      if (head === undefined) return undefined;
      const stored = allocateRecord(head.length);
      stored.set(head);
      const record = isLargeHead(stored) ? await this.#large.read(stored, transaction) : stored;
      if (record !== undefined && (await runInSteps(isIntactInSteps(record, 0, record.length, key), nextTurn))) {
        return record;
      }
      this.#onCorrupt(key);
      return undefined;
    } finally {
      transaction.done();
    }
  }

  /** The records of a range as they are committed now; whoever opens it closes it. */
  openRange({ start, end, keysOnly }: RangeBounds): StoreRange {
    this.refresh();
    const transaction = this.#environment.useReadTransaction();
    // `end` undefined and absent are not the same to lmdb.
    const bounds = end === undefined ? { start } : { start, end };
    const cursor = this.#ranges.getRange({ ...bounds, transaction })[Symbol.iterator]();
    const [view, large, onCorrupt] = [this.#view, this.#large, this.#onCorrupt];
    return new StoreRange({ cursor, view, transaction, large, keysOnly, onCorrupt });
  }

  /** LMDB's own list of reader slots, a line each: process, thread, and the snapshot that it holds or "-". */
  readers(): string {
    return this.#environment.readerList();
  }

  /** Merges one large write in steps; otherwise as `merge`. */
  async mergeLarge(entry: Entry, ceiling: Version): Promise<ReplyCode> {
    const key = Buffer.from(keyOf(entry));
    const record = recordOf(entry);
    if (!isAcceptable(record, ceiling)) return replyCodes.failed;
    if (!(await runInSteps(isIntactInSteps(record, 0, record.length, key), nextTurn))) return replyCodes.failed;
    if (!this.#room.hasRoomFor(record.length)) return replyCodes.full;
    try {
      const head = await this.#large.write(record);
      this.#records.transactionSync(() => this.#placeLarge(key, head));
      return replyCodes.applied;
    } catch (error) {
      if (!isDiskFull(error, this.#directory, record.length)) throw storeFailure(error);
      return replyCodes.full;
    }
  }

  #placeLarge(key: Buffer, head: Buffer): void {
    const current = this.#get(key);
    // The same write again is a repair: its chunks were checked just now, those that stand there may be damaged.
    const again = current !== undefined && isLargeHead(current) && haveSameStamp(head, current);
    if (current !== undefined && !again && !wins(head, current, key)) return this.#large.remove(head);
    if (current !== undefined && isLargeHead(current)) this.#large.remove(current);
    this.#records.putSync(key, head);
    return this.#large.finish(head);
  }

  /**
   * Merges writes in one transaction. Returns the reply code of each, in order, once they are as durable as the store's
   * durability says. A full disk rejects all of them with `full`. Throws `store-failed` where the operating system
   * failed the call: the node must then stop, since what is on disk is unknown. `marks` are noted where they are given.
   */
  merge(writes: readonly Entry[], ceiling: Version, marks?: RunMarks): ReplyCode[] {
    const started = performance.now();
    let written = started;
    try {
      return this.#records.transactionSync(() => {
        if (marks !== undefined) marks.lockedAt = performance.now();
        const codes = writes.map((entry) => this.#mergeOne(entry, ceiling));
        written = performance.now();
        return codes;
      });
    } catch (error) {
      const bytes = writes.reduce((sum, entry) => sum + entry.length, 0);
      if (isDiskFull(error, this.#directory, bytes)) return writes.map(() => replyCodes.full);
      throw storeFailure(error);
    } finally {
      const ended = performance.now();
      this.measures.transactionSeconds.observe((ended - started) / 1000);
      this.measures.commitSeconds.observe((ended - written) / 1000);
      this.measures.transactionWrites.observe(writes.length);
      if (marks !== undefined) [marks.writtenAt, marks.committedAt] = [written, ended];
    }
  }

  #mergeOne(entry: Entry, ceiling: Version): ReplyCode {
    const key = keyOf(entry);
    const record = recordOf(entry);
    if (!isAcceptable(record, ceiling) || !isIntact(record, 0, record.length, key)) return replyCodes.failed;
    if (!isTombstone(record, 0) && !this.#room.hasRoomFor(record.length)) return replyCodes.full;
    const current = this.#get(key);
    if (current === undefined || wins(record, current, key)) {
      if (current !== undefined && isLargeHead(current)) this.#large.remove(current);
      this.#records.putSync(key, record);
    }
    return replyCodes.applied;
  }

  #get(key: Buffer): Buffer | undefined {
    const reused = this.#records.getBinaryFast(key);
    // The reused buffer's own `length` property says how much of it is the record; a grown one is no Buffer.
    return reused === undefined ? undefined : Buffer.from(reused.buffer, reused.byteOffset, reused.length);
  }

  /** One flushed write at creation, so that a store that serves has proved that it can. */
  #markCreated(): void {
    const meta = this.#environment.openDB<Buffer, Buffer>('meta', binary);
    const created = Buffer.from('created');
    if (meta.getBinary(created) === undefined) meta.putSync(created, Buffer.from(new Date().toISOString()));
  }

  /** Flushes to the disk whatever the durability. */
  #flush(): Promise<void> {
    // Not in lmdb's types: `sync` runs mdb_env_sync(force) on a pool thread.
    const environment = this.#environment as unknown as { sync(done: (error: Error | null) => void): void };
    return new Promise((resolve, reject) => {
      environment.sync((error) => (error ? reject(error) : resolve()));
    });
  }

  /** Makes everything durable and closes. */
  async close(): Promise<void> {
    await this.#flush();
    await this.#environment.close();
  }
}

const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** LMDB's first page, of which a part is read to see that the file is one of LMDB's: opening another one crashes. */
const META_PAGE_BYTES = 4096;
const MAGIC_OFFSET = 24;
const MAGIC = 0xbeefc0de;

function assertStoreFile(path: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined || file.size === 0) return;
  const start = Buffer.alloc(MAGIC_OFFSET + 4);
  const descriptor = openSync(path, 'r');
  readSync(descriptor, start);
  closeSync(descriptor);
  if (file.size < 2 * META_PAGE_BYTES || start.readUInt32LE(MAGIC_OFFSET) !== MAGIC) {
    throw new Error(`"${path}" is not a store, or is damaged`);
  }
}

function openEnvironment(options: StoreOptions): RootDatabase<Buffer, Buffer> {
  const path = join(options.directory, 'store.mdb');
  const settings = {
    path,
    noSubdir: true,
    noSync: options.durability === 'commit',
    overlappingSync: false,
    // After a crash the newest intact meta page counts, not the newest one.
    safeRestore: true,
    mapSize: options.storeBytesMax,
    maxReaders: readersMax,
    ...binary,
  };
  try {
    assertStoreFile(path);
    return open<Buffer, Buffer>(settings);
  } catch (error) {
    throw asStoreError(error, options.directory);
  }
}

/**
 * LMDB lets several processes share a file; a node must own it. Each process registers its reader slot first and looks
 * at the others' then, so of two that start together none wrongly stays.
 */
function assertOnlyProcess(environment: RootDatabase<Buffer, Buffer>, directory: string): void {
  environment.getBinary(Buffer.from('reader'));
  environment.readerCheck();
  for (const line of environment.readerList().split('\n')) {
    const pid = Number.parseInt(line, 10);
    if (Number.isInteger(pid) && pid !== process.pid) {
      throw new KvorumError('store-locked', `Cannot open store "${directory}": process ${pid} has it open`);
    }
  }
}

/** Whether a record's version is a version at all, and not too far in the future. */
function isAcceptable(record: Buffer, ceiling: Version): boolean {
  const version = readVersion(record, 0);
  return Number.isSafeInteger(version) && version > 0 && version <= ceiling;
}

function haveSameStamp(left: Buffer, right: Buffer): boolean {
  const [one, other] = [readStamp(left, 0), readStamp(right, 0)];
  return one.version === other.version && one.nodeId === other.nodeId;
}

/** Whether the new record replaces the current one: it is newer, or the current one is damaged. */
function wins(record: Buffer, current: Buffer, key: Buffer): boolean {
  if (current.length < RECORD_HEADER_BYTES) return true;
  const order = compareRecords(
    { bytes: record, offset: 0, length: record.length },
    { bytes: current, offset: 0, length: current.length },
  );
  // A damaged version field could hide every write to come, so a record that wins over a new one must prove itself.
  return order > 0 || !(isIntact(current, 0, current.length, key) || isLargeHead(current));
}

function storeFailure(error: unknown): KvorumError {
  return new KvorumError('store-failed', `Storage failed: ${messageOf(error)}`, { cause: error });
}

function asStoreError(error: unknown, directory: string): KvorumError {
  if (error instanceof KvorumError) return error;
  return new KvorumError('store-unusable', `Cannot open store "${directory}": ${messageOf(error)}`, { cause: error });
}
