/**
 * What the log holds and LMDB does not yet: for each segment that is not checkpointed a table from key to the entry in
 * the segment's image.
 *
 * A segment's image is its file's bytes in memory; entries are encoded straight into it, so an entry is one number, its
 * offset. Keys are strings of one character a byte: their order is that of the bytes. Writes go to a hash table; the order of
 * keys is made only when a range asks for it, in steps, and kept from then on: in a B+ tree that shares nodes with its clones
 * (sorted-btree), so that a range gets all of it as of one moment for nothing. Putting each write into the tree at once costs
 * a replica a seventh of its CPU (docs/decisions/014).
 */
import type { Buffer } from 'node:buffer';
import BTreeModule from 'sorted-btree';
import { entryAt, type LogEntry } from '../../src/formats/log.ts';

type Table = InstanceType<typeof BTreeModule.default<string, number>>;

/** The key's bytes as the tables know it. */
export function tableKey(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end);
}

/** Where an entry stands: its segment's image, and the offset in it. */
export interface LoggedEntry {
  readonly image: Buffer;
  readonly offset: number;
}

/** How many keys one step puts in order: 1 to 2 ms. */
const ORDER_STEP_KEYS = 2000;

/** One segment's table. */
export class MemtableLayer {
  readonly image: Buffer;
  readonly #offsets = new Map<string, number>();
  readonly #ordered = new BTreeModule.default<string, number>(undefined, compareKeys, 64);
  /** Keys whose newest offset is not in `#ordered` yet; one may be there several times. */
  #unordered: string[] = [];

  constructor(image: Buffer) {
    this.image = image;
  }

  get size(): number {
    return this.#offsets.size;
  }

  put(key: string, offset: number): void {
    this.#offsets.set(key, offset);
    this.#unordered.push(key);
  }

  offsetOf(key: string): number | undefined {
    return this.#offsets.get(key);
  }

  /** Whether `snapshot` would have more to put in order than one step takes. */
  get isUnordered(): boolean {
    return this.#unordered.length > ORDER_STEP_KEYS;
  }

  /** Puts some more keys in order. */
  order(): void {
    const left = Math.max(0, this.#unordered.length - ORDER_STEP_KEYS);
    for (const key of this.#unordered.splice(left)) this.#ordered.set(key, this.#offsets.get(key) as number);
  }

  /** The layer as it is now, whatever is put later. */
  snapshot(): LayerSnapshot {
    while (this.#unordered.length > 0) this.order();
    return new LayerSnapshot(this.image, this.#ordered.clone());
  }
}

/** A layer as of one moment. */
export class LayerSnapshot {
  readonly image: Buffer;
  readonly #table: Table;

  constructor(image: Buffer, table: Table) {
    this.image = image;
    this.#table = table;
  }

  /** Entries from `start` on, before `end` where there is one, in the order of their keys. */
  *entries(start: string, end: string | undefined): Generator<LogEntry> {
    for (const [key, offset] of this.#table.entries(start)) {
      if (end !== undefined && key >= end) return;
      yield entryAt(this.image, offset);
    }
  }
}

/**
 * The layers of one owner, and before them what is appended to the log and not durable: merges see that, reads do not.
 * Bounded by the log, which makes no segment past `memtableBytesMax`.
 */
export class Memtable {
  /** The newest last. */
  #layers: MemtableLayer[] = [];
  readonly #pending = new Map<string, LoggedEntry>();

  /** How many entries all layers have; a key may be in several. */
  get size(): number {
    return this.#layers.reduce((sum, layer) => sum + layer.size, 0);
  }

  /** An entry was appended. */
  append(key: string, entry: LoggedEntry): void {
    this.#pending.set(key, entry);
  }

  /** Entries of one segment are durable, so that reads see them; `isKept` false: they are not in the log after all. */
  end(image: Buffer, keys: readonly string[], offsets: readonly number[], isKept: boolean): void {
    const layer = this.layerOf(image);
    for (let index = 0; index < keys.length; index++) {
      const [key, offset] = [keys[index] as string, offsets[index] as number];
      if (isKept) layer.put(key, offset);
      const pending = this.#pending.get(key);
      if (pending?.image === image && pending.offset === offset) this.#pending.delete(key);
    }
  }

  /** The layer of a segment; an empty one where there is none yet. */
  layerOf(image: Buffer): MemtableLayer {
    const known = this.#layers.findLast((layer) => layer.image === image);
    if (known !== undefined) return known;
    const layer = new MemtableLayer(image);
    this.#layers.push(layer);
    return layer;
  }

  /** The layer's entries are in LMDB. */
  remove(layer: MemtableLayer): void {
    this.#layers = this.#layers.filter((one) => one !== layer);
  }

  /** The newest durable entry under a key. */
  find(key: string): LoggedEntry | undefined {
    for (let index = this.#layers.length - 1; index >= 0; index--) {
      const layer = this.#layers[index] as MemtableLayer;
      const offset = layer.offsetOf(key);
      if (offset !== undefined) return { image: layer.image, offset };
    }
    return undefined;
  }

  /** The newest entry under a key, durable or not. */
  findNewest(key: string): LoggedEntry | undefined {
    return this.#pending.get(key) ?? this.find(key);
  }

  /** Does a step of 1 to 2 ms towards the order of keys; returns whether `snapshot` takes no longer than some of them. */
  order(): boolean {
    this.#layers.find((layer) => layer.isUnordered)?.order();
    return !this.#layers.some((layer) => layer.isUnordered);
  }

  /** All layers that hold something, as of now. */
  snapshot(): LayerSnapshot[] {
    return this.#layers.filter((layer) => layer.size > 0).map((layer) => layer.snapshot());
  }
}

function compareKeys(left: string, right: string): number {
  if (left < right) return -1;
  return left > right ? 1 : 0;
}
