/**
 * The digests of what LMDB holds (src/domain/digests.ts), in a database of their own: they change in the transactions that change
 * records, so they are right after any crash.
 *
 *   `state`          what they are of (the cluster's list), and up to which key records count already
 *   owner, group     the sums that this owner's checkpoints have changed; those of all owners together are the node's
 *
 * Sums are a group in the algebraic sense, so it does not matter which owner a record was put by and which one takes it out
 * again: the number of workers may change between starts. A store without digests, or with those of another list, has them made
 * while it serves (`build`): what checkpoints put behind the key that has been reached is counted when the building gets there.
 */
import { Buffer } from 'node:buffer';
import { bucketCountOf, bucketOf, countRecord, KeyHashes, newDigests, type Digests } from '../../src/domain/digests.ts';
import { Sharing, type Placement } from '../../src/domain/sharing.ts';
import type { Database, ReadTransaction, StoreEnvironment } from './environment.ts';
import { StoredRecords } from './stored-records.ts';

/** Records that one transaction of the building counts: some 10 ms. */
const BUILD_RECORDS = 4000;

const STATE = Buffer.from('state');
/** In the place of a key: all records count. */
const WHOLE = undefined;

interface State {
  readonly placement: string;
  /** Records up to this key count, those behind it do not yet; undefined: all do. */
  readonly upTo: Buffer | undefined;
}

export class StoredDigests {
  readonly sharing: Sharing;
  readonly buckets: number;
  readonly #environment: StoreEnvironment;
  readonly #placement: Placement;
  readonly #database: Database<Buffer, Buffer>;
  readonly #records: StoredRecords;

  constructor(environment: StoreEnvironment, placement: Placement) {
    this.#environment = environment;
    this.#placement = placement;
    this.sharing = new Sharing(placement);
    this.buckets = bucketCountOf(this.sharing.groups);
    this.#database = environment.openDatabase('digests');
    this.#records = new StoredRecords(environment);
  }

  /** Begins anew where there are none of this list; an empty store has them at once. */
  prepare(): void {
    const kept = this.#state()?.placement;
    if (kept !== (this.areKept ? this.#placement.name : undefined)) this.reset();
  }

  /** Forgets all sums: they are to be built again. */
  reset(): void {
    this.#environment.transact({ records: 1, bytes: 0 }, () => {
      this.#database.clearSync();
      if (this.sharing.groups === 0) return;
      this.#keepState(this.#records.isEmpty ? WHOLE : Buffer.alloc(0));
    });
  }

  /** Whether sums are kept up at all: a node without peers has nobody to compare them with. */
  get areKept(): boolean {
    return this.sharing.groups > 0;
  }

  /** What a transaction is to count with; to be asked inside it, by one owner. */
  counting(owner: number): Counting {
    const upTo = this.#state()?.upTo;
    return new Counting({ owner, upTo, sharing: this.sharing, buckets: this.buckets, database: this.#database });
  }

  /** Bytes of the sums that a transaction puts. */
  get bytes(): number {
    return this.sharing.groups * newDigests(this.buckets).byteLength;
  }

  /**
   * Counts what does not count yet, a transaction a step. Several owners may do so at once: each step goes on where the last one of
   * any of them ended. Throws what LMDB says.
   */
  *build(owner: number): Generator<void, void> {
    if (this.#state()?.upTo === WHOLE) return;
    const size = { records: this.sharing.groups + 1, bytes: this.bytes };
    while (!this.#environment.transact(size, () => this.#buildOn(owner))) yield;
  }

  /** The sums of a group that these owners have put; undefined while they are being built. */
  read(group: number, owners: readonly number[], transaction: ReadTransaction): Digests[] | undefined {
    const state = this.#database.get(STATE, { transaction });
    if (state === undefined) return undefined;
    const { placement, upTo } = decodeState(state);
    if (placement !== this.#placement.name || upTo !== WHOLE) return undefined;
    return owners.flatMap((owner) => {
      const bytes = this.#database.get(sumsKey(owner, group), { transaction });
      return bytes === undefined ? [] : [decodeSums(bytes, newDigests(this.buckets))];
    });
  }

  /** Owners that have put sums though the node has fewer workers now. */
  formerOwners(workers: number): number[] {
    const keys = Array.from(this.#database.getKeys({ start: sumsKey(workers, 0), end: afterSums }));
    return [...new Set(keys.map((key) => Buffer.from(key).readUInt16BE(1)))];
  }

  /** Returns whether all records count now. */
  #buildOn(owner: number): boolean {
    const upTo = this.#state()?.upTo;
    if (upTo === WHOLE) return true;
    const counting = new Counting({
      owner,
      upTo: WHOLE,
      sharing: this.sharing,
      buckets: this.buckets,
      database: this.#database,
    });
    let last = upTo;
    let counted = 0;
    const start = upTo.length === 0 ? upTo : Buffer.concat([upTo, Buffer.from([0])]);
    for (const { key, value } of this.#records.entries(start, BUILD_RECORDS)) {
      last = Buffer.from(key);
      // What is damaged counts by what can be read of it: by the same it is taken out when it is replaced.
      counting.put(last, 0, last.length, undefined, value);
      counted++;
    }
    counting.keep();
    const isWhole = counted < BUILD_RECORDS;
    this.#keepState(isWhole ? WHOLE : last);
    return isWhole;
  }

  #state(): State | undefined {
    const bytes = this.#database.getBinary(STATE);
    return bytes === undefined ? undefined : decodeState(bytes);
  }

  #keepState(upTo: Buffer | undefined): void {
    const text = { placement: this.#placement.name, upTo: upTo?.toString('base64') };
    this.#database.putSync(STATE, Buffer.from(JSON.stringify(text)));
  }
}

/** Offsets of two records in their bytes. */
const atStart = { old: 0, record: 0 };

interface CountingOptions {
  readonly owner: number;
  readonly upTo: Buffer | undefined;
  readonly sharing: Sharing;
  readonly buckets: number;
  readonly database: Database<Buffer, Buffer>;
}

/** What one transaction changes of an owner's sums. */
export class Counting {
  readonly #options: CountingOptions;
  readonly #key = new KeyHashes();
  readonly #groups: Uint32Array;
  /** By group. */
  readonly #sums: readonly Digests[];

  /** Reads all that it may change: `put` reads nothing, since `old` may be a view into the buffer that lmdb reads into. */
  constructor(options: CountingOptions) {
    const { sharing, buckets, database, owner } = options;
    this.#options = options;
    this.#groups = new Uint32Array(Math.max(1, sharing.groups));
    this.#sums = Array.from({ length: sharing.groups }, (_, group) => {
      const kept = database.getBinary(sumsKey(owner, group));
      return kept === undefined ? newDigests(buckets) : decodeSums(kept, newDigests(buckets));
    });
  }

  /** The record under the key `bytes[start, end)` takes the place of `old`; either may be none. `at`: where both begin. */
  put(
    bytes: Buffer,
    start: number,
    end: number,
    old: Uint8Array | undefined,
    record: Uint8Array | undefined,
    at: Readonly<typeof atStart> = atStart,
  ): void {
    const { upTo, sharing, buckets } = this.#options;
    if (upTo !== WHOLE && bytes.compare(upTo, 0, upTo.length, start, end) > 0) return;
    const key = this.#key;
    key.take(bytes, start, end);
    const bucket = bucketOf(key.first, buckets);
    const groups = sharing.groupsOf(key.first, this.#groups);
    for (let index = 0; index < groups; index++) {
      const sums = this.#sums[this.#groups[index] as number] as Digests;
      if (old !== undefined) countRecord(sums, bucket, key, old, at.old, -1);
      if (record !== undefined) countRecord(sums, bucket, key, record, at.record, 1);
    }
  }

  /** Puts the sums. */
  keep(): void {
    const { owner, database } = this.#options;
    for (const [group, sums] of this.#sums.entries()) database.putSync(sumsKey(owner, group), encodeSums(sums));
  }
}

const SUMS_KEY_BYTES = 5;
/** So that keys of sums and `state` do not meet. */
const SUMS_KEY_FIRST = 1;
const afterSums = Buffer.from([SUMS_KEY_FIRST + 1]);

function sumsKey(owner: number, group: number): Buffer {
  const key = Buffer.alloc(SUMS_KEY_BYTES, SUMS_KEY_FIRST);
  key.writeUInt16BE(owner, 1);
  key.writeUInt16BE(group, 3);
  return key;
}

function encodeSums(sums: Digests): Buffer {
  const bytes = Buffer.allocUnsafe(sums.byteLength);
  for (let at = 0; at < sums.length; at++) bytes.writeUInt32LE(sums[at] as number, 4 * at);
  return bytes;
}

/** Reads into `sums`; what is not of their length is of no use. */
export function decodeSums(bytes: Buffer, sums: Digests): Digests {
  if (bytes.length !== sums.byteLength) return sums;
  for (let at = 0; at < sums.length; at++) sums[at] = bytes.readUInt32LE(4 * at);
  return sums;
}

function decodeState(bytes: Buffer): State {
  const { placement, upTo } = JSON.parse(bytes.toString()) as { readonly placement: string; readonly upTo?: string };
  return { placement, upTo: upTo === undefined ? WHOLE : Buffer.from(upTo, 'base64') };
}
