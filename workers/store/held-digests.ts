/**
 * The digests of all that one owner holds now: the sums that its checkpoints keep of LMDB (stored-digests.ts), and what the
 * memtable changes of them. Two nodes are compared by these, since what of the newest writes is in LMDB already differs from
 * node to node all the time.
 *
 * Sums, LMDB and memtable are taken as of one moment, in one call; adding up what the memtable holds takes about a microsecond
 * a record, in steps. Nothing is paid for it while writes come.
 */
import {
  addDigests,
  bucketOf,
  countRecord,
  KeyHashes,
  newDigests,
  type Buckets,
  type Digests,
} from '../../src/domain/digests.ts';
import type { Placement, Sharing } from '../../src/domain/sharing.ts';
import { entryAt } from '../../src/formats/log.ts';
import type { ReadTransaction, StoreEnvironment } from './environment.ts';
import type { LayerEntries } from './memtable.ts';
import { StoredDigests } from './stored-digests.ts';
import type { StoredRecords } from './stored-records.ts';

export interface HeldDigestsOptions {
  readonly environment: StoreEnvironment;
  readonly records: StoredRecords;
  readonly logged: { entries(): LayerEntries[] };
  readonly placement: Placement;
  readonly owner: number;
  readonly workers: number;
}

/** Which sums: those of a group, and of it only these buckets; all where none are named. */
export interface DigestsWanted {
  readonly group: number;
  readonly buckets: Buckets | undefined;
}

/** Entries that one step adds: a quarter of a millisecond. */
const STEP_ENTRIES = 256;

export class HeldDigests {
  readonly #options: HeldDigestsOptions;
  readonly #stored: StoredDigests;

  constructor(options: HeldDigestsOptions) {
    this.#options = options;
    this.#stored = new StoredDigests(options.environment, options.placement);
  }

  get sharing(): Sharing {
    return this.#stored.sharing;
  }

  /** How many buckets there are. */
  get buckets(): number {
    return this.#stored.buckets;
  }

  /**
   * The digests as of now, to be added up in steps; whoever asks runs them to their end, or returns from them. Their result is
   * undefined while the digests are being built. The first owner's has what owners that are no more have put.
   */
  asOfNow(wanted: DigestsWanted): Generator<void, Digests | undefined> {
    const { environment, records, logged, owner, workers } = this.#options;
    records.refresh();
    const transaction = environment.useReadTransaction();
    const owners = owner === 0 ? [0, ...this.#stored.formerOwners(workers)] : [owner];
    const sums = this.#stored.read(wanted.group, owners, transaction);
    return this.#addUp({ sums, layers: logged.entries(), transaction }, wanted);
  }

  *#addUp({ sums, layers, transaction }: Taken, wanted: DigestsWanted): Generator<void, Digests | undefined> {
    try {
      if (sums === undefined) return undefined;
      const total = newDigests(this.buckets);
      for (const one of sums) addDigests(total, one);
      yield* this.#addLayers(total, { layers, transaction }, wanted);
      return total;
    } finally {
      for (const { done } of layers) done();
      transaction.done();
    }
  }

  /** Each key once, by its newest entry, in the place of what LMDB has under it. */
  *#addLayers(
    total: Digests,
    { layers, transaction }: Omit<Taken, 'sums'>,
    { group, buckets }: DigestsWanted,
  ): Generator<void, void> {
    const { records } = this.#options;
    const key = new KeyHashes();
    const seen = new Set<number>();
    for (const [number, { image, offsets }] of layers.entries()) {
      const isLast = number === layers.length - 1;
      for (let at = 0; at < offsets.length; at++) {
        if (at % STEP_ENTRIES === STEP_ENTRIES - 1) yield;
        const { keyStart, keyEnd } = entryAt(image, offsets[at] as number);
        key.take(image, keyStart, keyEnd);
        const bucket = bucketOf(key.first, this.buckets);
        if (buckets?.has(bucket) === false || !this.sharing.shares(key.first, group)) continue;
        const name = key.first * 2 ** 21 + (key.second & 0x1fffff);
        if (number > 0 && seen.has(name)) continue;
        if (!isLast) seen.add(name);
        const old = records.getIn(image.subarray(keyStart, keyEnd), transaction);
        if (old !== undefined) countRecord(total, bucket, key, old, 0, -1);
        countRecord(total, bucket, key, image, keyEnd, 1);
      }
    }
  }
}

/** What is added up: undefined sums are being built. */
interface Taken {
  readonly sums: Digests[] | undefined;
  readonly layers: readonly LayerEntries[];
  readonly transaction: ReadTransaction;
}
