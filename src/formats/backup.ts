/**
 * The file of a backup: records as replicas hold them, with their versions, tombstones and expiries, in the order of their
 * keys. Little-endian.
 *
 *   header   8  "KVORUMBK"
 *            4  version of this format: 1
 *            8  when the backup began, milliseconds since 1970 (float64)
 *            4  CRC-32 of the bytes before
 *   blocks   4  bytes of its entries, never 0
 *            4  how many entries these are
 *            4  CRC-32 over that of the block before (of the header for the first), the 8 bytes before, and the entries
 *            .  whole entries: 4 bytes record length, 2 bytes key length, key, record (range-format.ts, record.ts)
 *   end      4  0
 *            4  blocks
 *            8  entries of all blocks (float64)
 *            8  bytes of all entries (float64)
 *            4  CRC-32 over that of the last block and the 24 bytes before
 *
 * Each checksum goes on from the one before, so that a block that is missing, stands twice or in another place is found
 * where it stands. A file without its end is cut.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { KvorumError } from '../diagnostics/errors.ts';
import { storedKeyBytesMax, storedRecordBytesMax } from './peer-entry.ts';
import { ENTRY_HEAD_BYTES } from './range-format.ts';
import { isIntact } from './record.ts';

const magic = Buffer.from('KVORUMBK', 'latin1');
const FORMAT_VERSION = 1;
const HEADER_BYTES = 24;
const BLOCK_HEAD_BYTES = 12;
const END_BYTES = 28;
/** A block has one entry at least, however long it is. */
const BLOCK_BYTES_MAX = ENTRY_HEAD_BYTES + storedKeyBytesMax + storedRecordBytesMax;

/** A record and its key. */
export interface BackupEntry {
  readonly key: Buffer;
  readonly record: Buffer;
}

/** What a whole backup has. */
export interface BackupCounts {
  readonly blocks: number;
  readonly entries: number;
  readonly bytes: number;
}

export const noCounts: BackupCounts = { blocks: 0, entries: 0, bytes: 0 };

/** What a reader finds next. */
export type BackupPiece =
  | { readonly kind: 'header'; readonly beganAtMs: number }
  /** `entries` parse to their end (`entriesIn`). */
  | { readonly kind: 'block'; readonly entries: Buffer; readonly count: number }
  | { readonly kind: 'end'; readonly counts: BackupCounts };

/** Bytes of a backup, piece by piece: the header, blocks, the end. */
export class BackupWriter {
  #sum = 0;
  #counts = noCounts;

  get counts(): BackupCounts {
    return this.#counts;
  }

  header(beganAtMs: number): Buffer {
    const bytes = Buffer.alloc(HEADER_BYTES);
    magic.copy(bytes);
    bytes.writeUInt32LE(FORMAT_VERSION, 8);
    bytes.writeDoubleLE(beganAtMs, 12);
    this.#sum = crc32(bytes.subarray(0, HEADER_BYTES - 4));
    bytes.writeUInt32LE(this.#sum, HEADER_BYTES - 4);
    return bytes;
  }

  /** A block of one entry or more; its head and the entries, which are not copied. */
  block(entries: readonly BackupEntry[]): Buffer[] {
    const pieces = entries.flatMap(({ key, record }) => [entryHead(key, record), key, record]);
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const head = Buffer.alloc(BLOCK_HEAD_BYTES);
    head.writeUInt32LE(size, 0);
    head.writeUInt32LE(entries.length, 4);
    this.#sum = [head.subarray(0, 8), ...pieces].reduce((sum, piece) => crc32(piece, sum), this.#sum);
    head.writeUInt32LE(this.#sum, 8);
    const { blocks, entries: before, bytes } = this.#counts;
    this.#counts = { blocks: blocks + 1, entries: before + entries.length, bytes: bytes + size };
    return [head, ...pieces];
  }

  end(): Buffer {
    const bytes = Buffer.alloc(END_BYTES);
    bytes.writeUInt32LE(this.#counts.blocks, 4);
    bytes.writeDoubleLE(this.#counts.entries, 8);
    bytes.writeDoubleLE(this.#counts.bytes, 16);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, END_BYTES - 4), this.#sum), END_BYTES - 4);
    return bytes;
  }
}

/** Reads a backup as its bytes come, however they are cut. What it has given was whole and in its place. */
export class BackupReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** Bytes that came and are not in `#bytes` yet, since more are needed. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** How many bytes have been read. */
  #at = 0;
  #sum = 0;
  #counts = noCounts;
  #next: BackupPiece['kind'] | 'nothing' = 'header';

  push(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  /** The next piece; undefined where it is not all there yet. Throws `backup-damaged`. */
  next(): BackupPiece | undefined {
    if (this.#next === 'header') return this.#header();
    if (this.#next === 'block') return this.#blockOrEnd();
    if (this.#has(1)) throw this.#damaged('goes on behind its end');
    return undefined;
  }

  /** No more bytes come. Throws `backup-damaged` where the end is missing. */
  finish(): void {
    if (this.#next === 'nothing') return;
    const within = this.#next === 'header' ? 'its header' : `block ${this.#counts.blocks + 1}`;
    throw this.#damaged(`is cut: it ends within ${within}, after ${this.#counts.entries} whole records`);
  }

  #header(): BackupPiece | undefined {
    if (!this.#has(HEADER_BYTES)) return undefined;
    const bytes = this.#bytes;
    if (!bytes.subarray(0, magic.length).equals(magic)) throw this.#damaged('is no backup of Kvorum');
    this.#sum = crc32(bytes.subarray(0, HEADER_BYTES - 4));
    if (bytes.readUInt32LE(HEADER_BYTES - 4) !== this.#sum) throw this.#damaged('has a damaged header');
    const format = bytes.readUInt32LE(8);
    if (format !== FORMAT_VERSION) throw this.#damaged(`has format ${format}; this version reads ${FORMAT_VERSION}`);
    const beganAtMs = bytes.readDoubleLE(12);
    this.#take(HEADER_BYTES);
    this.#next = 'block';
    return { kind: 'header', beganAtMs };
  }

  #blockOrEnd(): BackupPiece | undefined {
    if (!this.#has(BLOCK_HEAD_BYTES)) return undefined;
    const size = this.#bytes.readUInt32LE(0);
    if (size === 0) return this.#end();
    if (size > BLOCK_BYTES_MAX) throw this.#damaged(this.#inBlock('an impossible length'));
    if (!this.#has(BLOCK_HEAD_BYTES + size)) return undefined;
    const entries = this.#bytes.subarray(BLOCK_HEAD_BYTES, BLOCK_HEAD_BYTES + size);
    this.#sum = crc32(entries, crc32(this.#bytes.subarray(0, 8), this.#sum));
    if (this.#bytes.readUInt32LE(8) !== this.#sum) throw this.#damaged(this.#inBlock('a wrong checksum'));
    const count = this.#bytes.readUInt32LE(4);
    if (entriesIn(entries)?.length !== count) throw this.#damaged(this.#inBlock('records that do not parse'));
    const { blocks, entries: before, bytes } = this.#counts;
    this.#counts = { blocks: blocks + 1, entries: before + count, bytes: bytes + size };
    this.#take(BLOCK_HEAD_BYTES + size);
    return { kind: 'block', entries, count };
  }

  #end(): BackupPiece | undefined {
    if (!this.#has(END_BYTES)) return undefined;
    const bytes = this.#bytes;
    const { blocks, entries, bytes: size } = this.#counts;
    const isRight = bytes.readUInt32LE(END_BYTES - 4) === crc32(bytes.subarray(0, END_BYTES - 4), this.#sum);
    const isComplete =
      bytes.readUInt32LE(4) === blocks && bytes.readDoubleLE(8) === entries && bytes.readDoubleLE(16) === size;
    if (!isRight || !isComplete) throw this.#damaged(`has a damaged end, after ${entries} whole records`);
    this.#take(END_BYTES);
    this.#next = 'nothing';
    return { kind: 'end', counts: this.#counts };
  }

  /** Makes so many bytes stand together; false where they have not come. */
  #has(size: number): boolean {
    if (this.#bytes.length >= size) return true;
    if (this.#bytes.length + this.#waitingBytes < size) return false;
    this.#bytes = Buffer.concat([this.#bytes, ...this.#waiting]);
    this.#waiting = [];
    this.#waitingBytes = 0;
    return true;
  }

  #take(size: number): void {
    this.#bytes = this.#bytes.subarray(size);
    this.#at += size;
  }

  #inBlock(what: string): string {
    return `is damaged in block ${this.#counts.blocks + 1}, after ${this.#counts.entries} whole records: ${what}`;
  }

  #damaged(what: string): KvorumError {
    return new KvorumError('backup-damaged', `The backup ${what} (byte ${this.#at})`);
  }
}

/** The entries of a run of them, as views; undefined where it does not parse to its end, or some could be no record's. */
export function entriesIn(bytes: Buffer): BackupEntry[] | undefined {
  const entries: BackupEntry[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < ENTRY_HEAD_BYTES) return undefined;
    const recordStart = at + ENTRY_HEAD_BYTES + bytes.readUInt16LE(at + 4);
    const end = recordStart + bytes.readUInt32LE(at);
    const key = bytes.subarray(at + ENTRY_HEAD_BYTES, recordStart);
    if (end > bytes.length || key.length === 0 || key.length > storedKeyBytesMax || !isUtf8(key)) return undefined;
    entries.push({ key, record: bytes.subarray(recordStart, end) });
    at = end;
  }
  return entries;
}

/** Whether a record is what its key's replicas stored. */
export function isWhole({ key, record }: BackupEntry): boolean {
  return isIntact(record, 0, record.length, key);
}

function entryHead(key: Buffer, record: Buffer): Buffer {
  const head = Buffer.alloc(ENTRY_HEAD_BYTES);
  head.writeUInt32LE(record.length);
  head.writeUInt16LE(key.length, 4);
  return head;
}
