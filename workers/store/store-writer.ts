/**
 * Everything that is written to LMDB: what checkpoints bring, and the chunks of large values. Only the writer thread has
 * one (writer-thread.ts), so LMDB's writer lock and its syncs hold up no event loop that serves anybody.
 *
 * A checkpoint merges the newest record of each key, in the order of keys, so that each page is written once; a
 * transaction at a time, since the chunks of a large value that a client waits for come in between. The last transaction
 * also says that the segments are in LMDB. Merging is idempotent, so a checkpoint that broke off starts again.
 *
 * Chunk sets are listed in `unfinished` until a checkpoint puts their head: what a crash leaves of sets whose heads were
 * never logged goes at the next start. A set goes with the transaction that replaces its head, or that finds that another
 * head of the same segments has replaced it.
 *
 * A purge removes tombstones and expired values that every node has confirmed (src/domain/purge.ts), a transaction at a time. Only
 * between two checkpoints: then what is in LMDB is not in a segment that a replay reads, so nothing older comes out of one.
 */
import { Buffer } from 'node:buffer';
import {
  afterSet,
  areSameLargeWrite,
  CHUNK_BYTES,
  chunkCount,
  chunkKey,
  isLargeHead,
  removableFrom,
  setIdOf,
  valueBytesOf,
} from '../../src/formats/large-head.ts';
import { isIntact, isTombstone, readNodeId, readVersion } from '../../src/formats/record.ts';
import type { Version } from '../../src/formats/record.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import type { Database, StoreEnvironment } from './environment.ts';
import { ListHistory } from './list-history.ts';
import { emptyPlace, type NewestRecords } from './newest-records.ts';
import { Removable, type RemovableEntry } from './removable.ts';
import { StoredDigests, type Counting } from './stored-digests.ts';
import { StoredRecords } from './stored-records.ts';
import { wins } from './wins.ts';
import type { LetGoJob, SurplusCopy } from './writer-protocol.ts';

/** Records and bytes of one transaction of a checkpoint: some 10 to 50 ms, most of it the sync. */
const TRANSACTION_RECORDS = 4000;
const TRANSACTION_BYTES = 2 * 1024 * 1024;
/** Records where each has a page of its own: LMDB keeps the memory of all pages that its largest transaction changed. */
const TRANSACTION_RECORDS_SPARSE = 1500;
/** So many records for each that a checkpoint brings, and most of them stand in pages of their own. */
const SPARSE_RATIO = 32;

const BOUND = Buffer.from('newest version');
const CREATED = Buffer.from('created');

/** Records that one transaction of a purge removes: some 10 ms, most of it the sync. */
const PURGE_RECORDS = 2000;

/** Segments up to this one of an owner's log are in LMDB. */
export interface Checkpointed {
  readonly owner: number;
  readonly sequence: number;
}

export interface CheckpointOptions {
  /** What is in LMDB when all records are. */
  readonly upTo: readonly Checkpointed[];
  /** Whether each record is known to be the newest under its key. */
  readonly areNewest: boolean;
}

interface Owner {
  readonly owner: number;
  readonly workers: number;
}

export interface PurgeOptions extends Owner {
  readonly below: Version;
  readonly floors: string;
  /** Whether a key is this owner's. */
  readonly owns: (key: Buffer) => boolean;
}

/** What one transaction of a checkpoint puts with. */
interface Putting {
  readonly counting: Counting | undefined;
  /** Whether there were tombstones in LMDB before it. */
  readonly hasTombstones: boolean;
}

export interface StoreWriterOptions {
  /** Whose checkpoints these are. */
  readonly owner: number;
  /** The cluster that digests are kept for. */
  readonly placement: Placement;
}

export class StoreWriter {
  readonly digests: StoredDigests;
  readonly lists: ListHistory;
  readonly #owner: number;
  readonly #environment: StoreEnvironment;
  readonly #records: StoredRecords;
  readonly #chunks: Database<Buffer, Buffer>;
  readonly #unfinished: Database<Buffer, Buffer>;
  readonly #meta: Database<Buffer, Buffer>;
  readonly #removable: Removable;

  /** Makes the databases where there are none. A store without records knows that its newest version is none. */
  constructor(environment: StoreEnvironment, { owner, placement }: StoreWriterOptions) {
    this.#owner = owner;
    this.#environment = environment;
    this.#records = new StoredRecords(environment);
    this.#chunks = environment.openDatabase('chunks');
    this.#unfinished = environment.openDatabase('unfinished');
    this.#meta = environment.openDatabase('meta');
    this.digests = new StoredDigests(environment, placement);
    this.lists = new ListHistory(environment);
    this.#removable = new Removable(environment);
    if (this.#meta.getBinary(CREATED) !== undefined) return;
    environment.transact({ records: 2, bytes: 0 }, () => {
      this.#meta.putSync(CREATED, Buffer.from(new Date().toISOString()));
      if (this.bound === undefined && this.#records.isEmpty) this.#putNumber(BOUND, 0);
    });
  }

  /** A version that no record in LMDB exceeds; undefined in an old store that never knew it. */
  get bound(): Version | undefined {
    return this.#meta.getBinary(BOUND)?.readDoubleLE();
  }

  /** The newest segment of an owner's log that is in LMDB with all before it; 0 where none is. */
  checkpointed(owner: number): number {
    return this.#meta.getBinary(checkpointKey(owner))?.readDoubleLE() ?? 0;
  }

  /**
   * Merges records, a transaction a step; they are on the disk at its end. `areNewest`: their owner has compared each with what
   * LMDB holds, so they replace that without a look at it. Yields which share of the keys is done. Throws what LMDB says.
   */
  *checkpoint(newest: NewestRecords, { upTo, areNewest }: CheckpointOptions): Generator<number, void> {
    const isSparse = this.#records.count > SPARSE_RATIO * newest.size;
    const recordsMax = isSparse ? TRANSACTION_RECORDS_SPARSE : TRANSACTION_RECORDS;
    const place = emptyPlace();
    for (let from = 0; from < newest.size;) {
      const { end, bytes, tombstones } = share(newest, from, recordsMax);
      const size = { records: end - from + tombstones, bytes: bytes + this.digests.bytes };
      this.#environment.transact(size, () => {
        const counting = this.digests.areKept ? this.digests.counting(this.#owner) : undefined;
        const putting = { counting, hasTombstones: this.#records.hasTombstones };
        // Without chunks there is no head whose chunks would have to go.
        const isBlind = areNewest && this.#chunks.getKeysCount({ limit: 1 }) === 0;
        let version: Version = 0;
        for (let number = from; number < end; number++) {
          const { bytes: segment, keyStart, keyEnd, end: recordEnd } = newest.at(number, place);
          const [key, record] = [segment.subarray(keyStart, keyEnd), segment.subarray(keyEnd, recordEnd)];
          if (isBlind) this.#put(key, record, putting);
          else this.#merge(key, record, putting);
          version = Math.max(version, readVersion(record, 0));
        }
        counting?.keep();
        this.#raiseBound(version);
      });
      from = end;
      yield end / newest.size;
    }
    const records = newest.replacedHeads.reduce((sum, head) => sum + chunkCount(head) + 1, upTo.length);
    this.#environment.transact({ records, bytes: 0 }, () => {
      for (const head of newest.replacedHeads) this.#removeChunks(head);
      for (const { owner, sequence } of upTo) this.#putNumber(checkpointKey(owner), sequence);
    });
  }

  #raiseBound(version: Version): void {
    const { bound } = this;
    if (bound !== undefined && version > bound) this.#putNumber(BOUND, version);
  }

  /** Replaces what stands there; only what the digests count of it is looked at. */
  #put(key: Buffer, record: Buffer, { counting, hasTombstones }: Putting): void {
    if (counting !== undefined) counting.put(key, 0, key.length, this.#records.getReused(key, hasTombstones), record);
    this.#records.put(key, record, hasTombstones);
    this.#removable.note(key, record);
  }

  #merge(key: Buffer, record: Buffer, { counting, hasTombstones }: Putting): void {
    const current = this.#records.get(key, hasTombstones);
    const isHead = isLargeHead(record);
    const currentHead = current !== undefined && isLargeHead(current) ? Buffer.from(current) : undefined;
    const isSameSet = isHead && currentHead !== undefined && setIdOf(record).equals(setIdOf(currentHead));
    if (isSameSet) return;
    // The same large write again is a repair: its chunks were checked when it came, those that stand there may be damaged.
    const isAgain = currentHead !== undefined && areSameLargeWrite(record, currentHead);
    if (current !== undefined && !isAgain && !wins(record, current, key)) {
      if (isHead) this.#removeChunks(record);
      return;
    }
    if (currentHead !== undefined) this.#removeChunks(currentHead);
    counting?.put(key, 0, key.length, current, record);
    this.#records.put(key, record, hasTombstones);
    this.#removable.note(key, record);
    if (isHead) this.#unfinished.removeSync(setIdOf(record));
  }

  /** The floors that this owner of so many workers has put with what it removed. */
  floors({ owner, workers }: Owner): string | undefined {
    return this.#meta.getBinary(floorsKey({ owner, workers }))?.toString();
  }

  /**
   * Removes an owner's tombstones and expired values below a bound, and puts its floors (as text) with the first of them; a
   * transaction a step. Yields how many are gone. Throws what LMDB says.
   */
  *purge({ owner, workers, below, floors, owns }: PurgeOptions): Generator<number, void> {
    for (let after: Buffer | undefined; ;) {
      const found = this.#removable.list(after, below, PURGE_RECORDS);
      after = found.at(-1)?.entryKey;
      const own = found.filter(({ key }) => owns(key));
      const remove = (): number => {
        this.#meta.putSync(floorsKey({ owner, workers }), Buffer.from(floors));
        const counting = this.digests.areKept ? this.digests.counting(this.#owner) : undefined;
        const gone = own.reduce((sum, entry) => sum + this.#remove(entry, counting), 0);
        counting?.keep();
        return gone;
      };
      const size = { records: 2 * own.length + 1, bytes: floors.length + this.digests.bytes };
      yield own.length === 0 ? 0 : this.#environment.transact(size, remove);
      if (found.length < PURGE_RECORDS) return;
    }
  }

  #remove(entry: RemovableEntry, counting: Counting | undefined): number {
    this.#removable.remove(entry);
    const { key, from } = entry;
    return this.#removeIf(key, counting, (current) => removableFrom(current) === from);
  }

  /**
   * Removes copies that are still what they were, and puts an owner's floors with that; in one transaction. Returns how many have
   * gone. Throws what LMDB says.
   */
  letGo({ copies, floors, isAll }: LetGoJob, { owner, workers }: Owner): number {
    const size = { records: copies.length + 2, bytes: floors.length + this.digests.bytes };
    return this.#environment.transact(size, () => {
      this.#meta.putSync(floorsKey({ owner, workers }), Buffer.from(floors));
      if (isAll) this.lists.putDone({ owner, workers });
      const counting = this.digests.areKept ? this.digests.counting(this.#owner) : undefined;
      const gone = copies.reduce((sum, copy) => {
        return sum + this.#removeIf(Buffer.from(copy.key), counting, (current) => isSameCopy(copy, current));
      }, 0);
      counting?.keep();
      return gone;
    });
  }

  #removeIf(key: Buffer, counting: Counting | undefined, isMeant: (current: Buffer) => boolean): number {
    const current = this.#records.get(key);
    if (current === undefined || !isMeant(current)) return 0;
    const head = isLargeHead(current) ? Buffer.from(current) : undefined;
    counting?.put(key, 0, key.length, current, undefined);
    this.#records.remove(key);
    if (head !== undefined) this.#removeChunks(head);
    return 1;
  }

  /** Puts chunks of a set, which is listed as unfinished from the first one on. Throws what LMDB says. */
  putChunks(setId: Buffer, first: number, chunks: readonly Uint8Array[]): void {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    this.#environment.transact({ records: chunks.length + 1, bytes }, () => {
      if (first === 0) this.#unfinished.putSync(setId, Buffer.alloc(0));
      for (const [index, chunk] of chunks.entries()) {
        this.#chunks.putSync(chunkKey(setId, first + index), Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
      }
    });
  }

  /** Removes what stands under a key if it is damaged, be it that the key is. */
  dropDamaged(key: Buffer): void {
    this.#environment.transact({ records: 1, bytes: this.digests.bytes }, () => {
      const counting = this.digests.areKept ? this.digests.counting(this.#owner) : undefined;
      const current = this.#records.get(key);
      if (current === undefined || isLargeHead(current) || isIntact(current, 0, current.length, key)) return;
      counting?.put(key, 0, key.length, current, undefined);
      counting?.keep();
      this.#records.remove(key);
    });
  }

  /** Removes a set that no head names. */
  removeSet(setId: Buffer): void {
    // The keys are collected first: LMDB's cursors do not survive the removal of what they stand on.
    const keys = Array.from(this.#chunks.getKeys({ start: setId, end: afterSet(setId) }));
    this.#environment.transact({ records: keys.length + 1, bytes: 0 }, () => {
      for (const key of keys) this.#chunks.removeSync(key);
      this.#unfinished.removeSync(setId);
    });
  }

  /** Removes what an unclean stop left of sets that never got a head. Only while nobody writes large values. */
  removeUnfinished(): void {
    for (const setId of Array.from(this.#unfinished.getKeys())) this.removeSet(setId);
  }

  #removeChunks(head: Buffer): void {
    const setId = setIdOf(head);
    for (let number = 0; number * CHUNK_BYTES < valueBytesOf(head); number++) {
      this.#chunks.removeSync(chunkKey(setId, number));
    }
    this.#unfinished.removeSync(setId);
  }

  #putNumber(key: Buffer, number: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(number);
    this.#meta.putSync(key, bytes);
  }
}

function isSameCopy({ header: found }: SurplusCopy, current: Buffer): boolean {
  const header = Buffer.from(found.buffer, found.byteOffset, found.length);
  return (
    readVersion(header, 0) === readVersion(current, 0) &&
    readNodeId(header, 0) === readNodeId(current, 0) &&
    isTombstone(header, 0) === isTombstone(current, 0)
  );
}

/** One transaction's share: where it ends, the bytes of its records, and how many are tombstones. */
function share(newest: NewestRecords, from: number, recordsMax: number) {
  let end = from;
  let bytes = 0;
  let tombstones = 0;
  const place = emptyPlace();
  for (; end < newest.size && end - from < recordsMax && bytes < TRANSACTION_BYTES; end++) {
    newest.at(end, place);
    bytes += place.end - place.keyEnd;
    if (isTombstone(place.bytes, place.keyEnd)) tombstones++;
  }
  return { end, bytes, tombstones };
}

/** With another number of workers it has other keys. */
function floorsKey({ owner, workers }: Owner): Buffer {
  return Buffer.from(`floors ${owner} of ${workers}`);
}

function checkpointKey(owner: number): Buffer {
  return Buffer.from(`checkpointed ${owner}`);
}
