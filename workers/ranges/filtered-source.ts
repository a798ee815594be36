/**
 * A source that shows only some entries of another one: of what this node holds, what it shares with a peer. That the node has lost
 * data is told to the peer by the head of the answer, and ends no such range: nodes that have all lost some merge with each other.
 */
import { Buckets, bucketOf } from '../../src/domain/digests.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import type { SharedBuckets } from '../../src/formats/range-bounds.ts';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import type { RangeSource } from '../ground/range-source.ts';
import type { HeldDigests } from '../store/held-digests.ts';
import { ChoosingSource } from './wrapped-source.ts';

export class FilteredSource extends ChoosingSource {
  readonly #wants: (entry: RangeEntry) => boolean;
  /** Whether the head is wanted; undefined before it is looked at. */
  #isWanted: boolean | undefined;

  constructor(source: RangeSource, wants: (entry: RangeEntry) => boolean) {
    super(source);
    this.#wants = wants;
  }

  protected get isShown(): boolean {
    return (this.#isWanted ??= this.#wants(this.source.entry));
  }

  override advance(): void {
    this.#isWanted = undefined;
    this.source.advance();
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
