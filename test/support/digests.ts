/** Digests computed from all that a store shows, to be held against those that it keeps. */
import assert from 'node:assert/strict';
import { bucketOf, countRecord, KeyHashes, newDigests, type Digests } from '../../src/domain/digests.ts';
import { Sharing, type Placement } from '../../src/domain/sharing.ts';
import type { Store } from '../../workers/store/store.ts';

/** The placement of the first of so many nodes. */
export function placementOf(nodes: number, replicationFactor: number): Placement {
  const nodeIds = Array.from({ length: nodes }, (_, index) => 1000 + index * 7919);
  return { name: `${replicationFactor} of ${nodes}`, nodeIds, selfIndex: 0, replicationFactor };
}

/** What the store says, run to its end at once; undefined while it builds them. */
export function keptDigests(store: Store, group: number): Digests | undefined {
  const steps = store.digests.asOfNow({ group, buckets: undefined });
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same from each record that the store shows. */
export function computedDigests(store: Store, placement: Placement, group: number): Digests {
  const digests = newDigests(store.digests.buckets);
  const sharing = new Sharing(placement);
  const key = new KeyHashes();
  while (!store.prepareRange());
  const range = store.openRange({ start: Buffer.from([0]), end: undefined, keysOnly: true });
  try {
    for (range.advance(); range.state !== 'ended'; range.advance()) {
      while (range.state === 'working') range.work();
      assert.equal(range.state, 'entry');
      const { key: bytes, keyStart, keyEnd, bytes: record, offset } = range.entry;
      key.take(bytes, keyStart, keyEnd);
      if (sharing.shares(key.first, group)) {
        countRecord(digests, bucketOf(key.first, store.digests.buckets), key, record, offset, 1);
      }
    }
  } finally {
    range.close();
  }
  return digests;
}
