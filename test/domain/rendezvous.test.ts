/** Placement: the promises that make a preference list a replica set, on 100,000 keys. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import { hashKey, preferenceList, weight } from '../../src/domain/rendezvous.ts';
import { nodeIdOf } from '../../src/domain/topology.ts';

const keyCount = 100_000;
const keyFamilies: readonly (readonly [name: string, key: (index: number) => string])[] = [
  ['key0, key1, ...', (index) => `key${index}`],
  ['zero-padded numbers', (index) => `user:${String(index).padStart(10, '0')}`],
  ['hexadecimal numbers', (index) => Math.imul(index, 0x9e3779b1).toString(16)],
];

const idsOf = (nodeCount: number, firstPort = 8080): number[] =>
  Array.from({ length: nodeCount }, (_, index) => nodeIdOf(`http://localhost:${firstPort + index}`));

const hashOf = (text: string): number => {
  const bytes = Buffer.from(text);
  return hashKey(bytes, 0, bytes.length);
};

const anyIds = fc.uniqueArray(fc.integer({ min: 1, max: 0xffffffff }), { minLength: 1, maxLength: 12 });
const anyHash = fc.integer({ min: 0, max: 0xffffffff });

const listOf = (keyHash: number, ids: readonly number[], count = ids.length): (number | undefined)[] =>
  preferenceList(keyHash, ids, count).map((index) => ids[index]);

test('a preference list names each node once, in order of falling weight, then node id', () => {
  fc.assert(
    fc.property(anyHash, anyIds, (keyHash, ids) => {
      const naive = ids
        .map((id) => ({ id, weight: weight(keyHash, id) }))
        .sort((a, b) => (a.weight === b.weight ? a.id - b.id : b.weight - a.weight));
      assert.deepEqual(
        listOf(keyHash, ids),
        naive.map(({ id }) => id),
      );
    }),
  );
});

test('the replicas of a smaller from are a prefix of those of a larger one', () => {
  fc.assert(
    fc.property(anyHash, anyIds, (keyHash, ids) => {
      const all = listOf(keyHash, ids);
      for (let from = 0; from <= ids.length; from++) {
        assert.deepEqual(listOf(keyHash, ids, from), all.slice(0, from));
      }
    }),
  );
});

test('a preference list does not depend on the order in which the nodes are given', () => {
  const shuffles = anyIds.chain((ids) =>
    fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids, { minLength: ids.length })),
  );
  fc.assert(
    fc.property(anyHash, shuffles, (keyHash, [ids, shuffled]) => {
      assert.deepEqual(listOf(keyHash, shuffled), listOf(keyHash, ids));
    }),
  );
});

test('a node that joins only inserts itself into lists, so only keys that it gains move', () => {
  fc.assert(
    fc.property(anyHash, anyIds, (keyHash, ids) => {
      const [joining, ...before] = ids;
      const after = listOf(keyHash, ids);
      assert.deepEqual(
        after.filter((id) => id !== joining),
        listOf(keyHash, before),
      );
    }),
  );
});

test('a sixth node takes over one key in six, and no key moves between the other five', () => {
  const five = idsOf(5);
  const six = idsOf(6);
  let moved = 0;
  for (let index = 0; index < keyCount; index++) {
    const keyHash = hashOf(`key${index}`);
    const [before] = listOf(keyHash, five, 1);
    const [after] = listOf(keyHash, six, 1);
    if (before === after) continue;
    assert.equal(after, six[5]);
    moved++;
  }
  assertNear(moved, keyCount / 6, 0.05);
});

for (const nodeCount of [3, 5, 20]) {
  for (const [family, keyOf] of keyFamilies) {
    test(`${nodeCount} nodes are each the first replica of 1/${nodeCount} of ${family} within 5%`, () => {
      for (const firsts of firstReplicaCounts(nodeCount, keyOf)) assertNear(firsts, keyCount / nodeCount, 0.05);
    });
  }
}

for (const nodeCount of [3, 5]) {
  test(`with ${nodeCount} nodes the second replica is independent of the first within 5%`, () => {
    const ids = idsOf(nodeCount);
    const pairs = new Map<string, number>();
    for (let index = 0; index < keyCount; index++) {
      const pair = preferenceList(hashOf(`key${index}`), ids, 2).join();
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
    }
    assert.equal(pairs.size, nodeCount * (nodeCount - 1));
    for (const seen of pairs.values()) assertNear(seen, keyCount / pairs.size, 0.05);
  });
}

test('when a node leaves, its keys spread evenly over the nodes that stay', () => {
  const five = idsOf(5);
  const heirs = new Map<number, number>();
  for (let index = 0; index < keyCount; index++) {
    const [first, second] = listOf(hashOf(`key${index}`), five, 2);
    if (first === five[0]) heirs.set(second as number, (heirs.get(second as number) ?? 0) + 1);
  }
  assert.equal(heirs.size, 4);
  for (const inherited of heirs.values()) assertNear(inherited, keyCount / 20, 0.05);
});

test('hashKey() sees only the bytes between start and end', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array({ minLength: 1 }), fc.uint8Array(), (before, key, after) => {
      const joined = Buffer.concat([before, key, after]);
      const inside = hashKey(joined, before.length, before.length + key.length);
      assert.equal(inside, hashKey(key, 0, key.length));
    }),
  );
});

test('hashKey() is FNV-1a: its published values hold, since placement must never change', () => {
  const published: readonly (readonly [string, number])[] = [
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ];
  for (const [text, hash] of published) assert.equal(hashOf(text), hash);
});

test('the placement of known keys stays what it is, since data is stored by it', () => {
  const ids = idsOf(3);
  const placements = ['a', 'b', 'user:1', 'ключ', ''].map((text) => preferenceList(hashOf(text), ids, 3).join(''));
  assert.deepEqual(placements, ['021', '120', '201', '102', '102']);
});

function firstReplicaCounts(nodeCount: number, keyOf: (index: number) => string): number[] {
  const ids = idsOf(nodeCount);
  const counts = ids.map(() => 0);
  for (let index = 0; index < keyCount; index++) {
    const [first] = preferenceList(hashOf(keyOf(index)), ids, 1) as [number];
    counts[first] = (counts[first] as number) + 1;
  }
  return counts;
}

function assertNear(actual: number, expected: number, deviationMax: number): void {
  const deviation = Math.abs(actual / expected - 1);
  assert.ok(deviation <= deviationMax, `${actual} is ${(deviation * 100).toFixed(1)}% off ${expected.toFixed(0)}`);
}
