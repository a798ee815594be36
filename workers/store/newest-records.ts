/** The newest record of each key in one or several segments of the log: what their checkpoint merges. */
import type { Buffer } from 'node:buffer';
import { haveSameStamp, isLargeHead } from '../../src/formats/large-head.ts';
import type { EntryPlace } from '../../src/formats/log.ts';
import { compareRecords } from '../../src/domain/merge.ts';
import type { RecordView } from '../../src/formats/record.ts';
import { tableKey } from './memtable.ts';

interface Place extends EntryPlace {
  readonly bytes: Buffer;
}

export class NewestRecords {
  /** Heads of large values that another record of these segments has replaced: nothing names their chunks any more. */
  readonly replacedHeads: Buffer[] = [];
  readonly #places = new Map<string, Place>();
  entries = 0;

  /** How many keys there are. */
  get size(): number {
    return this.#places.size;
  }

  /** Takes an entry. Of two with the same stamp, a large value that was written again, the one that comes later stays. */
  add(bytes: Buffer, { keyStart, keyEnd, end }: EntryPlace): void {
    this.entries++;
    const key = tableKey(bytes, keyStart, keyEnd);
    const known = this.#places.get(key);
    const place = { bytes, keyStart, keyEnd, end };
    if (known === undefined || isReplacedBy(known, place)) {
      this.#places.set(key, place);
      if (known !== undefined) this.#replaced(known);
    } else {
      this.#replaced(place);
    }
  }

  /** Every key, one character a byte, in the order of the bytes. */
  sortedKeys(): string[] {
    return [...this.#places.keys()].sort();
  }

  /** The key and its newest record, as views. */
  get(key: string): { readonly key: Buffer; readonly record: Buffer } {
    const { bytes, keyStart, keyEnd, end } = this.#places.get(key) as Place;
    return { key: bytes.subarray(keyStart, keyEnd), record: bytes.subarray(keyEnd, end) };
  }

  #replaced(place: Place): void {
    const record = recordAt(place);
    if (isLargeHead(record)) this.replacedHeads.push(record);
  }
}

function isReplacedBy(known: Place, place: Place): boolean {
  const [old, fresh] = [recordAt(known), recordAt(place)];
  if (isLargeHead(old) && isLargeHead(fresh) && haveSameStamp(old, fresh)) return true;
  return compareRecords(wholeView(fresh), wholeView(old)) >= 0;
}

function recordAt({ bytes, keyEnd, end }: Place): Buffer {
  return bytes.subarray(keyEnd, end);
}

function wholeView(bytes: Buffer): RecordView {
  return { bytes, offset: 0, length: bytes.length };
}
