/**
 * One file of hints for one node, and what it says in memory. A segment is filled until it is full or its delivery begins; then
 * nothing is added any more, and it goes as a whole when all of it was delivered. It is written to once a turn at most, and
 * synced once a second at most.
 *
 * A hint whose key is in the segment again takes the place of the one before: a table over the file's bytes finds it
 * (workers/store/key-table.ts), so that a hundred thousand hints cost the garbage collector nothing. Segments that a start
 * finds are only counted, and read again when they are delivered: a hint twice in one of them is delivered twice.
 */
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { syncData, writeWhole } from '../../src/files/durable.ts';
import {
  encodeHintHeader,
  HINT_GROUP_HEADER_BYTES,
  hintBytes,
  hintsEnd,
  hintsIn,
  hintVersion,
  isReference,
  readHintHeader,
  sealHintGroup,
  writeHintEntry,
  type Hint,
} from '../../src/formats/hint.ts';
import { entryAt, type LogEntry } from '../../src/formats/log.ts';
import type { Version } from '../../src/formats/record.ts';
import { KeyTable, tableKey, type TableKey } from '../store/key-table.ts';

/** A hint of a segment: where it stands in the file's bytes. */
export interface KeptHint extends LogEntry {
  readonly image: Buffer;
}

/** A segment that this process fills, or has filled. */
interface Filled {
  readonly descriptor: number;
  readonly image: Buffer;
  readonly table: KeyTable;
}

interface Extent {
  /** Where the first group begins. */
  readonly from: number;
  /** Behind the last hint. */
  readonly end: number;
  readonly count: number;
  readonly oldest: Version;
}

export class HintSegment {
  /** URL of the node that the hints are for. */
  readonly target: string;
  readonly #path: string;
  readonly #filled: Filled | undefined;
  readonly #from: number;
  /** The group that is being filled: from its header to behind its last hint; empty where they are the same. */
  #start: number;
  #end: number;
  #count: number;
  #oldest: Version;
  #isDirty = false;
  #syncing: Promise<void> = Promise.resolve();

  private constructor(path: string, target: string, extent: Extent, filled: Filled | undefined) {
    this.#path = path;
    this.target = target;
    this.#filled = filled;
    this.#from = extent.from;
    this.#start = this.#end = extent.end;
    this.#count = extent.count;
    this.#oldest = extent.oldest;
  }

  /** Makes a file of up to `bytesMax`. Throws what the system says. */
  static create(path: string, target: string, bytesMax: number): HintSegment {
    const image = Buffer.allocUnsafeSlow(bytesMax);
    const from = encodeHintHeader(target).copy(image);
    const filled = { descriptor: openSync(path, 'wx', 0o600), image, table: new KeyTable(image) };
    const extent = { from, end: from, count: 0, oldest: Number.POSITIVE_INFINITY };
    const segment = new HintSegment(path, target, extent, filled);
    // The header goes with the first group.
    segment.#start = 0;
    return segment;
  }

  /** The segment in a file; undefined where it holds no hint that is whole. Throws what the system says. */
  static find(path: string): HintSegment | undefined {
    const bytes = readFileSync(path);
    const header = readHintHeader(bytes);
    if (header === undefined) return undefined;
    const end = hintsEnd(bytes, header.end);
    let count = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (const place of hintsIn(bytes, header.end, end)) {
      count++;
      oldest = Math.min(oldest, hintVersion(bytes, place));
    }
    return count === 0
      ? undefined
      : new HintSegment(path, header.url, { from: header.end, end, count, oldest }, undefined);
  }

  /** How many hints it has, each key once. */
  get count(): number {
    return this.#count;
  }

  /** Length of the file. */
  get bytes(): number {
    return this.#end;
  }

  /** The oldest version that was missed. */
  get oldest(): Version {
    return this.#oldest;
  }

  /** Whether it has a hint for the key that leads to whatever the keeper's store holds then. */
  refersTo(key: TableKey): boolean {
    if (this.#filled === undefined) return false;
    const { table, image } = this.#filled;
    const at = table.find(key);
    return at !== 0 && isReference(entryAt(image, at));
  }

  /** Adds a hint, which `flush` writes; false where there is no room for it. */
  add(hint: Hint): boolean {
    if (this.#filled === undefined) return false;
    const { image, table } = this.#filled;
    const at = this.#isGroupEmpty ? this.#groupStart + HINT_GROUP_HEADER_BYTES : this.#end;
    if (at + hintBytes(hint) > image.length) return false;
    this.#end = writeHintEntry(image, at, hint);
    if (table.put(at) === 0) this.#count++;
    this.#oldest = Math.min(this.#oldest, hintVersion(image, entryAt(image, at)));
    return true;
  }

  /** Writes what was added. Throws what the system says; then the segment must be removed. */
  flush(): void {
    if (this.#filled === undefined || this.#isGroupEmpty) return;
    const { image, descriptor } = this.#filled;
    sealHintGroup(image, this.#groupStart, this.#end);
    writeWhole(descriptor, image.subarray(this.#start, this.#end), this.#start);
    this.#start = this.#end;
    this.#isDirty = true;
  }

  /** Resolves when what was written is on the disk. Rejects where the disk fails. */
  sync(): Promise<void> {
    const descriptor = this.#filled?.descriptor;
    if (descriptor !== undefined && this.#isDirty) {
      this.#isDirty = false;
      this.#syncing = this.#syncing.then(() => syncData(descriptor));
    }
    return this.#syncing;
  }

  /** Its hints, each key's newest. Throws where the file cannot be read any more. */
  *hints(): Generator<KeptHint> {
    const image = this.#filled?.image ?? readFileSync(this.#path);
    const table = this.#filled?.table;
    for (const place of hintsIn(image, this.#from, this.#end)) {
      const { entry, keyStart, keyEnd, end } = place;
      const isNewest = table === undefined || table.find(tableKey(image, keyStart, keyEnd)) === entry;
      if (isNewest) yield { image, entry, keyStart, keyEnd, end };
    }
  }

  /** Its hints are not needed any more. */
  remove(): void {
    this.#isDirty = false;
    this.#close();
    rmSync(this.#path, { force: true });
  }

  /** Closes the file, which stays unless there is nothing in it. Rejects where the disk fails. */
  async close(): Promise<void> {
    if (this.#count === 0) return this.remove();
    try {
      await this.sync();
    } finally {
      this.#close();
    }
  }

  #close(): void {
    const descriptor = this.#filled?.descriptor;
    if (descriptor === undefined) return;
    // A descriptor must not be closed while it is being synced: its number may be another file's by then.
    const close = (): void => closeSync(descriptor);
    void this.#syncing.then(close, close);
  }

  get #isGroupEmpty(): boolean {
    return this.#end <= this.#groupStart;
  }

  get #groupStart(): number {
    return Math.max(this.#start, this.#from);
  }
}
