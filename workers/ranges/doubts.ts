/**
 * A record of a cluster range that few of its key's replicas hold may have been deleted: the others are without it since their
 * tombstones are gone (src/domain/purge.ts). Streams of records do not tell why a key is missing in them, so the replicas are asked,
 * one key at a time. That is rare: what is too young to be below a floor, and what a quorum holds, is in no doubt.
 */
import { Buffer } from 'node:buffer';
import { mayBeDeleted } from '../../src/domain/purge.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import { readVersion, type Version } from '../../src/formats/record.ts';

export interface RangeDoubtsOptions {
  readonly placement: Placement;
  /** By index of the source, the node that it shows. */
  readonly nodes: readonly number[];
  /** No floor is above what is younger, milliseconds. */
  readonly youngMs: number;
  readonly wallMs: () => number;
  /** Asks the replicas of a key whether a record of this version was deleted. */
  readonly isDeleted: (key: Buffer, version: Version) => Promise<boolean>;
  /** An answer has come. */
  readonly wake: () => void;
}

/** What was asked; `undefined` until it is answered. */
export interface Doubt {
  isDeleted: boolean | undefined;
}

export class RangeDoubts {
  readonly #options: RangeDoubtsOptions;

  constructor(options: RangeDoubtsOptions) {
    this.#options = options;
  }

  /** Asks about an entry that these sources show; undefined where there is nothing to ask. */
  about({ key, keyStart, keyEnd, bytes, offset }: RangeEntry, sources: readonly number[]): Doubt | undefined {
    const { placement, nodes, youngMs, wallMs, isDeleted, wake } = this.#options;
    if (sources.length >= placement.replicationFactor) return undefined;
    const version = readVersion(bytes, offset);
    if (version > (wallMs() - youngMs) * 1000) return undefined;
    const replicas = preferenceList(hashKey(key, keyStart, keyEnd), placement.nodeIds, placement.replicationFactor);
    const holders = sources.map((source) => nodes[source] as number);
    if (!mayBeDeleted(replicas, holders)) return undefined;
    const doubt: Doubt = { isDeleted: undefined };
    const answer = (is: boolean): void => {
      doubt.isDeleted = is;
      wake();
    };
    isDeleted(Buffer.from(key.subarray(keyStart, keyEnd)), version).then(answer, () => answer(false));
    return doubt;
  }
}
