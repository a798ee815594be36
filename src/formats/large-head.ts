/**
 * The head of a large value: what stands in the place of its record, in the log and in LMDB, while the value's bytes stand
 * in chunks. It is the record's own header with kind `chunked`, then the id of the chunk set (8 bytes), the value's length
 * (4), and a checksum of the head (4).
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { readStamp, RECORD_HEADER_BYTES } from './record.ts';

/** One chunk: reading or summing it takes about 1 ms. */
export const CHUNK_BYTES = 512 * 1024;
export const SET_ID_BYTES = 8;
const HEAD_BYTES = RECORD_HEADER_BYTES + SET_ID_BYTES + 8;
const KIND_OFFSET = 16;
const KIND_CHUNKED = 2;

/** Whether what stands under a key is the head of a large value, and an intact one. */
export function isLargeHead(stored: Buffer): boolean {
  if (stored.length !== HEAD_BYTES || stored[KIND_OFFSET] !== KIND_CHUNKED) return false;
  return crc32(stored.subarray(0, HEAD_BYTES - 4)) === stored.readUInt32LE(HEAD_BYTES - 4);
}

/** Whether the record at `offset` is of the kind that heads are; only of one that was checked. */
export function hasLargeKind(bytes: Buffer, offset: number): boolean {
  return bytes[offset + KIND_OFFSET] === KIND_CHUNKED;
}

/** The head of a record whose value stands in the chunk set `setId`. */
export function makeHead(record: Buffer, setId: Buffer): Buffer {
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

/** Whether both are heads, and of the same write: it came again, and their chunk sets may differ. */
export function areSameLargeWrite(left: Buffer, right: Buffer): boolean {
  if (!isLargeHead(left) || !isLargeHead(right)) return false;
  const [one, other] = [readStamp(left, 0), readStamp(right, 0)];
  return one.version === other.version && one.nodeId === other.nodeId;
}

/** How many chunks a head's value has. */
export function chunkCount(head: Buffer): number {
  return Math.ceil(valueBytesOf(head) / CHUNK_BYTES);
}

/** The id of a head's chunk set. */
export function setIdOf(head: Buffer): Buffer {
  return Buffer.from(head.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + SET_ID_BYTES));
}

/** Bytes of a head's value. */
export function valueBytesOf(head: Buffer): number {
  return head.readUInt32LE(RECORD_HEADER_BYTES + SET_ID_BYTES);
}

/** The key of a chunk. */
export function chunkKey(setId: Buffer, number: number): Buffer {
  const key = Buffer.alloc(SET_ID_BYTES + 4);
  setId.copy(key);
  key.writeUInt32BE(number, SET_ID_BYTES);
  return key;
}

/** The first key after all chunks of a set. */
export function afterSet(setId: Buffer): Buffer {
  return Buffer.concat([setId, Buffer.alloc(5, 0xff)]);
}
