/** The records of a node that is stopped, read and written past it. */
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { open, type Database } from 'lmdb';
import { isTombstone, readVersion } from '../../src/formats/record.ts';

const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** Opens the store in a data directory, hands its records to `use`, and closes it. */
export function withRecords<T>(directory: string, use: (records: Database<Buffer, Buffer>) => T): Promise<T> {
  return withDatabase(directory, 'records', use);
}

/** As `withRecords`, for any of the store's databases. */
export async function withDatabase<T>(
  directory: string,
  name: string,
  use: (database: Database<Buffer, Buffer>) => T,
): Promise<T> {
  const environment = open<Buffer, Buffer>({ path: join(directory, 'store.mdb'), noSubdir: true, ...binary });
  try {
    return use(environment.openDB<Buffer, Buffer>(name, binary));
  } finally {
    await environment.flushed;
    await environment.close();
  }
}

export interface StoredRecord {
  readonly version: number;
  readonly deleted: boolean;
  readonly value: Buffer;
}

/** Everything that a stopped node holds, by key. */
export async function storedRecords(directory: string): Promise<Map<string, StoredRecord>> {
  const found = new Map<string, StoredRecord>();
  for (const name of ['records', 'tombstones']) {
    await withDatabase(directory, name, (records) => {
      for (const { key, value } of records.getRange()) {
        const record = Buffer.from(value);
        found.set(Buffer.from(key).toString('utf8'), {
          version: readVersion(record, 0),
          deleted: isTombstone(record, 0),
          value: record.subarray(17),
        });
      }
    });
  }
  return found;
}
