/** The newest record of each key in one or several segments of the log: what their checkpoint merges. */
import type { Buffer } from 'node:buffer';
import { compareRecords } from '../../src/domain/merge.ts';
import { areSameLargeWrite, isLargeHead } from '../../src/formats/large-head.ts';
import { entryAt, entryRecord, type LogEntry } from '../../src/formats/log.ts';
import type { RecordView } from '../../src/formats/record.ts';
import { tableKey } from './memtable.ts';

/** Above every offset in a segment: a place is the segment's index times this, and the offset of the entry in it. */
const PLACE_STEP = 2 ** 32;

export class NewestRecords {
  /** Heads of large values that another record of these segments has replaced: nothing names their chunks any more. */
  readonly replacedHeads: Buffer[] = [];
  readonly #segments: Buffer[] = [];
  /** A number for each key, since there are a hundred thousand of them. */
  readonly #places = new Map<string, number>();
  entries = 0;

  /** How many keys there are. */
  get size(): number {
    return this.#places.size;
  }

  /** Takes an entry. Of two with the same stamp, a large value that was written again, the one that comes later stays. */
  add(bytes: Buffer, { entry, keyStart, keyEnd }: LogEntry): void {
    this.entries++;
    if (this.#segments.at(-1) !== bytes) this.#segments.push(bytes);
    const key = tableKey(bytes, keyStart, keyEnd);
    const known = this.#places.get(key);
    if (known === undefined || isReplacedBy(this.#recordAt(known), entryRecord(bytes, entry))) {
      this.#places.set(key, (this.#segments.length - 1) * PLACE_STEP + entry);
      if (known !== undefined) this.#replaced(this.#recordAt(known));
    } else {
      this.#replaced(entryRecord(bytes, entry));
    }
  }

  /** Every key, one character a byte, in the order of the bytes. */
  sortedKeys(): string[] {
    return [...this.#places.keys()].sort();
  }

  /** The key and its newest record, as views. */
  get(key: string): { readonly key: Buffer; readonly record: Buffer } {
    const place = this.#places.get(key) as number;
    const bytes = this.#segmentOf(place);
    const { keyStart, keyEnd, end } = entryAt(bytes, place % PLACE_STEP);
    return { key: bytes.subarray(keyStart, keyEnd), record: bytes.subarray(keyEnd, end) };
  }

  #segmentOf(place: number): Buffer {
    return this.#segments[Math.floor(place / PLACE_STEP)] as Buffer;
  }

  #recordAt(place: number): Buffer {
    return entryRecord(this.#segmentOf(place), place % PLACE_STEP);
  }

  #replaced(record: Buffer): void {
    if (isLargeHead(record)) this.replacedHeads.push(record);
  }
}

function isReplacedBy(old: Buffer, fresh: Buffer): boolean {
  if (areSameLargeWrite(old, fresh)) return true;
  return compareRecords(wholeView(fresh), wholeView(old)) >= 0;
}

function wholeView(bytes: Buffer): RecordView {
  return { bytes, offset: 0, length: bytes.length };
}
