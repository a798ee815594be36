/**
 * The store of one node, as one worker thread sees it; all workers of a node share one environment
 * (store-environment.ts).
 *
 * - `getBinaryFast` returns a reused buffer: read it before the next get.
 * - Read, compare and write stand in one transaction; only what must win is put without a read (newest-versions.ts).
 */
import { Buffer } from 'node:buffer';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { keyOf, recordOf, type Entry } from '../../src/formats/frame.ts';
import { countBounds, Histogram, latencyBounds } from '../../src/metrics/metrics.ts';
import { replyCodes, type ReplyCode } from '../../src/formats/codes.ts';
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import { compareRecords } from '../../src/domain/merge.ts';
import {
  isIntact,
  isIntactInSteps,
  isIntactUnder,
  keyChecksum,
  readStamp,
  readVersion,
  RECORD_HEADER_BYTES,
  isTombstone,
  type Version,
} from '../../src/formats/record.ts';
import { allocateRecord } from '../../src/formats/reply.ts';
import { runInSteps } from '../../src/domain/steps.ts';
import type { RunMarks } from '../../src/waits/wait-marks.ts';
import { isLargeHead, LargeValues, recordHeaderOf, valueBytesOf } from './large-values.ts';
import { NewestVersions } from './newest-versions.ts';
import { steps, wholeReads } from '../ground/pace.ts';
import { asStoreError, StoreEnvironment, type Database, type EnvironmentOptions } from './environment.ts';
import { CursorView, StoreRange } from './range.ts';
import { isDiskFull, StoreRoom } from './room.ts';

export interface StoreOptions extends EnvironmentOptions {
  /** Whether no other worker of this node writes yet: what a crash left half done is then removed. */
  readonly first: boolean;
  /** Whether no other worker of this node writes as long as this one does. */
  readonly alone: boolean;
}

/** A record that is read in steps (`readLarge`), as far as its head in the store tells of it. */
export interface LargeRecord {
  readonly header: Buffer;
  /** Bytes of the whole record. */
  readonly recordBytes: number;
}

/** Called for each record that fails its checksum. */
export type OnCorrupt = (key: Buffer) => void;

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
  readonly #environment: StoreEnvironment;
  readonly #records: Database<Buffer, Buffer>;
  readonly #large: LargeValues;
  readonly #newest: NewestVersions;
  /** The records again, through a handle whose cursors show their entries in `#view`. */
  readonly #ranges: Database;
  readonly #view = new CursorView();
  readonly #room: StoreRoom;
  readonly #directory: string;
  readonly #onCorrupt: OnCorrupt;

  private constructor(environment: StoreEnvironment, options: StoreOptions, onCorrupt: OnCorrupt) {
    this.#environment = environment;
    this.#records = environment.openDatabase('records');
    this.#large = new LargeValues(environment);
    this.#newest = new NewestVersions(environment, this.#records, options.alone);
    this.#ranges = environment.openView('records', this.#view.handleOptions());
    this.#room = new StoreRoom([this.#records, this.#large.chunks], options.storeBytesMax);
    this.#directory = options.directory;
    this.#onCorrupt = onCorrupt;
  }

  /**
   * Opens the store, creating it where there is none, and makes all that is in it durable before it returns.
   * Throws `store-unusable`, and `store-locked` where another process has it open.
   */
  static async open(options: StoreOptions, onCorrupt: OnCorrupt): Promise<Store> {
    const environment = await StoreEnvironment.open({
      ...options,
      mapWrites: options.mapWrites && options.alone,
    });
    try {
      const store = new Store(environment, options, onCorrupt);
      store.#markCreated();
      if (options.first) store.#large.removeUnfinished();
      await environment.flush();
      return store;
    } catch (error) {
      await environment.close().catch(() => {});
      throw asStoreError(error, options.directory);
    }
  }

  /** Whether it writes through LMDB's map. */
  get isMapped(): boolean {
    return this.#environment.isMapped;
  }

  /** Reads see what is committed from now on; without this a snapshot may be as old as the event-loop turn. */
  refresh(): void {
    this.#records.resetReadTxn();
  }

  /**
   * The record under a key: a view into a buffer that the next call reuses; undefined where there is none or it fails
   * its checksum.
   */
  read(key: Buffer): Buffer | LargeRecord | undefined {
    const record = this.#get(key);
    if (record === undefined || isIntact(record, 0, record.length, key)) return record;
    if (isLargeHead(record)) {
      return { header: recordHeaderOf(record), recordBytes: RECORD_HEADER_BYTES + valueBytesOf(record) };
    }
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
      if (isLargeHead(stored)) {
        const record = await this.#large.read(stored, transaction);
        if (record !== undefined && (await runInSteps(isIntactInSteps(record, 0, record.length, key), steps.pause))) {
          return record;
        }
      } else {
        await wholeReads.pause();
        if (isIntact(stored, 0, stored.length, key)) return stored;
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
    return this.#environment.readers();
  }

  /** Merges one large write in steps; otherwise as `merge`. */
  async mergeLarge(entry: Entry, ceiling: Version): Promise<ReplyCode> {
    const key = Buffer.from(keyOf(entry));
    const record = recordOf(entry);
    if (!isAcceptable(record, ceiling)) return replyCodes.failed;
    if (!(await runInSteps(isIntactInSteps(record, 0, record.length, key), steps.pause))) return replyCodes.failed;
    if (!this.#room.hasRoomFor(record.length)) return replyCodes.full;
    try {
      const head = await this.#large.write(record);
      this.#environment.transact({ writes: 1, bytes: key.length + head.length }, () => this.#placeLarge(key, head));
      return replyCodes.applied;
    } catch (error) {
      this.#newest.undo();
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
    this.#newest.noteLarge(keyChecksum(key), readVersion(head, 0));
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
    const bytes = writes.reduce((sum, entry) => sum + entry.length, 0);
    try {
      return this.#environment.transact({ writes: writes.length, bytes }, () => {
        if (marks !== undefined) marks.lockedAt = performance.now();
        const codes = writes.map((entry) => this.#mergeOne(entry, ceiling));
        written = performance.now();
        return codes;
      });
    } catch (error) {
      this.#newest.undo();
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
    const ownKeyChecksum = keyChecksum(key);
    if (!isAcceptable(record, ceiling) || !isIntactUnder(record, 0, record.length, ownKeyChecksum)) {
      return replyCodes.failed;
    }
    if (!isTombstone(record, 0) && !this.#room.hasRoomFor(record.length)) return replyCodes.full;
    if (!this.#newest.mustWin(ownKeyChecksum, readVersion(record, 0))) {
      const current = this.#get(key);
      if (current !== undefined && !wins(record, current, key)) return replyCodes.applied;
      if (current !== undefined && isLargeHead(current)) this.#large.remove(current);
    }
    this.#records.putSync(key, record);
    return replyCodes.applied;
  }

  #get(key: Buffer): Buffer | undefined {
    const reused = this.#records.getBinaryFast(key);
    // The reused buffer's own `length` property says how much of it is the record; a grown one is no Buffer.
    return reused === undefined ? undefined : Buffer.from(reused.buffer, reused.byteOffset, reused.length);
  }

  /** One flushed write at creation, so that a store that serves has proved that it can. */
  #markCreated(): void {
    const meta = this.#environment.openDatabase('meta');
    const [name, now] = [Buffer.from('created'), Buffer.from(new Date().toISOString())];
    if (meta.getBinary(name) !== undefined) return;
    this.#environment.transact({ writes: 1, bytes: name.length + now.length }, () => meta.putSync(name, now));
  }

  /** Makes everything durable and closes. */
  close(): Promise<void> {
    return this.#environment.close();
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
