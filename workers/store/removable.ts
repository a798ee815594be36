/**
 * Which records in LMDB can go one day, tombstones and values that expire, in the order in which they can: a database of its
 * own, so that their removal looks at nothing else.
 *
 *   key    from when on (8 bytes, microseconds since 1970, big-endian), then the record's key
 *
 * From when on: a tombstone's version, the later of a value's version and expiry. Entries are put in the transactions that put
 * their records, and none is taken out when its record is replaced: the removal looks what stands there.
 */
import { Buffer } from 'node:buffer';
import { removableFrom } from '../../src/formats/large-head.ts';
import type { Version } from '../../src/formats/record.ts';
import type { Database, StoreEnvironment } from './environment.ts';

const TIME_BYTES = 8;
/** LMDB takes no longer keys. A record under one that is longer without the time stays. */
const KEY_BYTES_MAX = 1978;
const nothing = Buffer.alloc(0);

/** An entry as it was found. */
export interface RemovableEntry {
  readonly from: Version;
  /** The record's. */
  readonly key: Buffer;
  /** The entry's own. */
  readonly entryKey: Buffer;
}

export class Removable {
  readonly database: Database<Buffer, Buffer>;

  constructor(environment: StoreEnvironment) {
    this.database = environment.openDatabase('removable');
  }

  /** A record is put; inside the transaction that puts it. */
  note(key: Buffer, record: Buffer): void {
    const from = removableFrom(record);
    if (from !== undefined && TIME_BYTES + key.length <= KEY_BYTES_MAX)
      this.database.putSync(entryKeyOf(from, key), nothing);
  }

  /** Entries from behind `after` on, of what can go below a bound. */
  list(after: Buffer | undefined, below: Version, limit: number): RemovableEntry[] {
    const start = after === undefined ? nothing : Buffer.concat([after, Buffer.alloc(1)]);
    const keys = Array.from(this.database.getKeys({ start, end: entryKeyOf(below, nothing), limit }));
    return keys.map((entryKey) => ({ from: timeOf(entryKey), key: entryKey.subarray(TIME_BYTES), entryKey }));
  }

  /** From when on the first of all can go; undefined where there is none. */
  get first(): Version | undefined {
    const [entryKey] = Array.from(this.database.getKeys({ limit: 1 }));
    return entryKey === undefined ? undefined : timeOf(entryKey);
  }

  get count(): number {
    return (this.database.getStats() as { readonly entryCount: number }).entryCount;
  }

  remove({ entryKey }: RemovableEntry): void {
    this.database.removeSync(entryKey);
  }
}

const HALF = 2 ** 32;

function entryKeyOf(from: Version, key: Buffer): Buffer {
  const entryKey = Buffer.allocUnsafe(TIME_BYTES + key.length);
  entryKey.writeUInt32BE(Math.floor(from / HALF), 0);
  entryKey.writeUInt32BE(from % HALF, 4);
  entryKey.set(key, TIME_BYTES);
  return entryKey;
}

function timeOf(entryKey: Buffer): Version {
  return entryKey.readUInt32BE(0) * HALF + entryKey.readUInt32BE(4);
}
