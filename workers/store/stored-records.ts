/**
 * What LMDB holds under the keys: values in the database `records`, tombstones in `tombstones`, so that a range over what was
 * deleted looks at none of them. A key stands in at most one of both, since every transaction that puts it into one takes it out
 * of the other. Stores of earlier versions have tombstones among the records: they count, and go with the next write or a purge.
 */
import { Buffer } from 'node:buffer';
import { isTombstone } from '../../src/formats/record.ts';
import type { Database, ReadTransaction, StoreEnvironment } from './environment.ts';

/** A key and its record. */
export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

export class StoredRecords {
  readonly values: Database<Buffer, Buffer>;
  readonly tombstones: Database<Buffer, Buffer>;

  constructor(environment: StoreEnvironment) {
    this.values = environment.openDatabase('records');
    this.tombstones = environment.openDatabase('tombstones');
  }

  get databases(): Database[] {
    return [this.values, this.tombstones];
  }

  get isEmpty(): boolean {
    return this.values.getKeysCount({ limit: 1 }) === 0 && !this.hasTombstones;
  }

  /** Of values, by LMDB's own count. */
  get count(): number {
    return (this.values.getStats() as { readonly entryCount: number }).entryCount;
  }

  get hasTombstones(): boolean {
    return this.tombstones.getKeysCount({ limit: 1 }) > 0;
  }

  /** What was committed is seen from now on. */
  refresh(): void {
    this.values.resetReadTxn();
  }

  /** The record under a key, as a view into a buffer that lmdb reuses. `hasTombstones`: false where it is known that there are none. */
  get(key: Buffer, hasTombstones = true): Buffer | undefined {
    const reused = this.getReused(key, hasTombstones);
    // The reused buffer's own `length` property says how much of it is the record; a grown one is no Buffer.
    return reused === undefined ? undefined : Buffer.from(reused.buffer, reused.byteOffset, reused.length);
  }

  /** `get`, as the buffer that lmdb reuses: none of Buffer's methods may be called. */
  getReused(key: Buffer, hasTombstones: boolean): Uint8Array | undefined {
    const value = this.values.getBinaryFast(key);
    return value === undefined && hasTombstones ? this.tombstones.getBinaryFast(key) : value;
  }

  /** The record under a key as of a snapshot. */
  getIn(key: Buffer, transaction: ReadTransaction): Buffer | undefined {
    return this.values.get(key, { transaction }) ?? this.tombstones.get(key, { transaction });
  }

  /** Entries in the order of keys from `start` on, at most `limit`. */
  *entries(start: Buffer, limit: number): Generator<StoredEntry> {
    const values = this.values.getRange({ start, limit })[Symbol.iterator]();
    const tombstones = this.tombstones.getRange({ start, limit })[Symbol.iterator]();
    try {
      let [value, tombstone] = [values.next(), tombstones.next()];
      for (let count = 0; count < limit && !(value.done === true && tombstone.done === true); count++) {
        if (tombstone.done === true || (value.done !== true && value.value.key.compare(tombstone.value.key) <= 0)) {
          yield value.value as StoredEntry;
          value = values.next();
        } else {
          yield tombstone.value;
          tombstone = tombstones.next();
        }
      }
    } finally {
      values.return?.();
      tombstones.return?.();
    }
  }

  /** Puts a record in the place of what stands under its key; inside a transaction, before which there were tombstones or not. */
  put(key: Buffer, record: Buffer, hasTombstones: boolean): void {
    if (isTombstone(record, 0)) {
      this.tombstones.putSync(key, record);
      this.values.removeSync(key);
    } else {
      this.values.putSync(key, record);
      // Half a microsecond, which stores without tombstones do not pay.
      if (hasTombstones) this.tombstones.removeSync(key);
    }
  }

  /** Removes what stands under a key; inside a transaction. */
  remove(key: Buffer): void {
    this.values.removeSync(key);
    this.tombstones.removeSync(key);
  }
}
