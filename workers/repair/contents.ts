/**
 * A digest of all records that this node holds, as of one moment, and of what it shares with each peer: nodes are compared by it
 * from outside. Unlike the digests that are kept (src/domain/digests.ts) it is read from the records, and has their checksums in
 * it, so that equal digests mean equal bytes.
 */
import { Buffer } from 'node:buffer';
import { countRecord, KeyHashes, newDigests, type Digests } from '../../src/domain/digests.ts';
import { Sharing, type Placement } from '../../src/domain/sharing.ts';
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import type { ContentDigest, NodeContents } from '../../src/protocol/repair.ts';
import type { RangeSource } from '../ground/range-source.ts';
import type { GivingWay } from './giving-way.ts';

export interface ContentsOptions {
  readonly placement: Placement;
  /** By index among the nodes. */
  readonly urls: readonly string[];
  readonly open: (bounds: RangeBounds, wake: () => void) => RangeSource;
  readonly givingWay: GivingWay;
}

/** One sum, and what went into it. */
class Sum {
  readonly #digests: Digests = newDigests(1);
  #records = 0;

  add(key: Readonly<KeyHashes>, record: Buffer, offset: number): void {
    countRecord(this.#digests, 0, key, record, offset, 1);
    this.#records++;
  }

  get result(): ContentDigest {
    const [first = 0, second = 0] = this.#digests;
    const digest = [first, second].map((half) => half.toString(16).padStart(8, '0')).join('');
    return { digest, records: this.#records };
  }
}

/** Rejects where the store cannot be read. */
export async function digestContents({ placement, urls, open, givingWay }: ContentsOptions): Promise<NodeContents> {
  const all = new Sum();
  const shared = urls.map(() => new Sum());
  const sharing = new Sharing(placement);
  const groups = new Uint32Array(Math.max(1, sharing.groups));
  const key = new KeyHashes();
  let wake = (): void => {};
  const bounds = { start: Buffer.from([0]), end: undefined, keysOnly: true };
  const source = open(bounds, () => wake());
  try {
    for (;;) {
      if (source.state === 'waiting') await new Promise<void>((resolve) => (wake = resolve));
      else if (source.state === 'working') source.work();
      else if (source.state !== 'entry') break;
      else {
        const { key: bytes, keyStart, keyEnd, bytes: record, offset } = source.entry;
        key.take(bytes, keyStart, keyEnd);
        const groupCount = sharing.groupsOf(key.first, groups);
        const checksum = record.readUInt32LE(offset);
        key.first ^= checksum;
        key.second = Math.imul(key.second ^ checksum, 0x9e3779b1);
        all.add(key, record, offset);
        for (let at = 0; at < groupCount; at++) shared[groups[at] as number]?.add(key, record, offset);
        source.advance();
      }
      if (givingWay.isDue) await givingWay.pause();
    }
  } finally {
    source.close();
  }
  const { selfIndex } = placement;
  const sharedWith = urls.flatMap((url, index) => {
    const sum = sharing.isOne ? shared[0] : shared[index];
    return index === selfIndex || sum === undefined ? [] : [[url, sum.result] as const];
  });
  return { url: urls[selfIndex] ?? '', ...all.result, sharedWith: Object.fromEntries(sharedWith) };
}
