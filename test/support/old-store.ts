/** Stores of the formats before the log, as those versions left them: everything in LMDB. */
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { CHUNK_BYTES, chunkKey, makeHead } from '../../src/formats/large-head.ts';
import { RECORD_HEADER_BYTES, recordKinds, sealRecord } from '../../src/formats/record.ts';

const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;
const LARGE_BYTES = CHUNK_BYTES + 1000;

/** Writes a store that was closed at durability `fsync`; returns what it holds, undefined for what was deleted. */
export async function writeOldStore(directory: string, format: number): Promise<Map<string, Buffer | undefined>> {
  mkdirSync(directory, { recursive: true });
  const mark = { format, durability: 'fsync', bootId: 'an earlier boot', clean: true };
  writeFileSync(join(directory, 'kvorum.json'), `${JSON.stringify(mark)}\n`.padEnd(256));
  const held = new Map<string, Buffer | undefined>([
    ['small', Buffer.from('value')],
    ['empty', Buffer.alloc(0)],
    ['deleted', undefined],
    ['large', Buffer.alloc(LARGE_BYTES, 'large ')],
  ]);
  const root = open<Buffer, Buffer>({ path: join(directory, 'store.mdb'), noSubdir: true, ...binary });
  const [records, chunks, unfinished, meta, endless] = ['records', 'chunks', 'unfinished', 'meta', 'endless'].map(
    (name) => root.openDB<Buffer, Buffer>(name, binary),
  );
  root.transactionSync(() => {
    for (const [key, value] of held) {
      const record = recordOf(key, value);
      if (value === undefined || value.length < LARGE_BYTES) records?.putSync(Buffer.from(key), record);
      else records?.putSync(Buffer.from(key), makeHead(record, putChunks(value, 1)));
    }
    // A set whose head was never put: the process ended before.
    const lost = putChunks(Buffer.alloc(LARGE_BYTES, 'lost '), 2);
    unfinished?.putSync(lost, Buffer.alloc(0));
    const bound = Buffer.alloc(8);
    bound.writeDoubleLE(10_000_000);
    meta?.putSync(Buffer.from('created'), Buffer.from('2026-01-01T00:00:00.000Z'));
    if (format > 1) meta?.putSync(Buffer.from('newest version'), bound);
    if (format > 1) endless?.putSync(Buffer.from([1, 2]), Buffer.alloc(0));
  });
  await root.close();
  return held;

  function putChunks(value: Buffer, first: number): Buffer {
    const setId = Buffer.alloc(8, first);
    for (let number = 0; number * CHUNK_BYTES < value.length; number++) {
      chunks?.putSync(chunkKey(setId, number), value.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES));
    }
    return setId;
  }
}

function recordOf(key: string, value: Buffer | undefined): Buffer {
  const record = Buffer.alloc(RECORD_HEADER_BYTES + (value?.length ?? 0));
  value?.copy(record, RECORD_HEADER_BYTES);
  const kind = value === undefined ? recordKinds.tombstone : recordKinds.value;
  sealRecord(record, 0, value?.length ?? 0, Buffer.from(key), { version: 1_000_000, nodeId: 1, kind });
  return record;
}
