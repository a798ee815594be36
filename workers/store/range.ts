/**
 * A range of what is stored, of LMDB by one snapshot or of a layer of the memtable: a cursor that goes on from turn to turn,
 * over records as they stand, tombstones included. Records that fail their checksum are reported and left out.
 *
 * The snapshot is a read transaction; while it is open LMDB reuses no page that was freed since, and the store grows.
 * So every range is closed as soon as nobody reads it (range-scans.ts).
 *
 * lmdb's own iterator makes two buffers a record: 0.3 to 0.6 million records/s. Here a handle whose decoder copies the
 * record out of lmdb's reused buffer into one of the range's: 2 to 3 million.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { copyBytes, type RangeEntry } from '../../src/formats/range-format.ts';
import { isIntact, RECORD_HEADER_BYTES } from '../../src/formats/record.ts';
import { chunkCount, isLargeHead, recordHeaderOf, valueBytesOf } from '../../src/formats/large-head.ts';
import type { RangeSource, SourceState } from '../ground/range-source.ts';
import type { ReadTransaction, ViewHandleOptions } from './environment.ts';
import type { LargeValues } from './large-values.ts';
import { tableKey, type MemtableLayer } from './memtable.ts';

/** The entry that a cursor stands on, in buffers that are used again. */
export interface EntryView {
  key: Buffer;
  keyStart: number;
  keyEnd: number;
  value: Buffer;
  valueStart: number;
  valueBytes: number;
}

/** Goes over entries in the order of their keys. */
export interface EntryCursor {
  readonly view: EntryView;
  /** Goes to the next entry; false at the end. */
  next(): boolean;
  close(): void;
}

/** The cursor over what lmdb iterates, whose entries `view` shows. */
export function lmdbCursor(iterator: Iterator<unknown>, view: CursorView, onClose: () => void): EntryCursor {
  return {
    view,
    next: () => iterator.next().done !== true,
    close: () => {
      iterator.return?.();
      onClose();
    },
  };
}

/** The cursor over the entries of a layer, which must not change any more. */
export function layerCursor(layer: MemtableLayer, start: Uint8Array, end: Uint8Array | undefined): EntryCursor {
  const text = (key: Uint8Array): string =>
    tableKey(Buffer.from(key.buffer, key.byteOffset, key.length), 0, key.length);
  const entries = layer.entries(text(start), end === undefined ? undefined : text(end));
  const { image } = layer;
  const view = { key: image, keyStart: 0, keyEnd: 0, value: image, valueStart: 0, valueBytes: 0 };
  return {
    view,
    next: () => {
      const step = entries.next();
      if (step.done === true) return false;
      view.keyStart = step.value.keyStart;
      view.keyEnd = view.valueStart = step.value.keyEnd;
      view.valueBytes = step.value.end - step.value.keyEnd;
      return true;
    },
    close: () => undefined,
  };
}

/** Where lmdb shows the entry that a cursor stands on. */
export class CursorView implements EntryView {
  key: Buffer = Buffer.alloc(0);
  keyStart = 0;
  keyEnd = 0;
  value: Buffer = Buffer.alloc(0);
  readonly valueStart = 0;
  valueBytes = 0;
  #keyRoom: Uint8Array | undefined;
  #valueRoom: Uint8Array | undefined;

  /** The options of a database handle whose cursors show their entries here instead of returning them. */
  handleOptions(): ViewHandleOptions {
    return {
      encoding: 'binary',
      keyEncoder: {
        writeKey: (key: Uint8Array, target: Uint8Array, start: number): number => {
          target.set(key, start);
          return start + key.length;
        },
        readKey: (target: Uint8Array, start: number, end: number): number => {
          if (target !== this.#keyRoom) this.key = plainView((this.#keyRoom = target));
          this.keyStart = start;
          this.keyEnd = end;
          return 0;
        },
      },
      encoder: {
        encode: (): never => {
          throw new Error('this handle only reads');
        },
        decode: (bytes: Uint8Array, length: number): number => {
          if (bytes !== this.#valueRoom) this.value = plainView((this.#valueRoom = bytes));
          this.valueBytes = length;
          return 0;
        },
      },
    };
  }
}

export interface StoreRangeOptions {
  readonly cursor: EntryCursor;
  /** Where the chunks of large values are read. */
  readonly transaction: ReadTransaction;
  readonly large: LargeValues;
  /** Show headers only. */
  readonly keysOnly: boolean;
  /** Called for each record that fails its checksum. */
  readonly onCorrupt: (key: Buffer) => void;
}

const ROOM_BYTES_MIN = 4096;

export class StoreRange implements RangeSource {
  state: SourceState = 'working';
  readonly error = undefined;
  readonly entry: RangeEntry;
  isLarge = false;
  readonly #options: StoreRangeOptions;
  /** The head's key and record, one behind the other. */
  #room: Buffer = Buffer.allocUnsafeSlow(ROOM_BYTES_MIN);
  /** A large value on its way: checked from its first chunk to its last, then read again for whoever takes it. */
  #head: Buffer = Buffer.alloc(0);
  #checked = 0;
  #sum = 0;
  #taken = 0;
  #chunk: Buffer | undefined;

  constructor(options: StoreRangeOptions) {
    this.#options = options;
    const room = this.#room;
    this.entry = { key: room, keyStart: 0, keyEnd: 0, bytes: room, offset: 0, length: 0, recordBytes: 0 };
  }

  get hasValue(): boolean {
    return this.isLarge && this.#taken < chunkCount(this.#head);
  }

  advance(): void {
    const { cursor, keysOnly } = this.#options;
    this.isLarge = false;
    while (cursor.next()) {
      this.#copy(cursor.view);
      const { entry } = this;
      const key = this.#room.subarray(0, entry.keyEnd);
      if (isIntact(this.#room, entry.offset, entry.length, key)) {
        if (keysOnly) entry.length = entry.recordBytes = RECORD_HEADER_BYTES;
        this.state = 'entry';
        return;
      }
      const record = this.#room.subarray(entry.offset, entry.offset + entry.length);
      if (isLargeHead(record)) return this.#startLarge(record);
      this.#options.onCorrupt(Buffer.from(key));
    }
    this.state = 'ended';
  }

  work(): void {
    if (!this.isLarge) return this.advance();
    const chunk = this.#readChunk(this.#checked);
    if (chunk === undefined) return this.#leaveOut();
    this.#sum = crc32(chunk, this.#sum);
    this.#checked++;
    if (this.#checked < chunkCount(this.#head)) return undefined;
    if (this.#sum !== this.#head.readUInt32LE(0)) return this.#leaveOut();
    this.state = 'entry';
    return undefined;
  }

  takeValue(): Buffer | undefined {
    return this.hasValue ? this.#readChunk(this.#taken++) : undefined;
  }

  close(): void {
    this.state = 'ended';
    this.#options.cursor.close();
  }

  #copy(view: EntryView): void {
    const keyBytes = view.keyEnd - view.keyStart;
    const size = keyBytes + view.valueBytes;
    if (size > this.#room.length) this.#room = Buffer.allocUnsafeSlow(2 * size);
    const room = this.#room;
    const { entry } = this;
    entry.key = entry.bytes = room;
    entry.keyEnd = entry.offset = copyBytes(room, 0, view.key, view.keyStart, view.keyEnd);
    copyBytes(room, keyBytes, view.value, view.valueStart, view.valueStart + view.valueBytes);
    entry.length = entry.recordBytes = view.valueBytes;
  }

  /** With keys only the head's own checksum has to do: the value is not read. */
  #startLarge(head: Buffer): void {
    const { entry } = this;
    this.#head = Buffer.from(head);
    recordHeaderOf(this.#head).copy(this.#room, entry.offset);
    entry.length = RECORD_HEADER_BYTES;
    if (this.#options.keysOnly) {
      entry.recordBytes = RECORD_HEADER_BYTES;
      this.state = 'entry';
      return;
    }
    entry.recordBytes = RECORD_HEADER_BYTES + valueBytesOf(head);
    this.isLarge = true;
    this.#checked = this.#taken = 0;
    const header = this.#room.subarray(entry.offset + 4, entry.offset + RECORD_HEADER_BYTES);
    this.#sum = crc32(header, crc32(this.#room.subarray(0, entry.keyEnd)));
    this.state = 'working';
  }

  #leaveOut(): void {
    this.isLarge = false;
    this.#options.onCorrupt(Buffer.from(this.#room.subarray(0, this.entry.keyEnd)));
  }

  #readChunk(number: number): Buffer | undefined {
    const { large, transaction } = this.#options;
    this.#chunk = large.readChunk(this.#head, number, { transaction, target: this.#chunk });
    return this.#chunk;
  }
}

/** lmdb sets the `length` property of its reused buffers anew for each entry, and Buffer's methods trip over it. */
function plainView(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
