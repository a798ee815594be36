/**
 * What the log holds and LMDB does not yet: for each segment that is not checkpointed a table from key to the entry in
 * the segment's image.
 *
 * A segment's image is its file's bytes in memory; entries are encoded straight into it, so an entry is one number, its
 * offset. Writes go to a hash table (key-table.ts); the order of keys is made only when a range asks for it, in steps, and
 * kept from then on: in a B+ tree that shares nodes with its clones (sorted-btree), so that a range gets all of it as of one
 * moment for nothing. Its keys are strings of one character a byte, whose order is that of the bytes. Putting each write into
 * the tree at once costs a replica a seventh of its CPU (docs/decisions/014).
 */
import type { Buffer } from 'node:buffer';
import BTreeModule from 'sorted-btree';
import { hasLargeKind, removableFrom } from '../../src/formats/large-head.ts';
import { entryAt, type LogEntry } from '../../src/formats/log.ts';
import { readKind, readVersion, recordKinds, type Version } from '../../src/formats/record.ts';
import { KeyTable, type TableKey } from './key-table.ts';

type Tree = InstanceType<typeof BTreeModule.default<string, number>>;

/** The key's bytes as the order of keys knows it. */
export function orderedKey(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end);
}

/** Where an entry stands: its segment's image, and the offset in it. */
export interface LoggedEntry {
  readonly image: Buffer;
  readonly offset: number;
}

/** How many entries one step puts in order: 1 to 2 ms. */
const ORDER_STEP_ENTRIES = 2000;

const TOMBSTONES_PER_SAMPLE = 64;
const SAMPLES_MAX = 16;

/** Entries of a segment by their offsets, for its checkpoint. */
export interface LayerOffsets {
  /** The newest entry of each key, in no order. */
  readonly newest: Uint32Array;
  /** Heads of large values whose place another entry has taken: nothing names their chunks any more. */
  readonly replacedHeads: Uint32Array;
}

/** One segment's table. */
export class MemtableLayer {
  readonly image: Buffer;
  /** The oldest version of all that was put, and from when on the first of it can be removed; Infinity where nothing was. */
  oldest: Version = Infinity;
  removableFrom: Version = Infinity;
  /** Tombstones that were put; some may have been replaced. */
  tombstones = 0;
  /** Whether its segment was ended for them. */
  isEnded = false;
  /** How many there are to be before they are looked at again. */
  lookAt = 0;
  /** Offsets of some tombstones, one of each `TOMBSTONES_PER_SAMPLE`. */
  readonly #samples: number[] = [];
  readonly #table: KeyTable;
  readonly #ordered = new BTreeModule.default<string, number>(undefined, compareKeys, 64);
  /** Heads of large values that another entry has replaced; 0.1 MiB each at least, so there are few. */
  readonly #replacedHeads: number[] = [];
  /**
   * Entries that are not in `#ordered` yet, a key's newest one last, and how many of the first of them are by now; undefined where
   * nobody has asked for an order.
   */
  #unordered: number[] | undefined;
  #orderedUpTo = 0;
  /** Who reads entries and will say when that is over; a snapshot is read for as long as somebody holds it. */
  #readers = 0;
  #isInSnapshot = false;

  constructor(image: Buffer, keysExpected = 0) {
    this.image = image;
    this.#table = new KeyTable(image, keysExpected);
  }

  /** How many keys it has. */
  get size(): number {
    return this.#table.size;
  }

  /** Puts an entry under its key, in the place of an older one. */
  put(offset: number): void {
    const before = this.#table.put(offset);
    this.#note(entryAt(this.image, offset));
    if (before !== 0 && hasLargeKind(this.image, entryAt(this.image, before).keyEnd)) this.#replacedHeads.push(before);
    this.#unordered?.push(offset);
  }

  #note({ entry, keyEnd, end }: LogEntry): void {
    this.oldest = Math.min(this.oldest, readVersion(this.image, keyEnd));
    const kind = readKind(this.image, keyEnd);
    if (kind === recordKinds.value) return;
    if (kind === recordKinds.tombstone && this.tombstones++ % TOMBSTONES_PER_SAMPLE === 0) this.#samples.push(entry);
    const from = removableFrom(this.image.subarray(keyEnd, end)) ?? Infinity;
    this.removableFrom = Math.min(this.removableFrom, from);
  }

  /** The offsets of what a checkpoint brings into LMDB, and of the heads of large values that it does not. */
  toCheckpoint(): LayerOffsets {
    return { newest: this.#table.offsets(), replacedHeads: Uint32Array.from(this.#replacedHeads) };
  }

  /** The offset of the newest entry under a key; 0 where there is none. */
  find(key: TableKey): number {
    return this.#table.find(key);
  }

  /** Keys of some of the tombstones that were put, of the first as of the last: around those values may be that go next. */
  someTombstones(): Buffer[] {
    const each = Math.ceil(this.#samples.length / SAMPLES_MAX);
    return this.#samples
      .filter((_, index) => index % each === 0)
      .map((offset) => {
        const { keyStart, keyEnd } = entryAt(this.image, offset);
        return this.image.subarray(keyStart, keyEnd);
      });
  }

  /** Whether `snapshot` would have more to put in order than one step takes. */
  get isUnordered(): boolean {
    return (this.#unordered?.length ?? this.size) - this.#orderedUpTo > ORDER_STEP_ENTRIES;
  }

  /** Puts some more entries in order. A key's newest one comes last, so when all have come each key has that. */
  order(): void {
    const unordered = (this.#unordered ??= Array.from(this.#table.offsets()));
    const end = Math.min(unordered.length, this.#orderedUpTo + ORDER_STEP_ENTRIES);
    for (; this.#orderedUpTo < end; this.#orderedUpTo++) {
      const offset = unordered[this.#orderedUpTo] as number;
      const { keyStart, keyEnd } = entryAt(this.image, offset);
      this.#ordered.set(orderedKey(this.image, keyStart, keyEnd), offset);
    }
    if (end === unordered.length) unordered.length = this.#orderedUpTo = 0;
  }

  /** Whether somebody may still read the image when the layer is gone. */
  get isShown(): boolean {
    return this.#isInSnapshot || this.#readers > 0;
  }

  /** The newest entry of each key now, whatever is put later; quicker than `snapshot`, which knows their order. */
  entries(): LayerEntries {
    this.#readers++;
    return { image: this.image, offsets: this.#table.offsets(), done: () => void this.#readers-- };
  }

  /** The layer as it is now, whatever is put later. */
  snapshot(): LayerSnapshot {
    do this.order();
    while (this.#unordered?.length !== 0);
    this.#isInSnapshot = true;
    return new LayerSnapshot(this.image, this.#ordered.clone());
  }
}

/** A layer's newest entries as of one moment, in no order. */
export interface LayerEntries {
  readonly image: Buffer;
  readonly offsets: Uint32Array;
  /** Whoever asked for them reads them no more; to be called once. */
  readonly done: () => void;
}

/** A layer as of one moment. */
export class LayerSnapshot {
  readonly image: Buffer;
  readonly #tree: Tree;

  constructor(image: Buffer, tree: Tree) {
    this.image = image;
    this.#tree = tree;
  }

  /** From entry to entry, from `start` on and before `end` where there is one, in the order of their keys; undefined: none is left. */
  entries(start: string, end: string | undefined): () => LogEntry | undefined {
    const pair: [key: string, offset: number] = ['', 0];
    const iterator = this.#tree.entries(start, pair);
    return () => {
      if (iterator.next().done === true || (end !== undefined && pair[0] >= end)) return undefined;
      return entryAt(this.image, pair[1]);
    };
  }
}

/**
 * The layers of one owner, all of which is durable: reads see it. Bounded by the log, which makes no segment past
 * `memtableBytesMax`.
 */
export class Memtable {
  /** The newest last. */
  #layers: MemtableLayer[] = [];

  /** How many entries all layers have; a key may be in several. */
  get size(): number {
    return this.#layers.reduce((sum, layer) => sum + layer.size, 0);
  }

  /** The oldest version of all entries; Infinity where there is none. */
  get oldest(): Version {
    return this.#layers.reduce((least, { oldest }) => Math.min(least, oldest), Infinity);
  }

  /** From when on the first of all entries can be removed (removable.ts); Infinity where none can. */
  get removableFrom(): Version {
    return this.#layers.reduce((least, layer) => Math.min(least, layer.removableFrom), Infinity);
  }

  /** The layer of what was written last. */
  get newest(): MemtableLayer | undefined {
    return this.#layers.at(-1);
  }

  /** Entries of one segment are durable, in the order of appending. */
  put(image: Buffer, offsets: readonly number[]): void {
    const layer = this.layerOf(image);
    for (const offset of offsets) layer.put(offset);
  }

  /** The layer of a segment; an empty one where there is none yet. */
  layerOf(image: Buffer): MemtableLayer {
    const known = this.#layers.findLast((layer) => layer.image === image);
    if (known !== undefined) return known;
    // A segment has about as many keys as the one before.
    const layer = new MemtableLayer(image, this.#layers.at(-1)?.size);
    this.#layers.push(layer);
    return layer;
  }

  /** The layer's entries are in LMDB. */
  remove(layer: MemtableLayer): void {
    this.#layers = this.#layers.filter((one) => one !== layer);
  }

  /** The newest entry under a key. */
  find(key: TableKey): LoggedEntry | undefined {
    for (let index = this.#layers.length - 1; index >= 0; index--) {
      const layer = this.#layers[index] as MemtableLayer;
      const offset = layer.find(key);
      if (offset !== 0) return { image: layer.image, offset };
    }
    return undefined;
  }

  /** Does a step of 1 to 2 ms towards the order of keys; returns whether `snapshot` takes no longer than some of them. */
  order(): boolean {
    this.#layers.find((layer) => layer.isUnordered)?.order();
    return !this.#layers.some((layer) => layer.isUnordered);
  }

  /** What all layers hold now, the newest first. */
  entries(): LayerEntries[] {
    return this.#layers
      .filter((layer) => layer.size > 0)
      .map((layer) => layer.entries())
      .reverse();
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
