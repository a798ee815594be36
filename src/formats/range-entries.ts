/**
 * The entries that a peer streams to the coordinator of a cluster scan (range-format.ts), read as they come in.
 *
 * Bytes come in buffers that start and end anywhere. A small entry is shown as a view once all of it is there; of a large
 * one only the header, and its value is taken in the pieces in which it comes, or passed over. Marks of what was left out are read
 * only where they were asked for.
 */
import { Buffer } from 'node:buffer';
import { KvorumError } from '../diagnostics/errors.ts';
import { type RangeEntry, ENTRY_HEAD_BYTES, leftOutMark } from './range-format.ts';
import { storedKeyBytesMax, storedRecordBytesMax } from './peer-entry.ts';
import { hasSoundHeader, headerBytesOf, isLargeRecord, RECORD_HEADER_BYTES } from './record.ts';

const nothing = Buffer.alloc(0);

export interface RangeEntryReaderOptions {
  /** Whether marks of what was left out are read; else they are no entries. */
  readonly mayLeaveOut?: boolean;
  /** Whether entries without a record are shown, whose records are damaged at the peer; else they are no entries. */
  readonly takesDamaged?: boolean;
}

export class RangeEntryReader {
  readonly #takesDamaged: boolean;
  /** The entry that `next` has found; valid until the next call of it. */
  readonly entry: RangeEntry = {
    key: nothing,
    keyStart: 0,
    keyEnd: 0,
    bytes: nothing,
    offset: 0,
    length: 0,
    recordBytes: 0,
  };
  /** Whether something was left out between this entry, or the end, and the entry before. */
  leavesOut = false;
  /** Bytes pushed and not yet read. */
  waitingBytes = 0;
  readonly #buffers: Buffer[] = [];
  #current: Buffer = nothing;
  #at = 0;
  #valueBytes = 0;
  readonly #mayLeaveOut: boolean;
  /** Whether `entry` is the one that follows what was left out. */
  #isFound = false;

  constructor({ mayLeaveOut = false, takesDamaged = false }: RangeEntryReaderOptions = {}) {
    this.#mayLeaveOut = mayLeaveOut;
    this.#takesDamaged = takesDamaged;
  }

  push(bytes: Buffer): void {
    this.#buffers.push(bytes);
    this.waitingBytes += bytes.length;
  }

  /** Bytes of the entry's large value that have not been taken. */
  get valueBytes(): number {
    return this.#valueBytes;
  }

  /** Whether nothing of an entry is left over. */
  get isEmpty(): boolean {
    return this.waitingBytes === 0 && this.#valueBytes === 0;
  }

  /** Whether the entry's value is taken with `takeValue`. */
  get isLarge(): boolean {
    return isLargeRecord(this.entry.recordBytes) && this.entry.length < this.entry.recordBytes;
  }

  /** Finds the next entry; false where it is not all there yet. Throws `corrupt-frame`. */
  next(): boolean {
    while (this.#valueBytes > 0) if (this.takeValue() === undefined) return false;
    if (this.#isFound) this.#isFound = this.leavesOut = false;
    if (!this.#gather(ENTRY_HEAD_BYTES)) return false;
    if (this.#mayLeaveOut && this.#readMark()) return this.next();
    const recordBytes = this.#current.readUInt32LE(this.#at);
    const keyBytes = this.#current.readUInt16LE(this.#at + 4);
    if (keyBytes === 0 || keyBytes > storedKeyBytesMax || recordBytes > storedRecordBytesMax) {
      throw new KvorumError('corrupt-frame', 'A range entry has impossible lengths');
    }
    const headBytes = ENTRY_HEAD_BYTES + keyBytes;
    if (isLargeRecord(recordBytes) && !this.#gather(headBytes + RECORD_HEADER_BYTES)) return false;
    const length = isLargeRecord(recordBytes) ? headerBytesOf(this.#current, this.#at + headBytes) : recordBytes;
    const size = headBytes + length;
    if (!this.#gather(size)) return false;
    const isDamaged = recordBytes === 0 && this.#takesDamaged;
    if (!isDamaged && !hasSoundHeader(this.#current, this.#at + headBytes, recordBytes)) {
      throw new KvorumError('corrupt-frame', 'The record of a range entry has an impossible header');
    }
    this.#show(keyBytes, length, recordBytes);
    this.#at += size;
    this.waitingBytes -= size;
    this.#valueBytes = recordBytes - length;
    this.#isFound = true;
    return true;
  }

  #readMark(): boolean {
    if (this.leavesOut || leftOutMark.compare(this.#current, this.#at, this.#at + ENTRY_HEAD_BYTES) !== 0) return false;
    this.#at += ENTRY_HEAD_BYTES;
    this.waitingBytes -= ENTRY_HEAD_BYTES;
    this.leavesOut = true;
    return true;
  }

  /** The next piece of the entry's large value; undefined where none has come, and at its end. */
  takeValue(): Buffer | undefined {
    if (this.#valueBytes === 0 || !this.#gather(1)) return undefined;
    const end = Math.min(this.#current.length, this.#at + this.#valueBytes);
    const piece = this.#current.subarray(this.#at, end);
    this.#at = end;
    this.#valueBytes -= piece.length;
    this.waitingBytes -= piece.length;
    return piece;
  }

  #show(keyBytes: number, length: number, recordBytes: number): void {
    const { entry } = this;
    entry.key = this.#current;
    entry.keyStart = this.#at + ENTRY_HEAD_BYTES;
    entry.keyEnd = entry.keyStart + keyBytes;
    entry.bytes = this.#current;
    entry.offset = entry.keyEnd;
    entry.length = length;
    entry.recordBytes = recordBytes;
  }

  /** Makes `size` bytes stand together at `#at`; false where they have not come. */
  #gather(size: number): boolean {
    if (this.waitingBytes < size) return false;
    while (this.#current.length - this.#at < size) {
      const next = this.#buffers.shift() as Buffer;
      const rest = this.#current.length - this.#at;
      this.#current = rest === 0 ? next : Buffer.concat([this.#current.subarray(this.#at), next]);
      this.#at = 0;
    }
    return true;
  }
}
