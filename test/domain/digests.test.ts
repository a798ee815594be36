/** Sums by bucket, and who shares which keys. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  Buckets,
  bucketCountOf,
  bucketOf,
  countRecord,
  differing,
  KeyHashes,
  newDigests,
} from '../../src/domain/digests.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import { Sharing } from '../../src/domain/sharing.ts';
import { RECORD_HEADER_BYTES, sealRecord, type Stamp } from '../../src/formats/record.ts';
import { placementOf } from '../support/digests.ts';

const buckets = bucketCountOf(1);

function hashed(text: string): KeyHashes {
  const bytes = Buffer.from(text);
  const key = new KeyHashes();
  key.take(bytes, 0, bytes.length);
  return key;
}

function record(key: string, stamp: Stamp): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES);
  sealRecord(bytes, 0, 0, Buffer.from(key), stamp);
  return bytes;
}

test('the first hash of a key is the one that places it', () => {
  fc.assert(
    fc.property(fc.string(), (text) => hashed(text).first === hashKey(Buffer.from(text), 0, Buffer.byteLength(text))),
  );
});

test('sums do not depend on order, and what is taken out leaves no trace', () => {
  const entry = fc.tuple(
    fc.string(),
    fc.integer({ min: 1, max: 2 ** 45 }),
    fc.integer({ min: 1, max: 9 }),
    fc.boolean(),
  );
  fc.assert(
    fc.property(fc.array(entry), fc.array(entry), (kept, gone) => {
      const sums = (entries: typeof kept, taken: typeof kept): Uint32Array => {
        const digests = newDigests(buckets);
        const add =
          (sign: 1 | -1) =>
          ([key, version, nodeId, isDeleted]: (typeof kept)[number]) => {
            const stamp = { version, nodeId, kind: isDeleted ? (1 as const) : (0 as const) };
            countRecord(digests, bucketOf(hashed(key).first, buckets), hashed(key), record(key, stamp), 0, sign);
          };
        entries.forEach(add(1));
        taken.forEach(add(-1));
        return digests;
      };
      assert.deepEqual(sums([...gone, ...kept], gone), sums(kept.toReversed(), []));
    }),
  );
});

test('a difference in version, node, kind or key alone is seen', () => {
  const stamp: Stamp = { version: 1_700_000_000_000_000, nodeId: 7, kind: 0 };
  const sums = (key: string, own: Stamp): Uint32Array => {
    const digests = newDigests(buckets);
    countRecord(digests, 3, hashed(key), record(key, own), 0, 1);
    return digests;
  };
  const others = [
    sums('a', { ...stamp, version: stamp.version + 1 }),
    sums('a', { ...stamp, nodeId: 8 }),
    sums('a', { ...stamp, kind: 1 }),
    sums('b', stamp),
  ];
  for (const other of others) {
    const found = differing(sums('a', stamp), other);
    assert.deepEqual([found.size, found.has(3)], [1, true]);
  }
  assert.equal(differing(sums('a', stamp), sums('a', stamp)).size, 0);
  assert.equal(differing(sums('a', stamp), sums('b', stamp), new Buckets(buckets)).size, 0, 'nothing was asked for');
});

test('keys are spread over all buckets', () => {
  const seen = new Set(Array.from({ length: 200_000 }, (_, at) => bucketOf(hashed(`key ${at}`).first, buckets)));
  assert.equal(seen.size, buckets);
});

test('a key counts for the peers that are among its replicas with this node, and for no others', () => {
  for (const [nodes, factor] of [
    [3, 3],
    [5, 3],
    [9, 2],
    [4, 4],
    [2, 1],
  ] as const) {
    const placement = placementOf(nodes, factor);
    const sharing = new Sharing(placement);
    const groups = new Uint32Array(nodes);
    for (let number = 0; number < 500; number++) {
      const { first } = hashed(`key ${number}`);
      const replicas = preferenceList(first, placement.nodeIds, factor);
      const peers = replicas.includes(0) ? replicas.filter((index) => index !== 0) : [];
      const found = [...groups.subarray(0, sharing.groupsOf(first, groups))];
      if (sharing.isOne) assert.deepEqual(found, [0]);
      else assert.deepEqual(new Set(found), new Set(peers));
      for (let peer = 1; peer < nodes; peer++) {
        const group = sharing.groupOf(placement.nodeIds[peer] as number) as number;
        assert.equal(sharing.shares(first, group), sharing.isOne || peers.includes(peer));
      }
    }
  }
});
