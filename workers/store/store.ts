/**
 * The store of one worker: the keys that it owns. Writes go to the log and its memtable, and from there, a segment at a
 * time, to LMDB (log.ts, memtable.ts, writer.ts); reads look in the memtable and then in LMDB, which all workers share.
 *
 *   merge    decides what wins, against the writes that wait for their sync too, and appends it to the log
 *   settle   calls back when all that was merged is as durable as the durability says; no read sees it before
 *
 * A large value's chunks are on the disk before its head is logged.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { replyCodes } from '../../src/formats/codes.ts';
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import { runInSteps } from '../../src/domain/steps.ts';
import type { Version } from '../../src/formats/record.ts';
import { keyOf, recordOf, type Entry } from '../../src/formats/frame.ts';
import {
  areSameLargeWrite,
  CHUNK_BYTES,
  isLargeHead,
  makeHead,
  recordHeaderOf,
  SET_ID_BYTES,
  valueBytesOf,
} from '../../src/formats/large-head.ts';
import { entryRecord } from '../../src/formats/log.ts';
import {
  isIntact,
  isIntactInSteps,
  isIntactUnder,
  isTombstone,
  keyChecksum,
  largeValueBytes,
  readVersion,
  RECORD_HEADER_BYTES,
} from '../../src/formats/record.ts';
import { allocateRecord } from '../../src/formats/reply.ts';
import { Histogram, latencyBounds } from '../../src/metrics/metrics.ts';
import type { RunMarks } from '../../src/waits/wait-marks.ts';
import { steps, wholeReads } from '../ground/pace.ts';
import type { CheckpointMeasures } from './checkpoints.ts';
import { HeldDigests } from './held-digests.ts';
import { asStoreError, StoreEnvironment, storeFailure } from './environment.ts';
import { LargeValues } from './large-values.ts';
import type { Room } from './log.ts';
import type { LogMeasures } from './log-measures.ts';
import { openLogFiles } from './log-files.ts';
import { LoggedWrites, type Settled } from './logged-writes.ts';
import { tableKey } from './key-table.ts';
import { NewestVersions } from './newest-versions.ts';
import type { EntryCursor } from './cursors.ts';
import { StoredRecords } from './stored-records.ts';
import { loggedTombstonesMax, standInRows } from './tombstone-rows.ts';
import type { StoreRange } from './range.ts';
import { StoreRanges, type LoggedSnapshot } from './ranges.ts';
import { Purge } from './purge.ts';
import { Removable } from './removable.ts';
import { StoreRoom, type RoomMeasures } from './room.ts';
import { Surplus } from './surplus.ts';
import { isWriteVersion, loserOf, meet, termsOf, whyLost, type Merged } from './wins.ts';
import { Writer } from './writer.ts';
import type { StoreEvents, StoreOptions } from './store-options.ts';
import { noLog, type Replayed, type WriterReady } from './writer-protocol.ts';

/** A record that is read in steps (`readLarge`), as far as its head in the store tells of it. */
export interface LargeRecord {
  readonly header: Buffer;
  /** Bytes of the whole record. */
  readonly recordBytes: number;
}

/** What the store measures of itself; the owner exposes it. */
export interface StoreMeasures extends RoomMeasures {
  readonly log: LogMeasures;
  readonly checkpoints: CheckpointMeasures;
  /** Bytes of the log that are not in LMDB, and entries of the memtable. */
  readonly logBytesHeld: number;
  readonly memtableEntries: number;
  readonly settleSeconds: Histogram;
}

/** A head under the longest key, with what the log adds. */
const HEAD_ENTRY_BYTES_MAX = 4096;
/** Chunks of a large value that go to the disk in one transaction. */
const CHUNKS_AT_ONCE = 2;

export class Store {
  /** From a run's first merge until all of it is durable, seconds. */
  readonly settleSeconds = new Histogram(latencyBounds);
  readonly replayed: Replayed;
  readonly digests: HeldDigests;
  readonly purge: Purge;
  readonly surplus: Surplus;
  readonly #environment: StoreEnvironment;
  readonly #writer: Writer;
  readonly #logged: LoggedWrites;
  readonly #records: StoredRecords;
  readonly #large: LargeValues;
  readonly #newest: NewestVersions;
  readonly #ranges: StoreRanges;
  readonly #room: StoreRoom;
  readonly #onCorrupt: StoreEvents['onCorrupt'];
  #isClosing = false;

  private constructor(parts: StoreParts, options: StoreOptions, { onCorrupt, onFatal }: StoreEvents) {
    const { environment, writer, logged, records, ready } = parts;
    const { storeBytesMax } = options;
    this.replayed = ready.replayed;
    this.#environment = environment;
    this.#writer = writer;
    this.#logged = logged;
    this.#records = records;
    this.#large = new LargeValues(environment);
    this.#newest = new NewestVersions(ready.bound);
    const removable = new Removable(environment);
    this.purge = new Purge({ ...options, writer, logged, removable, floors: ready.floors, onFatal });
    this.surplus = new Surplus({ ...options, ...ready, records, purge: this.purge });
    this.#onCorrupt = (key) => {
      this.purge.forget();
      onCorrupt(key);
    };
    this.#ranges = new StoreRanges({ environment, logged, large: this.#large, onCorrupt: this.#onCorrupt });
    const databases = { records: records.databases, others: [this.#large.chunks, removable.database] };
    this.#room = new StoreRoom(databases, storeBytesMax, () => logged.bytesHeld);
    this.digests = new HeldDigests({ ...options, environment, records, logged });
  }

  /**
   * Opens the store, creating it where there is none, and brings what the log holds into LMDB before it returns.
   * Throws `store-unusable`. A damaged log is opened as far as it can be read; see `replayed`.
   */
  static async open(options: StoreOptions, { onCorrupt, onFatal }: StoreEvents): Promise<Store> {
    const { directory, owner } = options;
    const onDied = (error: unknown): void => onFatal(storeFailure(error));
    const { writer, ready } = await Writer.open(options, { onDied, onDamaged: onCorrupt });
    try {
      const environment = await StoreEnvironment.open(options);
      const records = new StoredRecords(environment);
      const keysFrom = (start: Buffer, limit: number): Iterable<Buffer> => records.values.getKeys({ start, limit });
      const logged = await LoggedWrites.open({
        ...options,
        tombstonesMax: Math.ceil(loggedTombstonesMax / options.workers),
        standInRows: (tombstones, find) => standInRows(tombstones, { ...options, find, keysFrom }),
        files: openLogFiles(join(directory, 'log')),
        writer,
        found: ready.replayed.logs.find((log) => log.owner === owner) ?? noLog(owner),
        onCheckpointed: () => records.refresh(),
        onFatal: (error) => onFatal(storeFailure(error)),
      });
      return new Store({ environment, writer, logged, records, ready }, options, { onCorrupt, onFatal });
    } catch (error) {
      await writer.close().catch(() => {});
      throw asStoreError(error, directory);
    }
  }

  /** What the log and the checkpoints measure of themselves, and how much there is of both. */
  get measures(): StoreMeasures {
    const { bytesHeld: logBytesHeld, size: memtableEntries, measures } = this.#logged;
    return { ...measures, ...this.#room.measures, logBytesHeld, memtableEntries, settleSeconds: this.settleSeconds };
  }

  /** Reads of LMDB see what is committed from now on; without this a snapshot may be as old as the event-loop turn. */
  refresh(): void {
    this.#records.refresh();
  }

  /**
   * The record under a key, as far as it is durable: a view into a buffer that the next call reuses; undefined where there
   * is none.
   */
  read(key: Buffer): Buffer | LargeRecord | 'damaged' | undefined {
    const logged = this.#logged.find(tableKey(key, 0, key.length));
    const record = logged === undefined ? this.#records.get(key) : entryRecord(logged.image, logged.offset);
    if (record === undefined) return record;
    // What is in the memtable was checked when it came.
    if (logged === undefined ? isIntact(record, 0, record.length, key) : !isLargeHead(record)) return record;
    if (isLargeHead(record)) {
      return { header: recordHeaderOf(record), recordBytes: RECORD_HEADER_BYTES + valueBytesOf(record) };
    }
    this.#onCorrupt(key);
    return 'damaged';
  }

  /** What is older than this, and missing under an entry's key, was deleted; 0: nobody knows. */
  floorOf({ bytes, keyStart, keyEnd }: Entry): Version {
    return this.purge.floorOf(bytes, keyStart, keyEnd);
  }

  /**
   * The record under a key, read and checked in steps; undefined where there is none. Its
   * memory is its own (`allocateRecord`), so that a reply can be made of it without a copy.
   */
  async readLarge(key: Buffer): Promise<Buffer | 'damaged' | undefined> {
    this.refresh();
    const transaction = this.#environment.useReadTransaction();
    try {
      const logged = this.#logged.find(tableKey(key, 0, key.length));
      const found =
        logged === undefined ? this.#records.getIn(key, transaction) : entryRecord(logged.image, logged.offset);
      if (found === undefined) return undefined;
      const stored = allocateRecord(found.length);
      stored.set(found);
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
      return 'damaged';
    } finally {
      transaction.done();
    }
  }

  /** The durable records of a range as they are now (ranges.ts); whoever opens it closes it. */
  openRange(bounds: RangeBounds, others: readonly EntryCursor[] = []): StoreRange {
    this.refresh();
    return this.#ranges.open(bounds, others);
  }

  /** What is durable of this owner and not in LMDB, as of now, for another worker's range. */
  snapshotLogged(bounds: RangeBounds): LoggedSnapshot {
    return this.#ranges.snapshot(bounds);
  }

  /**
   * Prepares `openRange` and `snapshotLogged`, which put what the memtable holds in the order of keys, by a step of 1 to 2 ms;
   * returns whether they take no longer than that now.
   */
  prepareRange(): boolean {
    return this.#logged.order();
  }

  /** LMDB's own list of reader slots, a line each: process, thread, and the snapshot that it holds or "-". */
  readers(): string {
    return this.#environment.readers();
  }

  /** Whether writes of so many bytes can be merged now. */
  room(bytes: number): Room {
    return this.#isClosing ? 'full' : this.#logged.room(bytes);
  }

  /** How long writes are to wait before the next ones, milliseconds, so that the log does not fill faster than LMDB. */
  get paceMs(): number {
    return this.#logged.paceMs;
  }

  /** Calls back once, when `room` may have changed. */
  whenRoom(call: () => void): void {
    this.#logged.whenRoom(call);
  }

  /**
   * Merges a write: decides whether it is the newest under its key, and appends it to the log if it is. The reply code counts
   * once `settle` has called back. Only within what `room` granted.
   */
  merge(entry: Entry, newest: Version): Merged {
    const { bytes, offset, length, keyStart, keyEnd } = entry;
    const key = bytes.subarray(keyStart, keyEnd);
    const end = offset + length;
    const recordBytes = end - keyEnd;
    const ownKeyChecksum = keyChecksum(key);
    if (recordBytes > RECORD_HEADER_BYTES + largeValueBytes) return replyCodes.failed;
    if (!isIntactUnder(bytes, keyEnd, recordBytes, ownKeyChecksum)) return replyCodes.failed;
    const version = readVersion(bytes, keyEnd);
    if (!isWriteVersion(version)) return replyCodes.failed;
    if (!isTombstone(bytes, keyEnd) && !this.#hasRoomFor(recordBytes)) return replyCodes.full;
    const isBelowFloor = version < this.purge.newestFloor;
    if (!this.#newest.mustWin(ownKeyChecksum, version) || isBelowFloor) {
      const current = this.#current(key);
      const refusal = isBelowFloor ? this.purge.refusal(entry, current === undefined) : undefined;
      const lost = refusal ?? (current === undefined ? undefined : whyLost(entry, current, newest));
      if (lost !== undefined) return lost;
    }
    return this.#logged.append(bytes, { keyStart, keyEnd, end }) ? replyCodes.applied : replyCodes.full;
  }

  /** Calls `done` when all that was merged by now is as durable as the durability says; see `LoggedWrites.settle`. */
  settle(done: (settled: Settled) => void, marks?: RunMarks): void {
    const started = performance.now();
    this.#logged.settle((settled) => {
      this.settleSeconds.observe((performance.now() - started) / 1000);
      done(settled);
    }, marks);
  }

  /** Merges one large write in steps, its value's chunks first; resolves to its reply code when it is durable. */
  async mergeLarge(entry: Entry, newest: Version): Promise<Merged> {
    const key = Buffer.from(keyOf(entry));
    const record = recordOf(entry);
    if (!isWriteVersion(readVersion(record, 0))) return replyCodes.failed;
    if (!(await runInSteps(isIntactInSteps(record, 0, record.length, key), steps.pause))) return replyCodes.failed;
    if (!this.#hasRoomFor(record.length)) return replyCodes.full;
    const setId = randomBytes(SET_ID_BYTES);
    const isThere = (await this.#putChunks(record.subarray(RECORD_HEADER_BYTES), setId)) && (await this.#waitForRoom());
    if (!isThere) {
      void this.#writer.removeSet(setId);
      return replyCodes.full;
    }
    const code = this.#mergeHead(makeHead(record, setId), setId, entry, newest);
    return new Promise((resolve) => {
      this.settle((settled) => resolve(settled === 'full' ? replyCodes.full : code));
    });
  }

  async #putChunks(value: Buffer, setId: Buffer): Promise<boolean> {
    const bytes = CHUNKS_AT_ONCE * CHUNK_BYTES;
    for (let at = 0; at < value.length; at += bytes) {
      await steps.pause();
      const chunks: Buffer[] = [];
      for (let from = at; from < Math.min(at + bytes, value.length); from += CHUNK_BYTES) {
        const chunk = value.subarray(from, from + CHUNK_BYTES);
        const copy = Buffer.allocUnsafeSlow(chunk.length);
        copy.set(chunk);
        chunks.push(copy);
      }
      if ((await this.#writer.putChunks(setId, at / CHUNK_BYTES, chunks)).kind !== 'done') return false;
    }
    return true;
  }

  /** Whether a head can be merged; waits for that where it has to be waited for. */
  async #waitForRoom(): Promise<boolean> {
    for (;;) {
      const room = this.room(HEAD_ENTRY_BYTES_MAX);
      if (room !== 'wait') return room === 'yes';
      await new Promise<void>((resolve) => this.whenRoom(resolve));
    }
  }

  #mergeHead(head: Buffer, setId: Buffer, write: Entry, newest: Version): Merged {
    const key = Buffer.from(keyOf(write));
    const current = this.#current(key);
    // The same write again is a repair: its chunks were checked just now, those that stand there may be damaged.
    const isNew = current === undefined || areSameLargeWrite(head, current);
    const refusal = this.purge.refusal(write, current === undefined);
    const lost =
      refusal ?? (isNew ? undefined : loserOf(meet(head, current, key), head, current, termsOf(write, newest)));
    if (lost !== undefined) {
      void this.#writer.removeSet(setId);
      return lost;
    }
    this.#newest.mustWin(keyChecksum(key), readVersion(head, 0));
    const entry = Buffer.concat([key, head]);
    const isLogged = this.#logged.append(entry, { keyStart: 0, keyEnd: key.length, end: entry.length });
    return isLogged ? replyCodes.applied : replyCodes.full;
  }

  /** Removes what stands under a key in LMDB if it is damaged. */
  async dropDamaged(key: Buffer): Promise<void> {
    await this.#writer.dropDamaged(key);
  }

  /** Has the digests built anew: a record that was damaged is replaced, and what it counted for is not known. */
  async rebuildDigests(): Promise<void> {
    await this.#writer.rebuildDigests();
  }

  /** The record that a write under a key has to win over, durable or not. */
  #current(key: Buffer): Buffer | undefined {
    const logged = this.#logged.findNewest(tableKey(key, 0, key.length));
    return logged === undefined ? this.#records.get(key) : entryRecord(logged.image, logged.offset);
  }

  #hasRoomFor(bytes: number): boolean {
    if (this.#room.hasRoomFor(bytes)) return true;
    this.#logged.checkpointEarly();
    return false;
  }

  /** Makes everything durable, brings it into LMDB as far as the disk has room, and closes. Rejects where the disk fails. */
  async close(): Promise<void> {
    this.#isClosing = true;
    try {
      await this.#logged.close();
    } catch (error) {
      throw storeFailure(error);
    } finally {
      await this.#writer.close();
      await this.#environment.close();
    }
  }
}

/** What `open` puts together. */
interface StoreParts {
  readonly environment: StoreEnvironment;
  readonly writer: Writer;
  readonly logged: LoggedWrites;
  readonly records: StoredRecords;
  readonly ready: WriterReady;
}
