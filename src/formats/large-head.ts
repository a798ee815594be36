/**
 * The head of a large value: what stands in the place of its record, in the log and in LMDB, while the value's bytes stand
 * in chunks. It is the record's own header with kind `chunked`, then the id of the chunk set (8 bytes), how many bytes the chunks
 * have (4), of a value that expires when (8), and a checksum of the head (4). The chunks hold all that stands behind the header
 * of the record, the expiry included: the head has it once more, so that nobody need read a chunk to know it.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import {
  EXPIRY_BYTES,
  isTombstone,
  readExpiry,
  readVersion,
  RECORD_HEADER_BYTES,
  recordKinds,
  type Version,
} from './record.ts';

/** One chunk: reading or summing it takes about 1 ms. */
export const CHUNK_BYTES = 512 * 1024;
export const SET_ID_BYTES = 8;
const LENGTH_OFFSET = RECORD_HEADER_BYTES + SET_ID_BYTES;
const EXPIRY_OFFSET = LENGTH_OFFSET + 4;
const CHECKSUM_BYTES = 4;
const HEAD_BYTES = EXPIRY_OFFSET + CHECKSUM_BYTES;
const EXPIRING_HEAD_BYTES = HEAD_BYTES + EXPIRY_BYTES;
const KIND_OFFSET = 16;
const KIND_CHUNKED = 2;

/** Whether what stands under a key is the head of a large value, and an intact one. */
export function isLargeHead(stored: Buffer): boolean {
  if (stored[KIND_OFFSET] !== KIND_CHUNKED) return false;
  if (stored.length !== HEAD_BYTES && stored.length !== EXPIRING_HEAD_BYTES) return false;
  const end = stored.length - CHECKSUM_BYTES;
  return crc32(stored.subarray(0, end)) === stored.readUInt32LE(end);
}

/** Whether the record at `offset` is of the kind that heads are; only of one that was checked. */
export function hasLargeKind(bytes: Buffer, offset: number): boolean {
  return bytes[offset + KIND_OFFSET] === KIND_CHUNKED;
}

/** The head of a record whose value stands in the chunk set `setId`. */
export function makeHead(record: Buffer, setId: Buffer): Buffer {
  const expiresAt = readExpiry(record, 0);
  const head = Buffer.alloc(expiresAt === 0 ? HEAD_BYTES : EXPIRING_HEAD_BYTES);
  const end = head.length - CHECKSUM_BYTES;
  record.copy(head, 0, 0, RECORD_HEADER_BYTES);
  head[KIND_OFFSET] = KIND_CHUNKED;
  setId.copy(head, RECORD_HEADER_BYTES);
  head.writeUInt32LE(record.length - RECORD_HEADER_BYTES, LENGTH_OFFSET);
  if (expiresAt !== 0) head.writeDoubleLE(expiresAt, EXPIRY_OFFSET);
  head.writeUInt32LE(crc32(head.subarray(0, end)), end);
  return head;
}

/** The header of the record that a head stands for, with the expiry of one that expires. */
export function recordHeaderOf(head: Buffer): Buffer {
  const expires = head.length === EXPIRING_HEAD_BYTES;
  const header = Buffer.alloc(expires ? RECORD_HEADER_BYTES + EXPIRY_BYTES : RECORD_HEADER_BYTES);
  head.copy(header, 0, 0, RECORD_HEADER_BYTES);
  if (expires) head.copy(header, RECORD_HEADER_BYTES, EXPIRY_OFFSET, EXPIRY_OFFSET + EXPIRY_BYTES);
  header[KIND_OFFSET] = expires ? recordKinds.expiring : recordKinds.value;
  return header;
}

/** When the value of a head expires, milliseconds since 1970; 0 where it does not. */
function expiryOfHead(head: Buffer): number {
  return head.length === EXPIRING_HEAD_BYTES ? head.readDoubleLE(EXPIRY_OFFSET) : 0;
}

/** Whether both are heads, and of the same write: it came again, and their chunk sets may differ. */
export function areSameLargeWrite(left: Buffer, right: Buffer): boolean {
  if (!isLargeHead(left) || !isLargeHead(right)) return false;
  // The stamp, and the checksum of key and value.
  return left.compare(right, 0, KIND_OFFSET, 0, KIND_OFFSET) === 0;
}

/** How many chunks a head's value has. */
export function chunkCount(head: Buffer): number {
  return Math.ceil(valueBytesOf(head) / CHUNK_BYTES);
}

/** The id of a head's chunk set. */
export function setIdOf(head: Buffer): Buffer {
  return Buffer.from(head.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + SET_ID_BYTES));
}

/** Bytes of a head's chunks: its value, and the expiry before it. */
export function valueBytesOf(head: Buffer): number {
  return head.readUInt32LE(LENGTH_OFFSET);
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

/** From which version on, as of a bound, a stored record can go; undefined where it stays. */
export function removableFrom(record: Buffer): Version | undefined {
  if (isTombstone(record, 0)) return readVersion(record, 0);
  const expiresAt = isLargeHead(record) ? expiryOfHead(record) : readExpiry(record, 0);
  return expiresAt === 0 ? undefined : Math.max(readVersion(record, 0), expiresAt * 1000);
}
