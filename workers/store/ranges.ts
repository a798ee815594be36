/**
 * The ranges of one worker's store: over the memtable of this owner and LMDB as of one moment, and with several workers over
 * what the other owners hold in theirs (ranges/node-range.ts).
 *
 * A memtable and LMDB that are looked at one after the other show one moment as long as no checkpoint begins in between of
 * a segment that was written to after the first look: what a checkpoint brings that had begun, or whose segment was full,
 * stands in the memtable's snapshot as well. Hence the hold.
 */
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import type { CheckpointHold } from './checkpoints.ts';
import { CursorView, layerCursor, LmdbCursor, MergedCursor, type EntryCursor } from './cursors.ts';
import type { Database, StoreEnvironment } from './environment.ts';
import type { LargeValues } from './large-values.ts';
import type { LoggedWrites } from './logged-writes.ts';
import { StoreRange } from './range.ts';

/** What an owner holds in its memtable, as of one moment. */
export interface LoggedSnapshot {
  readonly cursor: EntryCursor;
  /** To be released when the other's read transaction is open. */
  readonly hold: CheckpointHold;
}

export interface StoreRangesOptions {
  readonly environment: StoreEnvironment;
  readonly logged: LoggedWrites;
  readonly large: LargeValues;
  readonly onCorrupt: (key: Buffer) => void;
}

export class StoreRanges {
  readonly #options: StoreRangesOptions;
  /** The records, through a handle whose cursors show their entries in `#view`. */
  readonly #records: Database;
  readonly #view = new CursorView();

  constructor(options: StoreRangesOptions) {
    this.#options = options;
    this.#records = options.environment.openView('records', this.#view.handleOptions());
  }

  /**
   * The durable records of a range as the store was last refreshed, and before those in LMDB what cursors over other owners'
   * snapshots show; whoever opens it closes it.
   */
  open(bounds: RangeBounds, others: readonly EntryCursor[]): StoreRange {
    const { environment, large, onCorrupt } = this.#options;
    const transaction = environment.useReadTransaction();
    const { start, end, keysOnly, tellsDamaged = false } = bounds;
    // `end` undefined and absent are not the same to lmdb.
    const lmdbBounds = end === undefined ? { start } : { start, end };
    const iterator = this.#records.getRange({ ...lmdbBounds, transaction })[Symbol.iterator]();
    const stored = new LmdbCursor(iterator, this.#view, () => transaction.done());
    const memtables = [...this.#layers(bounds), ...others];
    const cursor = memtables.length === 0 ? stored : new MergedCursor([...memtables, stored]);
    return new StoreRange({ cursor, transaction, large, keysOnly, tellsDamaged, onCorrupt });
  }

  /** What the memtable holds of a range as of now, for another worker's range. */
  snapshot(bounds: RangeBounds): LoggedSnapshot {
    return { cursor: new MergedCursor(this.#layers(bounds)), hold: this.#options.logged.holdCheckpoints() };
  }

  /** The newest first. */
  #layers(bounds: RangeBounds): EntryCursor[] {
    const layers = this.#options.logged.snapshot().reverse();
    return layers.map((layer) => layerCursor(layer, bounds));
  }
}
