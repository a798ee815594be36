/** A source that shows only some entries of another one: of what this node holds, what it shares with a peer. */
import type { Buffer } from 'node:buffer';
import { Buckets, bucketOf } from '../../src/domain/digests.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import type { SharedBuckets } from '../../src/formats/range-bounds.ts';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import type { RangeSource, SourceState } from '../ground/range-source.ts';
import type { HeldDigests } from '../store/held-digests.ts';

/** Entries that one step passes over: about 50 us. */
const STEP_ENTRIES = 128;

export class FilteredSource implements RangeSource {
  readonly #source: RangeSource;
  readonly #wants: (entry: RangeEntry) => boolean;
  /** Whether the head is wanted; undefined before it is looked at. */
  #isWanted: boolean | undefined;

  constructor(source: RangeSource, wants: (entry: RangeEntry) => boolean) {
    this.#source = source;
    this.#wants = wants;
  }

  get state(): SourceState {
    const { state, entry } = this.#source;
    if (state !== 'entry') return state;
    this.#isWanted ??= this.#wants(entry);
    return this.#isWanted ? 'entry' : 'working';
  }

  get error(): string | undefined {
    return this.#source.error;
  }

  get entry(): RangeEntry {
    return this.#source.entry;
  }

  get isLarge(): boolean {
    return this.#source.isLarge;
  }

  get hasValue(): boolean {
    return this.#source.hasValue;
  }

  advance(): void {
    this.#isWanted = undefined;
    this.#source.advance();
  }

  work(): void {
    if (this.#source.state !== 'entry') return this.#source.work();
    for (let step = 0; step < STEP_ENTRIES && this.state === 'working' && this.#source.state === 'entry'; step++) {
      this.advance();
    }
    return undefined;
  }

  takeValue(): Buffer | undefined {
    return this.#source.takeValue();
  }

  close(): void {
    this.#source.close();
  }
}

/** Whether an entry is of these buckets and shared by the node; of a node that is no peer nothing is. */
export function sharedFilter(digests: HeldDigests, { nodeId, buckets: bits }: SharedBuckets) {
  const { sharing, buckets: bucketCount } = digests;
  const group = sharing.groupOf(nodeId);
  const buckets = new Buckets(bucketCount, bits);
  return ({ key, keyStart, keyEnd }: RangeEntry): boolean => {
    const hash = hashKey(key, keyStart, keyEnd);
    return group !== undefined && buckets.has(bucketOf(hash, bucketCount)) && sharing.shares(hash, group);
  };
}
