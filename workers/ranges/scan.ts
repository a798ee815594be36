/**
 * A scan: reads a range from one source or merges several, and writes its records into pages, as steps that the owner
 * of the event loop resumes when there is time, a free page, or news from a peer.
 *
 * Each step is short: the scan looks at the slice's end every few records. Nothing is read ahead of the page that is
 * being filled but what the sources hold by their own bounds.
 */
import { Buffer } from 'node:buffer';
import { isRangeComplete, type RangeEnd } from '../../src/domain/range.ts';
import type { RangeEntry, RangeFormat } from '../../src/formats/range-format.ts';
import { selectNext } from '../../src/domain/range-merge.ts';
import { isGone } from '../../src/formats/record.ts';
import type { RangeSource } from '../ground/range-source.ts';
import type { RangeDoubts } from './doubts.ts';

/** Why a scan stands still: its page is full, its time is up, or a source waits for its peer. */
export type Stop = 'page' | 'time' | 'source';

export interface RangeScanOptions {
  /** This node's own first: it wins among equal records. */
  readonly sources: readonly RangeSource[];
  readonly format: RangeFormat;
  readonly limit: number | undefined;
  /** A peer's coordinator needs them, and what has expired, to hide older records. */
  readonly withTombstones: boolean;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Copies of each record; a majority of so many sources must not fail. */
  readonly replicationFactor: number;
  /** Told to a peer where tombstones were left out. */
  readonly leftOutMark?: Buffer | undefined;
  /** Of a cluster scan: finds out what was deleted though some node shows it. */
  readonly doubts: Pick<RangeDoubts, 'about'> | undefined;
  /** Sees the version of a record; false where it is too far in the future to be shown, or to hide others. */
  readonly accepts: (bytes: Buffer, offset: number) => boolean;
}

/** The page that is being filled; whoever resumes the scan puts a fresh one here. */
export interface ScanPage {
  bytes: Buffer;
  length: number;
}

/** Until when the scan may run, `performance.now()`. */
export interface Slice {
  endsAt: number;
}

/** Records between two looks at the clock: 16 small ones take about 20 us, 16 of 128 KiB about 1 ms. */
const RECORDS_PER_LOOK = 16;

export class RangeScan {
  readonly page: ScanPage = { bytes: Buffer.alloc(0), length: 0 };
  records = 0;
  readonly #options: RangeScanOptions;
  readonly #slice: Slice;
  readonly #heads: (RangeEntry | undefined)[];
  readonly #sameKey: number[] = [];
  /** Whether a record was begun and is not complete. */
  #isMidRecord = false;
  /** Sources that failed, or whose nodes have lost data. */
  #missing = 0;

  constructor(options: RangeScanOptions, slice: Slice) {
    this.#options = options;
    this.#slice = slice;
    this.#heads = options.sources.map(() => undefined);
  }

  get isMidRecord(): boolean {
    return this.#isMidRecord;
  }

  /** The whole scan. Nothing is allocated for a small record: the steps that can stop are entered when they have to. */
  *steps(): Generator<Stop, RangeEnd> {
    const { sources, limit, withTombstones, format, wallMs } = this.#options;
    for (let count = 1; ; count++) {
      while (!this.#takeHeads()) yield* this.#awaitHeads();
      if (this.#missing > 0 && !this.#isComplete) return this.#shortage();
      const source = sources[selectNext(this.#heads, this.#sameKey)];
      if (source === undefined) {
        yield* this.#tellLeftOut(sources[0]);
        return { kind: 'complete', next: undefined };
      }
      const { entry } = source;
      const isShown = withTombstones || !isGone(entry.bytes, entry.offset, wallMs);
      if (isShown && this.#showLeftOut(entry)) continue;
      if (isShown && !(yield* this.#isDeleted(entry))) {
        if (source.leavesOut === true) yield* this.#tellLeftOut(source);
        if (this.records === limit) return { kind: 'complete', next: keyOf(entry) };
        const fault = format.fault?.(entry);
        if (fault !== undefined) return { kind: 'unwritable', detail: fault };
        if (source.isLarge || !this.#tryWrite(entry)) yield* this.#write(source);
        if (this.#isMidRecord) return this.#brokenOff(source);
        this.records++;
      }
      for (const index of this.#sameKey) (sources[index] as RangeSource).advance();
      if (count % RECORDS_PER_LOOK === 0 && performance.now() >= this.#slice.endsAt) yield 'time';
    }
  }

  /** Has what may hide an entry shown, where sources left something out; returns whether there were any. */
  #showLeftOut(entry: RangeEntry): boolean {
    const { sources } = this.#options;
    let isShown = false;
    for (let index = 0; index < sources.length; index++) {
      const source = sources[index] as RangeSource;
      if (source.leavesOut !== true || source.show === undefined || this.#sameKey.includes(index)) continue;
      source.show(keyOf(entry));
      isShown = true;
    }
    return isShown;
  }

  *#tellLeftOut(source: RangeSource | undefined): Generator<Stop, void> {
    const { leftOutMark } = this.#options;
    if (leftOutMark !== undefined && source?.leavesOut === true) yield* this.#copy(leftOutMark);
  }

  /** Whether the key's replicas say that its newest record was deleted. */
  *#isDeleted(entry: RangeEntry): Generator<Stop, boolean> {
    const doubt = this.#options.doubts?.about(entry, this.#sameKey);
    if (doubt === undefined) return false;
    while (doubt.isDeleted === undefined) yield 'source';
    return doubt.isDeleted;
  }

  /** Whether every source shows its head or will never have one again. */
  #takeHeads(): boolean {
    const { sources, accepts } = this.#options;
    this.#missing = 0;
    for (let index = 0; index < sources.length; index++) {
      const source = sources[index] as RangeSource;
      const { state } = source;
      if (state === 'working' || state === 'waiting') return false;
      if (state === 'entry' && !accepts(source.entry.bytes, source.entry.offset)) {
        source.advance();
        return false;
      }
      this.#heads[index] = state === 'entry' ? source.entry : undefined;
      if (state === 'failed' || source.lack !== undefined) this.#missing++;
    }
    return true;
  }

  get #isComplete(): boolean {
    return isRangeComplete(this.#missing, this.#options.replicationFactor);
  }

  *#awaitHeads(): Generator<Stop, void> {
    for (const source of this.#options.sources) {
      while (source.state === 'working') {
        source.work();
        if (performance.now() >= this.#slice.endsAt) yield 'time';
      }
      while (source.state === 'waiting') yield 'source';
    }
    if (performance.now() >= this.#slice.endsAt) yield 'time';
  }

  *#write(source: RangeSource): Generator<Stop, void> {
    const { format } = this.#options;
    if (source.isLarge) {
      yield* this.#writeLarge(source);
      return;
    }
    if (this.page.length > 0) yield 'page';
    if (this.#tryWrite(source.entry)) return;
    this.#isMidRecord = true;
    yield* this.#copy(format.encodeLong(source.entry));
    this.#isMidRecord = false;
  }

  #tryWrite(entry: RangeEntry): boolean {
    const end = this.#options.format.write(this.page.bytes, this.page.length, entry);
    if (end < 0) return false;
    this.page.length = end;
    return true;
  }

  /** A value in pieces; where its source fails half-way, the record stays begun. */
  *#writeLarge(source: RangeSource): Generator<Stop, void> {
    const { format } = this.#options;
    this.#isMidRecord = true;
    yield* this.#copy(format.largeHead(source.entry));
    while (source.hasValue) {
      const piece = source.takeValue();
      if (piece !== undefined) yield* this.#copy(format.encodePiece?.(piece) ?? piece);
      else if (source.hasValue) yield 'source';
      if (performance.now() >= this.#slice.endsAt) yield 'time';
    }
    if (source.state === 'failed') return;
    if (format.encodePiece !== undefined) yield* this.#copy(format.encodePiece(undefined));
    yield* this.#copy(format.largeTail);
    this.#isMidRecord = false;
  }

  *#copy(bytes: Buffer): Generator<Stop, void> {
    const { page } = this;
    for (let at = 0; at < bytes.length;) {
      if (page.length === page.bytes.length) yield 'page';
      const copied = bytes.copy(page.bytes, page.length, at);
      page.length += copied;
      at += copied;
    }
  }

  #brokenOff(source: RangeSource): RangeEnd {
    return { kind: 'failed', detail: `A record broke off: ${source.error ?? 'no reason'}`, isMidRecord: true };
  }

  #shortage(): RangeEnd {
    const { sources, replicationFactor } = this.#options;
    const errors = sources.flatMap(({ error, lack }) => error ?? lack ?? []).join('; ');
    const detail = `${this.#missing} of ${sources.length} nodes cannot be read or have lost data, and a record has ${replicationFactor} replicas: ${errors}`;
    return { kind: 'not-enough-replicas', detail };
  }
}

function keyOf({ key, keyStart, keyEnd }: RangeEntry): Uint8Array {
  return Uint8Array.from(key.subarray(keyStart, keyEnd));
}
