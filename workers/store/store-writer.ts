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
import { isIntact, readKind, readVersion, recordKinds } from '../../src/formats/record.ts';
import type { Version } from '../../src/formats/record.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import type { Database, StoreEnvironment } from './environment.ts';
import { emptyPlace, type NewestRecords } from './newest-records.ts';
import { Removable, type RemovableEntry } from './removable.ts';
import { StoredDigests, type Counting } from './stored-digests.ts';
import { StoredRecords } from './stored-records.ts';
import { wins } from './wins.ts';

/** Records and bytes of one transaction of a checkpoint: some 10 to 50 ms, most of it the sync. */
const TRANSACTION_RECORDS = 4000;
const TRANSACTION_BYTES = 2 * 1024 * 1024;
/** The same where each record has a page of its own: LMDB keeps the memory of all pages that its largest transaction changed. */
const TRANSACTION_RECORDS_SPARSE = 1500;

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

/** The records of one transaction, by their numbers, and what counts them. */
interface Share {
  readonly from: number;
  readonly end: number;
  readonly counting: Counting | undefined;
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

export interface StoreWriterOptions {
  /** Whose checkpoints these are. */
  readonly owner: number;
  /** The cluster that digests are kept for. */
  readonly placement: Placement;
}

export class StoreWriter {
  readonly digests: StoredDigests;
  readonly #owner: number;
  readonly #environment: StoreEnvironment;
  readonly #records: Database<Buffer, Buffer>;
  readonly #chunks: Database<Buffer, Buffer>;
  readonly #unfinished: Database<Buffer, Buffer>;
  readonly #meta: Database<Buffer, Buffer>;
  readonly #removable: Removable;
  readonly #stored: StoredRecords;
  /** Whether the newest transaction found its keys far apart. */
  #isSparse = false;

  /** Makes the databases where there are none. A store without records knows that its newest version is none. */
  constructor(environment: StoreEnvironment, { owner, placement }: StoreWriterOptions) {
    this.#owner = owner;
    this.#environment = environment;
    this.#records = environment.openDatabase('records');
    this.#chunks = environment.openDatabase('chunks');
    this.#unfinished = environment.openDatabase('unfinished');
    this.#meta = environment.openDatabase('meta');
    this.digests = new StoredDigests(environment, placement);
    this.#removable = new Removable(environment);
    this.#stored = new StoredRecords(environment, this.#records);
    if (this.#meta.getBinary(CREATED) !== undefined) return;
    environment.transact({ records: 2, bytes: 0 }, () => {
      this.#meta.putSync(CREATED, Buffer.from(new Date().toISOString()));
      if (this.bound === undefined && this.#records.getKeysCount({ limit: 1 }) === 0) this.#putNumber(BOUND, 0);
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
    for (let from = 0; from < newest.size;) {
      const { end, bytes } = share(newest, from, this.#isSparse ? TRANSACTION_RECORDS_SPARSE : TRANSACTION_RECORDS);
      const size = { records: end - from, bytes: bytes + this.digests.bytes };
      this.#environment.transact(size, () => {
        const counting = this.digests.areKept ? this.digests.counting(this.#owner) : undefined;
        // Without chunks there is no head whose chunks would have to go.
        const isBlind = areNewest && this.#chunks.getKeysCount({ limit: 1 }) === 0;
        const version = isBlind
          ? this.#replace(newest, { from, end, counting })
          : this.#mergeAll(newest, { from, end, counting });
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

  /** Replaces what stands there; only what the digests count of it is looked at. Returns the newest version. */
  #replace(newest: NewestRecords, { from, end, counting }: Share): Version {
    const place = newest.at(from);
    const replaced = counting === undefined ? undefined : this.#stored.readFrom(place);
    let version: Version = 0;
    for (let number = from; number < end; number++) {
      const { bytes, keyStart, keyEnd, end: recordEnd } = newest.at(number, place);
      if (replaced !== undefined) {
        const old = replaced.find(place);
        counting?.put(bytes, keyStart, keyEnd, old, bytes, { old: replaced.offset, record: keyEnd });
      }
      this.#stored.put(place);
      version = Math.max(version, readVersion(bytes, keyEnd));
      if (readKind(bytes, keyEnd) !== recordKinds.value) {
        this.#removable.note(bytes.subarray(keyStart, keyEnd), bytes.subarray(keyEnd, recordEnd));
      }
    }
    replaced?.close();
    this.#isSparse = replaced?.isSparse ?? false;
    return version;
  }

  #mergeAll(newest: NewestRecords, { from, end, counting }: Share): Version {
    const place = emptyPlace();
    let version: Version = 0;
    for (let number = from; number < end; number++) {
      const { bytes, keyStart, keyEnd, end: recordEnd } = newest.at(number, place);
      this.#merge(bytes.subarray(keyStart, keyEnd), bytes.subarray(keyEnd, recordEnd), counting);
      version = Math.max(version, readVersion(bytes, keyEnd));
    }
    return version;
  }

  #merge(key: Buffer, record: Buffer, counting: Counting | undefined): void {
    const current = this.#get(key);
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
    this.#records.putSync(key, record);
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
    const current = this.#get(entry.key);
    if (current === undefined || removableFrom(current) !== entry.from) return 0;
    const head = isLargeHead(current) ? Buffer.from(current) : undefined;
    counting?.put(entry.key, 0, entry.key.length, current, undefined);
    this.#records.removeSync(entry.key);
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
      const current = this.#get(key);
      if (current === undefined || isLargeHead(current) || isIntact(current, 0, current.length, key)) return;
      counting?.put(key, 0, key.length, current, undefined);
      counting?.keep();
      this.#records.removeSync(key);
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

  #get(key: Buffer): Buffer | undefined {
    const reused = this.#records.getBinaryFast(key);
    // The reused buffer's own `length` property says how much of it is the record; a grown one is no Buffer.
    return reused === undefined ? undefined : Buffer.from(reused.buffer, reused.byteOffset, reused.length);
  }

  #putNumber(key: Buffer, number: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(number);
    this.#meta.putSync(key, bytes);
  }
}

/** One transaction's share: where it ends, and the bytes of its records. */
function share(newest: NewestRecords, from: number, recordsMax: number): { end: number; bytes: number } {
  let end = from;
  let bytes = 0;
  const place = emptyPlace();
  for (; end < newest.size && end - from < recordsMax && bytes < TRANSACTION_BYTES; end++) {
    newest.at(end, place);
    bytes += place.end - place.keyEnd;
  }
  return { end, bytes };
}

/** With another number of workers it has other keys. */
function floorsKey({ owner, workers }: Owner): Buffer {
  return Buffer.from(`floors ${owner} of ${workers}`);
}

function checkpointKey(owner: number): Buffer {
  return Buffer.from(`checkpointed ${owner}`);
}
