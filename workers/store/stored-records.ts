/**
 * The records in LMDB as a checkpoint replaces them: one key after another in their order, 80,000 in a third of a second. So
 * there is no view of bytes for each of them, which cost as much as finding its place in the tree:
 *
 * - A record is put as a place in its segment's bytes. lmdb takes a value that has `start` and `end`, offsets in its
 *   ArrayBuffer, for these bytes of it, as its encoders hand them over, and a key through the handle's own encoder.
 * - What it replaces, which digests have to know, is read along by a cursor as long as keys lie close: one of its steps costs a
 *   quarter of a look-up. Where most of what it passes is not replaced, each key is looked up instead.
 */
import type { Buffer } from 'node:buffer';
import { copyBytes } from '../../src/formats/range-format.ts';
import { CursorView, LmdbCursor } from './cursors.ts';
import type { Database, PlacePutOptions, PlacePuts, StoreEnvironment } from './environment.ts';
import type { SegmentPlace } from './newest-records.ts';

/** A segment's bytes as lmdb takes a part of them for a value. */
type PartialValue = Buffer & { start: number; end: number };

/** Steps that the cursor may take for each key, and those that it has in advance; then it has cost more than look-ups do. */
const STEPS_PER_KEY = 3;
const STEPS_BEFORE = 64;

const handleOptions: PlacePutOptions = {
  encoding: 'binary',
  keyEncoder: {
    writeKey: ({ bytes, keyStart, keyEnd }, target, start) => copyBytes(target, start, bytes, keyStart, keyEnd),
    readKey: () => {
      throw new Error('this handle only writes');
    },
  },
};

export class StoredRecords {
  readonly #environment: StoreEnvironment;
  readonly #records: Database<Buffer, Buffer>;
  readonly #puts: PlacePuts;
  readonly #view = new CursorView();
  readonly #viewed: Database;

  constructor(environment: StoreEnvironment, records: Database<Buffer, Buffer>) {
    this.#environment = environment;
    this.#records = records;
    this.#puts = environment.openPlacePuts('records', handleOptions);
    this.#viewed = environment.openView('records', this.#view.handleOptions());
  }

  /** Puts the record of a place under its key; inside a transaction. */
  put(place: SegmentPlace): void {
    const value = place.bytes as PartialValue;
    value.start = value.byteOffset + place.keyEnd;
    value.end = value.byteOffset + place.end;
    this.#puts.putSync(place, value);
  }

  /** Begins to read what stands under keys from this one on, as of now; inside a transaction. */
  readFrom(first: SegmentPlace): ReplacedRecords {
    const transaction = this.#environment.useReadTransaction();
    const start = first.bytes.subarray(first.keyStart, first.keyEnd);
    const iterator = this.#viewed.getRange({ start, transaction })[Symbol.iterator]();
    const cursor = new LmdbCursor(iterator, this.#view, () => transaction.done());
    return new ReplacedRecords(this.#records, cursor);
  }
}

/** The records that stand under keys, asked for in the order of keys. Nobody else may put or remove what is asked for. */
export class ReplacedRecords {
  readonly #records: Database<Buffer, Buffer>;
  /** Undefined when the rest is looked up. */
  #cursor: LmdbCursor | undefined;
  #isBefore = true;
  #steps = STEPS_BEFORE;
  /** Whether most of the records between the keys are not asked for, so that each key has a page of its own. */
  isSparse = false;
  /** Where the record that was found begins in the bytes that `find` returned. */
  offset = 0;

  constructor(records: Database<Buffer, Buffer>, cursor: LmdbCursor) {
    this.#records = records;
    this.#cursor = cursor;
  }

  /** Bytes in which the key's record stands from `offset` on; undefined where there is none. Valid until the next call. */
  find(place: SegmentPlace): Uint8Array | undefined {
    const cursor = this.#advance(place);
    if (cursor === undefined) return this.#lookUp(place);
    if (order(cursor, place) !== 0) return undefined;
    this.offset = cursor.entry.offset;
    return cursor.entry.bytes;
  }

  close(): void {
    this.#cursor?.close();
    this.#cursor = undefined;
  }

  #lookUp({ bytes, keyStart, keyEnd }: SegmentPlace): Uint8Array | undefined {
    this.offset = 0;
    return this.#records.getBinaryFast(bytes.subarray(keyStart, keyEnd));
  }

  /** The cursor on the first entry that is not below the key, if that is not too far. */
  #advance(place: SegmentPlace): LmdbCursor | undefined {
    this.#steps += STEPS_PER_KEY;
    while (this.#cursor !== undefined && (this.#isBefore || order(this.#cursor, place) < 0)) {
      this.isSparse = --this.#steps < 0;
      if (this.isSparse || this.#cursor.next() === 'ended') this.close();
      this.#isBefore = false;
    }
    return this.#cursor;
  }
}

/** Below 0 where the cursor's key comes before the place's. */
function order({ entry: { key, keyStart, keyEnd } }: LmdbCursor, place: SegmentPlace): number {
  const { bytes } = place;
  const common = Math.min(keyEnd - keyStart, place.keyEnd - place.keyStart);
  for (let at = 0; at < common; at++) {
    const difference = (key[keyStart + at] as number) - (bytes[place.keyStart + at] as number);
    if (difference !== 0) return difference;
  }
  return keyEnd - keyStart - (place.keyEnd - place.keyStart);
}
