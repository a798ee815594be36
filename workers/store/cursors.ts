/**
 * Cursors: how a range goes over entries in the order of their keys, in LMDB by one snapshot, in a layer of the memtable,
 * and in several of these at once. Records stand as they are stored, tombstones and heads of large values included.
 *
 * lmdb's own iterator makes two buffers a record: 0.3 to 0.6 million records/s. Here a handle whose decoder shows where
 * in lmdb's reused buffers an entry stands, and the cursor copies it into its own: 2 to 3 million.
 */
import { Buffer } from 'node:buffer';
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import { copyBytes, type RangeEntry } from '../../src/formats/range-format.ts';
import { hasLargeKind } from '../../src/formats/large-head.ts';
import { headerBytesOf } from '../../src/formats/record.ts';
import { compareKeys } from '../../src/domain/range-merge.ts';
import { orderedKey, type LayerSnapshot } from './memtable.ts';

/** `waiting`: the next entry has to come from elsewhere; whoever hands the cursor out says when to ask again. */
export type CursorStep = 'entry' | 'waiting' | 'ended';

export interface EntryCursor {
  /** Where it stands; valid until the next call of `next`. */
  readonly entry: RangeEntry;
  /** Whether the record was checked before it came here. Of such a one only the header is there where keys are wanted. */
  readonly isChecked: boolean;
  /** Goes to the next entry; not to be called after the end. */
  next(): CursorStep;
  close(): void;
}

/** What lmdb is given for a handle whose cursors show their entries; its types name the first of them only. */
export interface ViewHandleOptions {
  readonly encoding: 'binary';
  readonly keyEncoder: {
    readonly writeKey: (key: Uint8Array, target: Uint8Array, start: number) => number;
    readonly readKey: (target: Uint8Array, start: number, end: number) => number;
  };
  readonly encoder: {
    readonly encode: () => never;
    readonly decode: (bytes: Uint8Array, length: number) => number;
  };
}

/** Where lmdb shows the entry that a cursor of a handle stands on, until any of them moves. */
export class CursorView {
  key: Buffer = Buffer.alloc(0);
  keyStart = 0;
  keyEnd = 0;
  value: Buffer = Buffer.alloc(0);
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

const ROOM_BYTES_MIN = 4096;

/** The cursor over what lmdb iterates, whose entries `view` shows. */
export class LmdbCursor implements EntryCursor {
  readonly entry: RangeEntry = emptyEntry(Buffer.allocUnsafeSlow(ROOM_BYTES_MIN));
  readonly isChecked = false;
  readonly #iterator: Iterator<unknown>;
  readonly #view: CursorView;
  readonly #onClose: () => void;

  constructor(iterator: Iterator<unknown>, view: CursorView, onClose: () => void) {
    this.#iterator = iterator;
    this.#view = view;
    this.#onClose = onClose;
  }

  next(): CursorStep {
    if (this.#iterator.next().done === true) return 'ended';
    this.#copy(this.#view);
    return 'entry';
  }

  close(): void {
    this.#iterator.return?.();
    this.#onClose();
  }

  /** Key and record, one behind the other. */
  #copy(view: CursorView): void {
    const { entry } = this;
    const size = view.keyEnd - view.keyStart + view.valueBytes;
    if (size > entry.key.length) entry.key = entry.bytes = Buffer.allocUnsafeSlow(2 * size);
    entry.keyEnd = entry.offset = copyBytes(entry.key, 0, view.key, view.keyStart, view.keyEnd);
    copyBytes(entry.bytes, entry.offset, view.value, 0, view.valueBytes);
    entry.length = entry.recordBytes = view.valueBytes;
  }
}

/** The cursor over the entries of a layer, which must not change any more. They were checked when they came. */
export function layerCursor(layer: LayerSnapshot, { start, end, keysOnly }: RangeBounds): EntryCursor {
  const nextEntry = layer.entries(textOf(start), end === undefined ? undefined : textOf(end));
  const { image } = layer;
  const entry = emptyEntry(image);
  return {
    entry,
    isChecked: true,
    next: () => {
      const found = nextEntry();
      if (found === undefined) return 'ended';
      const { keyStart, keyEnd, end: recordEnd } = found;
      entry.keyStart = keyStart;
      entry.keyEnd = entry.offset = keyEnd;
      const isHeader = keysOnly && !hasLargeKind(image, keyEnd);
      entry.length = entry.recordBytes = isHeader ? headerBytesOf(image, keyEnd) : recordEnd - keyEnd;
      return 'entry';
    },
    close: () => undefined,
  };
}

/**
 * Several cursors as one: of the entries under a key it shows that of the first cursor which has one. So a newer layer
 * stands before an older one, and LMDB last, as a read of one key looks (`Store.read`).
 */
export class MergedCursor implements EntryCursor {
  entry: RangeEntry = emptyEntry(Buffer.alloc(0));
  isChecked = true;
  readonly #cursors: EntryCursor[];
  readonly #heads: (RangeEntry | undefined)[];
  /** Indexes of those that have to move before the next key is known. */
  readonly #moving: number[];

  constructor(cursors: readonly EntryCursor[]) {
    this.#cursors = [...cursors];
    this.#heads = cursors.map(() => undefined);
    this.#moving = cursors.map((_, index) => index);
  }

  next(): CursorStep {
    let waiting = 0;
    for (const index of this.#moving) {
      const cursor = this.#cursors[index] as EntryCursor;
      const step = cursor.next();
      if (step === 'waiting') this.#moving[waiting++] = index;
      else this.#heads[index] = step === 'entry' ? cursor.entry : undefined;
    }
    this.#moving.length = waiting;
    return waiting > 0 ? 'waiting' : this.#choose();
  }

  close(): void {
    for (const cursor of this.#cursors) cursor.close();
  }

  /** Closes the last cursor and goes on with another in its place. */
  replaceLast(cursor: EntryCursor): void {
    const last = this.#cursors.length - 1;
    this.#cursors[last]?.close();
    this.#cursors[last] = cursor;
    this.#heads[last] = undefined;
    if (!this.#moving.includes(last)) this.#moving.push(last);
  }

  #choose(): CursorStep {
    let least: number | undefined;
    for (let index = 0; index < this.#heads.length; index++) {
      const head = this.#heads[index];
      if (head === undefined) continue;
      const order = least === undefined ? -1 : compareKeys(head, this.#heads[least] as RangeEntry);
      if (order > 0) continue;
      if (order < 0) {
        least = index;
        this.#moving.length = 0;
      }
      this.#moving.push(index);
    }
    if (least === undefined) return 'ended';
    this.entry = this.#heads[least] as RangeEntry;
    this.isChecked = (this.#cursors[least] as EntryCursor).isChecked;
    return 'entry';
  }
}

/** The cursor over nothing. */
export const noEntries: EntryCursor = {
  entry: emptyEntry(Buffer.alloc(0)),
  isChecked: true,
  next: () => 'ended',
  close: () => undefined,
};

/** An entry that stands nowhere yet in these bytes. */
export function emptyEntry(bytes: Buffer): RangeEntry {
  return { key: bytes, keyStart: 0, keyEnd: 0, bytes, offset: 0, length: 0, recordBytes: 0 };
}

function textOf(key: Uint8Array): string {
  return orderedKey(Buffer.from(key.buffer, key.byteOffset, key.length), 0, key.length);
}

/** lmdb sets the `length` property of its reused buffers anew for each entry, and Buffer's methods trip over it. */
function plainView(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
