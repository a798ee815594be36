/**
 * The ranges of one worker's store: over the memtable of this owner and LMDB as of one moment, and with several workers over
 * what the other owners hold in theirs (ranges/node-range.ts).
 *
 * A memtable and LMDB that are looked at one after the other show one moment as long as no checkpoint begins in between of
 * a segment that was written to after the first look: what a checkpoint brings that had begun, or whose segment was full,
 * stands in the memtable's snapshot as well. Hence the hold.
 *
 * LMDB's tombstones are a cursor of their own, the last of those that are merged, so that a range may pass over them without a
 * look at each.
 */
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import type { CheckpointHold } from './checkpoints.ts';
import { CursorView, layerCursor, LmdbCursor, MergedCursor, noEntries, type EntryCursor } from './cursors.ts';
import type { Database, ReadTransaction, StoreEnvironment } from './environment.ts';
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
  readonly #values: Viewed;
  readonly #tombstones: Viewed;

  constructor(options: StoreRangesOptions) {
    this.#options = options;
    this.#values = new Viewed(options.environment, 'records');
    this.#tombstones = new Viewed(options.environment, 'tombstones');
  }

  /**
   * The durable records of a range as the store was last refreshed, and before those in LMDB what cursors over other owners'
   * snapshots show; whoever opens it closes it.
   */
  open(bounds: RangeBounds, others: readonly EntryCursor[]): StoreRange {
    const { environment, large, onCorrupt } = this.#options;
    const transaction = environment.useReadTransaction();
    const values = this.#values.cursor(bounds, transaction, () => transaction.done());
    const layers = [...this.#layers(bounds), ...others];
    const { keysOnly, tellsDamaged = false } = bounds;
    const options = { transaction, large, keysOnly, tellsDamaged, onCorrupt };
    if (bounds.skipAfter === 0) {
      const cursor = layers.length === 0 ? values : new MergedCursor([...layers, values]);
      return new StoreRange({ ...options, cursor, isBare: true });
    }
    const tombstones = (start: Uint8Array): EntryCursor => this.#tombstones.cursor({ ...bounds, start }, transaction);
    const cursor = new MergedCursor([...layers, values, tombstones(bounds.start)]);
    const hide = (): void => cursor.replaceLast(noEntries);
    return new StoreRange({
      ...options,
      cursor,
      tombstones: { hide, show: (from) => cursor.replaceLast(tombstones(from)) },
    });
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

/** A database whose cursors show their entries in one view. */
class Viewed {
  readonly #view = new CursorView();
  readonly #database: Database;

  constructor(environment: StoreEnvironment, name: string) {
    this.#database = environment.openView(name, this.#view.handleOptions());
  }

  cursor({ start, end }: RangeBounds, transaction: ReadTransaction, onClose: () => void = () => {}): EntryCursor {
    // `end` undefined and absent are not the same to lmdb.
    const bounds = end === undefined ? { start } : { start, end };
    const iterator = this.#database.getRange({ ...bounds, transaction })[Symbol.iterator]();
    return new LmdbCursor(iterator, this.#view, onClose);
  }
}
