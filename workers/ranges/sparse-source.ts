/**
 * Ranges over what was deleted. A tombstone matters to a range of the cluster only where some node still shows a value under its
 * key, so nodes leave out what stands in long rows of them and say where: a mark in the stream, `leavesOut` of a source.
 *
 *   SparseSource    on the node that holds the records: shows the first of a row, then goes to the next value
 *   SeekingSource   at the coordinator: where another node has a value inside of what was left out, the source is opened anew at
 *                   that key and shows what it has there
 *
 * A node that lacks many deletes makes the coordinator do that often, so each time the rows that are shown get longer.
 */
import { isGone } from '../../src/formats/record.ts';
import type { RangeSource } from '../ground/range-source.ts';
import { ChoosingSource, WrappedSource } from './wrapped-source.ts';

/** A source that may pass over LMDB's tombstones without a look at each. */
export interface TombstonedSource extends RangeSource {
  /** From the head on. */
  hideTombstones(): void;
  /** Behind the head. */
  showTombstones(): void;
}

export class SparseSource extends ChoosingSource<TombstonedSource> {
  /** Whether something was left out between the head, or the end, and the entry before it. */
  leavesOut = false;
  readonly #after: number;
  readonly #wallMs: () => number;
  /** What a reader does not see, since the last value. */
  #row = 0;
  /** What the head is; undefined before it is looked at. */
  #head: 'value' | 'shown' | 'left-out' | undefined;

  /** `after`: how many tombstones and expired values in a row are shown. `wallMs`: milliseconds since 1970. */
  constructor(source: TombstonedSource, after: number, wallMs: () => number) {
    super(source);
    this.#after = after;
    this.#wallMs = wallMs;
  }

  get lack(): string | undefined {
    return this.source.lack;
  }

  protected get isShown(): boolean {
    this.#head ??= this.#look();
    return this.#head !== 'left-out';
  }

  override advance(): void {
    if (this.#head === 'value') {
      if (this.leavesOut) this.source.showTombstones();
      this.leavesOut = false;
      this.#row = 0;
    }
    this.#head = undefined;
    this.source.advance();
  }

  protected override onPassed(): void {
    if (!this.leavesOut) this.source.hideTombstones();
    this.leavesOut = true;
  }

  #look(): 'value' | 'shown' | 'left-out' {
    const { bytes, offset } = this.source.entry;
    if (!isGone(bytes, offset, this.#wallMs)) return 'value';
    return this.#row++ < this.#after ? 'shown' : 'left-out';
  }
}

/** With fewer, the marks would cost more than what they stand for. */
const SKIP_AFTER = 256;
const SKIP_GROWTH = 4;

export class SeekingSource extends WrappedSource {
  readonly #open: (start: Uint8Array, skipAfter: number) => RangeSource;
  #skipAfter = SKIP_AFTER;

  /** `open` opens the source at a key; it may leave out what stands in a row behind so many tombstones. */
  constructor(start: Uint8Array, open: (start: Uint8Array, skipAfter: number) => RangeSource) {
    super(open(start, SKIP_AFTER));
    this.#open = open;
  }

  get lack(): string | undefined {
    return this.source.lack;
  }

  get leavesOut(): boolean {
    return this.source.leavesOut === true;
  }

  /** Shows what stands at a key and behind it, whatever was left out there. */
  show(from: Uint8Array): void {
    this.source.close();
    this.#skipAfter = Math.min(this.#skipAfter * SKIP_GROWTH, Number.MAX_SAFE_INTEGER);
    this.source = this.#open(from, this.#skipAfter);
  }
}
