/**
 * Reading large values, which stand in LMDB in chunks: no single read takes longer than a chunk, so the event loop never
 * waits for a whole value. A set of chunks is complete and on the disk before its head is logged, it is never changed, and
 * a reader holds one snapshot from head to last chunk.
 */
import { Buffer } from 'node:buffer';
import { CHUNK_BYTES, chunkKey, recordHeaderOf, setIdOf, valueBytesOf } from '../../src/formats/large-head.ts';
import { RECORD_HEADER_BYTES } from '../../src/formats/record.ts';
import { allocateRecord } from '../../src/formats/reply.ts';
import { steps } from '../ground/pace.ts';
import type { Database, ReadTransaction, StoreEnvironment } from './environment.ts';

/** lmdb's types leave out that `getBinaryFast` takes options as `get` does. */
interface FastReader {
  getBinaryFast(key: Buffer, options: { readonly transaction: ReadTransaction }): Uint8Array | undefined;
}

export class LargeValues {
  readonly chunks: Database<Buffer, Buffer>;

  constructor(environment: StoreEnvironment) {
    this.chunks = environment.openDatabase('chunks');
  }

  /** Reads the whole record for a head, a chunk a turn; `undefined` where chunks are missing. */
  async read(head: Buffer, transaction: ReadTransaction): Promise<Buffer | undefined> {
    const record = allocateRecord(RECORD_HEADER_BYTES + valueBytesOf(head));
    recordHeaderOf(head).copy(record, 0, 0, RECORD_HEADER_BYTES);
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
