/**
 * Large values in the store, in chunks: no single LMDB transaction and no single read takes longer than a chunk, so the
 * event loop never waits for a whole value.
 *
 * In the place of the record stands a head: the record's own header with kind `chunked`, then the id of the chunk set
 * (8 bytes), the value's length (4), and a checksum of the head (4). The chunks stand in a database of their own under
 * set id and number. A set is complete before its head refers to it, and a head is replaced in the transaction that
 * removes its chunks; sets that are being written are listed, so that what a crash leaves behind is removed at the next
 * start. Sets are never changed, and a reader holds one snapshot from head to last chunk.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { RECORD_HEADER_BYTES } from '../../src/formats/record.ts';
import { allocateRecord } from '../../src/formats/reply.ts';
import { steps } from '../ground/pace.ts';
import type { Database, StoreEnvironment } from './environment.ts';
import type { ReadTransaction } from './range.ts';

/** One transaction's worth of a large value: about 1 ms, and 3 ms with its fsync. */
const CHUNK_BYTES = 512 * 1024;
const SET_ID_BYTES = 8;
const HEAD_BYTES = RECORD_HEADER_BYTES + SET_ID_BYTES + 8;
const KIND_OFFSET = 16;
const KIND_CHUNKED = 2;

/** lmdb's types leave out that `getBinaryFast` takes options as `get` does. */
interface FastReader {
  getBinaryFast(key: Buffer, options: { readonly transaction: ReadTransaction }): Uint8Array | undefined;
}

export class LargeValues {
  readonly chunks: Database<Buffer, Buffer>;
  readonly #environment: StoreEnvironment;
  readonly #unfinished: Database<Buffer, Buffer>;

  constructor(environment: StoreEnvironment) {
    this.#environment = environment;
    this.chunks = environment.openDatabase('chunks');
    this.#unfinished = environment.openDatabase('unfinished');
  }

  /** Removes what an unclean stop left of sets that never got a head. */
  removeUnfinished(): void {
    for (const setId of Array.from(this.#unfinished.getKeys())) this.#removeSet(setId);
  }

  /** Writes a record's value as chunks, one transaction each; returns the head that is to stand in its place. */
  async write(record: Buffer): Promise<Buffer> {
    const setId = randomBytes(SET_ID_BYTES);
    this.#put(this.#unfinished, setId, Buffer.alloc(0));
    try {
      await this.#writeChunks(record.subarray(RECORD_HEADER_BYTES), setId);
    } catch (error) {
      this.#tryToRemoveSet(setId);
      throw error;
    }
    return makeHead(record, setId);
  }

  async #writeChunks(value: Buffer, setId: Buffer): Promise<void> {
    for (let number = 0; number * CHUNK_BYTES < value.length; number++) {
      await steps.pause();
      const chunk = value.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES);
      this.#put(this.chunks, chunkKey(setId, number), chunk);
    }
    await steps.pause();
  }

  #put(database: Database<Buffer, Buffer>, key: Buffer, value: Buffer): void {
    this.#environment.transact({ writes: 1, bytes: key.length + value.length }, () => database.putSync(key, value));
  }

  #removeSet(setId: Buffer): void {
    // The keys are collected first: LMDB's cursors do not survive the removal of what they stand on.
    const keys = Array.from(this.chunks.getKeys({ start: setId, end: after(setId) }));
    this.#environment.transact({ writes: keys.length + 1, bytes: 0 }, () => {
      for (const key of keys) this.chunks.removeSync(key);
      this.#unfinished.removeSync(setId);
    });
  }

  /** On a full disk there may be no room even to remove; the set stays listed and goes at the next start. */
  #tryToRemoveSet(setId: Buffer): void {
    try {
      this.#removeSet(setId);
    } catch {
      return;
    }
  }

  /** Inside a transaction: the head now stands in the store. */
  finish(head: Buffer): void {
    this.#unfinished.removeSync(setIdOf(head));
  }

  /** Inside a transaction: removes the chunks of a head that is replaced, or was never used. */
  remove(head: Buffer): void {
    const setId = setIdOf(head);
    for (let number = 0; number * CHUNK_BYTES < valueBytesOf(head); number++) {
      this.chunks.removeSync(chunkKey(setId, number));
    }
    this.#unfinished.removeSync(setId);
  }

  /** Reads the whole record for a head, a chunk a turn; `undefined` where chunks are missing. */
  async read(head: Buffer, transaction: ReadTransaction): Promise<Buffer | undefined> {
    const record = allocateRecord(RECORD_HEADER_BYTES + valueBytesOf(head));
    recordHeaderOf(head).copy(record);
    const setId = setIdOf(head);
    for (let at = RECORD_HEADER_BYTES, number = 0; at < record.length; number++) {
      const chunk = this.chunks.get(chunkKey(setId, number), { transaction });
      if (chunk === undefined || chunk.length > record.length - at) return undefined;
      record.set(chunk, at);
      at += chunk.length;
      await steps.pause();
    }
    return record;
  }

  /**
   * One chunk of a head's value, copied to the start of `target` where that has the room; undefined where it is missing
   * or has not the length that it must have.
   */
  readChunk(
    head: Buffer,
    number: number,
    { transaction, target }: { readonly transaction: ReadTransaction; readonly target: Buffer | undefined },
  ): Buffer | undefined {
    const length = Math.min(CHUNK_BYTES, valueBytesOf(head) - number * CHUNK_BYTES);
    const chunk = (this.chunks as unknown as FastReader).getBinaryFast(chunkKey(setIdOf(head), number), {
      transaction,
    });
    if (chunk?.length !== length) return undefined;
    const room = target !== undefined && target.buffer.byteLength >= length ? Buffer.from(target.buffer) : undefined;
    const copy = (room ?? Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, valueBytesOf(head)))).subarray(0, length);
    copy.set(new Uint8Array(chunk.buffer, chunk.byteOffset, length));
    return copy;
  }
}

/** Whether what stands under a key is the head of a large value, and an intact one. */
export function isLargeHead(stored: Buffer): boolean {
  if (stored.length !== HEAD_BYTES || stored[KIND_OFFSET] !== KIND_CHUNKED) return false;
  return crc32(stored.subarray(0, HEAD_BYTES - 4)) === stored.readUInt32LE(HEAD_BYTES - 4);
}

function makeHead(record: Buffer, setId: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  record.copy(head, 0, 0, RECORD_HEADER_BYTES);
  head[KIND_OFFSET] = KIND_CHUNKED;
  setId.copy(head, RECORD_HEADER_BYTES);
  head.writeUInt32LE(record.length - RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + SET_ID_BYTES);
  head.writeUInt32LE(crc32(head.subarray(0, HEAD_BYTES - 4)), HEAD_BYTES - 4);
  return head;
}

/** The header of the record that a head stands for. */
export function recordHeaderOf(head: Buffer): Buffer {
  const header = Buffer.from(head.subarray(0, RECORD_HEADER_BYTES));
  header[KIND_OFFSET] = 0;
  return header;
}

/** How many chunks a head's value has. */
export function chunkCount(head: Buffer): number {
  return Math.ceil(valueBytesOf(head) / CHUNK_BYTES);
}

function setIdOf(head: Buffer): Buffer {
  return Buffer.from(head.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + SET_ID_BYTES));
}

/** Bytes of a head's value. */
export function valueBytesOf(head: Buffer): number {
  return head.readUInt32LE(RECORD_HEADER_BYTES + SET_ID_BYTES);
}

function chunkKey(setId: Buffer, number: number): Buffer {
  const key = Buffer.alloc(SET_ID_BYTES + 4);
  setId.copy(key);
  key.writeUInt32BE(number, SET_ID_BYTES);
  return key;
}

/** The first key after all chunks of a set. */
function after(setId: Buffer): Buffer {
  return Buffer.concat([setId, Buffer.alloc(5, 0xff)]);
}
