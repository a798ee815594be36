/**
 * A range of this node: what all owners hold in their memtables, and LMDB, which they share.
 *
 *   opening ── each other owner has taken its snapshot ──> opened ── LMDB's, and this owner's ──> open
 *
 * What this owner holds is put in the order of keys meanwhile, in steps; the others do the same before they answer.
 * In this order each owner's keys are shown as of one moment, and every write that was acknowledged before is there: an
 * owner's snapshot has what is not in LMDB when it is taken, and until its first page is asked for nothing newer gets
 * there (`Checkpoints.hold`). Where that was kept up for too long, all is opened anew before anything was shown.
 *
 * An owner that dies breaks the range off: `work` throws. It is no source that may be missing, as a peer is.
 */
import { Buffer } from 'node:buffer';
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import type { RangeSource, SourceState } from '../ground/range-source.ts';
import { emptyEntry, type EntryCursor } from '../store/cursors.ts';
import type { StoreRange } from '../store/range.ts';
import { OwnerCursor, type Owner } from './owner-cursor.ts';

export interface NodeRangeOptions {
  readonly store: {
    prepareRange(): boolean;
    openRange(bounds: RangeBounds, others: readonly EntryCursor[]): StoreRange;
  };
  readonly owners: OtherOwners;
  readonly bounds: RangeBounds;
  /** Why records may be missing here that the node has acknowledged. */
  readonly lack?: string | undefined;
  /** The source is not `waiting` any more. */
  readonly onChange: () => void;
}

/** The other owners of this node's keys. */
export class OtherOwners {
  readonly #owners: readonly Owner[];
  #opened = 0;

  constructor(owners: readonly Owner[]) {
    this.#owners = owners;
  }

  /** A cursor for each of them, not opened yet. */
  cursors(bounds: RangeBounds, onChange: () => void): OwnerCursor[] {
    const id = ++this.#opened;
    return this.#owners.map((owner) => new OwnerCursor({ owner, id, bounds, onChange }));
  }
}

/** `troubled`: an owner has failed, or its snapshot is stale. */
type Phase = 'opening' | 'opened' | 'open' | 'troubled' | 'closed';

/** How often a range is opened anew; each time some owner's checkpoint has waited for a second. */
const OPENINGS_MAX = 5;

export class NodeRange implements RangeSource {
  readonly error = undefined;
  readonly #options: NodeRangeOptions;
  #phase: Phase = 'opening';
  /** Whether what this owner holds was in the order of keys at a look at it. */
  #isOrdered = false;
  #cursors: readonly OwnerCursor[] = [];
  #range: StoreRange | undefined;
  #openings = 0;

  constructor(options: NodeRangeOptions) {
    this.#options = options;
    this.#open();
  }

  get state(): SourceState {
    switch (this.#phase) {
      case 'opening':
        return this.#isOrdered ? 'waiting' : 'working';
      case 'opened':
      case 'troubled':
        return 'working';
      case 'open':
        return this.#range?.state ?? 'ended';
      case 'closed':
        return 'ended';
      default:
        return this.#phase satisfies never;
    }
  }

  get lack(): string | undefined {
    return this.#options.lack;
  }

  get entry(): RangeEntry {
    return this.#range?.entry ?? noEntry;
  }

  get isLarge(): boolean {
    return this.#range?.isLarge === true;
  }

  get hasValue(): boolean {
    return this.#range?.hasValue === true;
  }

  advance(): void {
    this.#range?.advance();
  }

  /** Throws where an owner does not answer any more. */
  work(): void {
    if (this.#phase === 'opening') this.#isOrdered = this.#options.store.prepareRange();
    else if (this.#phase === 'opened') this.#begin();
    else if (this.#phase === 'troubled') this.#openAnew();
    else this.#range?.work();
  }

  takeValue(): Buffer | undefined {
    return this.#range?.takeValue();
  }

  /** As `StoreRange` does. */
  hideTombstones(): void {
    this.#range?.hideTombstones();
  }

  showTombstones(): void {
    this.#range?.showTombstones();
  }

  close(): void {
    this.#phase = 'closed';
    this.#letGo();
  }

  #open(): void {
    this.#phase = 'opening';
    this.#openings++;
    this.#cursors = this.#options.owners.cursors(this.#options.bounds, () => this.#onChange());
    for (const cursor of this.#cursors) cursor.open();
    if (this.#cursors.length > 0) {
      this.#isOrdered = this.#options.store.prepareRange();
      return;
    }
    this.#phase = 'opened';
    this.#begin();
  }

  #begin(): void {
    const { store, bounds } = this.#options;
    if (!store.prepareRange()) return;
    this.#phase = 'open';
    this.#range = store.openRange(bounds, this.#cursors);
    for (const cursor of this.#cursors) cursor.read();
  }

  #openAnew(): void {
    const failed = this.#cursors.find(({ state }) => state === 'failed');
    if (failed !== undefined) throw new Error(`The range cannot be read: ${failed.error}`);
    if (this.#openings === OPENINGS_MAX)
      throw new Error('The range cannot be read: owners wait too long for each other');
    this.#letGo();
    this.#open();
  }

  #onChange(): void {
    if (this.#phase === 'closed') return;
    if (this.#cursors.some(({ state }) => state === 'failed' || state === 'stale')) this.#phase = 'troubled';
    else if (this.#phase === 'opening' && this.#cursors.every(({ state }) => state === 'opened'))
      this.#phase = 'opened';
    else this.#range?.wake();
    this.#options.onChange();
  }

  /** The range has the cursors, once there is one. */
  #letGo(): void {
    const range = this.#range;
    this.#range = undefined;
    if (range !== undefined) range.close();
    else for (const cursor of this.#cursors) cursor.close();
  }
}

const noEntry = emptyEntry(Buffer.alloc(0));
