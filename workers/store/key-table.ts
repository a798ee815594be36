/**
 * From a key to the entry that stands under it in a segment's image: a hash table that holds a hash and an offset for each
 * key, in one typed array, and finds the key itself in the image. Neither strings nor objects, so a hundred thousand keys
 * cost one megabyte and the garbage collector nothing.
 *
 * Open addressing with linear probing; entries are never removed, only all at once. The hash begins with a number that is
 * drawn anew in each thread, so that nobody can choose keys that meet in one slot.
 */
import type { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { entryAt } from '../../src/formats/log.ts';

/** A key that is looked for: `bytes[start, end)`, and its hash. */
export interface TableKey {
  readonly hash: number;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** The key `bytes[start, end)`, to be looked for. */
export function tableKey(bytes: Buffer, start: number, end: number): TableKey {
  return { hash: hashOf(bytes, start, end), bytes, start, end };
}

const SEED = randomInt(2 ** 32);
const SLOTS_MIN = 64;

export class KeyTable {
  readonly #image: Buffer;
  /** Two numbers a slot: the key's hash, and the offset of its entry, which is 0 in an empty slot. */
  #slots: Int32Array;
  #size = 0;

  /** `keysExpected`: for so many it will not have to grow, which takes 10 ms at 200,000 keys. */
  constructor(image: Buffer, keysExpected = 0) {
    this.#image = image;
    let slots = SLOTS_MIN;
    while (2 * slots < 3 * keysExpected) slots *= 2;
    this.#slots = new Int32Array(2 * slots);
  }

  /** How many keys there are. */
  get size(): number {
    return this.#size;
  }

  /** The offset of the entry that was put last under the key; 0 where there is none. */
  find({ hash, bytes, start, end }: TableKey): number {
    const slot = this.#slotOf(hash, bytes, start, end);
    return this.#slots[2 * slot + 1] as number;
  }

  /** Puts the entry at `offset` of the image under its key; returns the offset that stood there, 0 where there was none. */
  put(offset: number): number {
    const { keyStart, keyEnd } = entryAt(this.#image, offset);
    const hash = hashOf(this.#image, keyStart, keyEnd);
    const slot = this.#slotOf(hash, this.#image, keyStart, keyEnd);
    const before = this.#slots[2 * slot + 1] as number;
    this.#slots[2 * slot] = hash;
    this.#slots[2 * slot + 1] = offset;
    if (before === 0 && ++this.#size * 3 > this.#slots.length) this.#grow();
    return before;
  }

  /** The offset of each key's entry, in no order. */
  offsets(): Uint32Array {
    const offsets = new Uint32Array(this.#size);
    let count = 0;
    for (let at = 1; at < this.#slots.length; at += 2) {
      if (this.#slots[at] !== 0) offsets[count++] = this.#slots[at] as number;
    }
    return offsets;
  }

  /** The slot of a key: its own, or the empty one where it would stand. */
  #slotOf(hash: number, bytes: Buffer, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const offset = slots[2 * slot + 1] as number;
      if (offset === 0) return slot;
      if (slots[2 * slot] === hash && this.#isKeyAt(offset, bytes, start, end)) return slot;
    }
  }

  #isKeyAt(offset: number, bytes: Buffer, start: number, end: number): boolean {
    const image = this.#image;
    const { keyStart, keyEnd } = entryAt(image, offset);
    if (keyEnd - keyStart !== end - start) return false;
    for (let at = start; at < end; at++) if (image[keyStart + at - start] !== bytes[at]) return false;
    return true;
  }

  /** Doubles the slots; a slot's hash is enough to find its new place, since no two keys in it are alike. */
  #grow(): void {
    const old = this.#slots;
    const slots = new Int32Array(2 * old.length);
    const mask = slots.length / 2 - 1;
    for (let from = 0; from < old.length; from += 2) {
      const offset = old[from + 1] as number;
      if (offset === 0) continue;
      let slot = (old[from] as number) & mask;
      while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
      slots[2 * slot] = old[from] as number;
      slots[2 * slot + 1] = offset;
    }
    this.#slots = slots;
  }
}

/** FNV-1a from a seed, with MurmurHash3's finalizer, since the slot is in the lowest bits; a signed 32-bit number. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = SEED | 0;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
