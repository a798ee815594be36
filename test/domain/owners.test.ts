import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { ownerOf } from '../../src/domain/owners.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';

const hash32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const hashOf = (key: string): number => hashKey(Buffer.from(key), 0, Buffer.byteLength(key));

test('every key has one owner among the workers', () => {
  fc.assert(
    fc.property(hash32, fc.integer({ min: 1, max: 64 }), (keyHash, workers) => {
      const owner = ownerOf(keyHash, workers);
      assert.ok(Number.isInteger(owner) && owner >= 0 && owner < workers);
      assert.equal(ownerOf(keyHash, workers), owner);
    }),
  );
  assert.deepEqual(
    [ownerOf(0, 3), ownerOf(2 ** 32 - 1, 3)].map((owner) => owner >= 0 && owner < 3),
    [true, true],
  );
});

test('a worker alone owns all keys', () => {
  fc.assert(fc.property(hash32, (keyHash) => assert.equal(ownerOf(keyHash, 1), 0)));
});

/** Keys as people and programs choose them. */
const keyShapes: Readonly<Record<string, (index: number) => string>> = {
  'running numbers': (index) => String(index),
  'even numbers': (index) => String(index * 2),
  'padded numbers': (index) => `key${String(index).padStart(12, '0')}`,
  'one letter apart': (index) => `user:${String.fromCharCode(97 + (index % 26))}:${Math.floor(index / 26)}`,
  'a common end': (index) => `${index}:profile`,
  'even bytes only': (index) => String(index).replaceAll(/\d/g, (digit) => 'bdfhjlnprt'[Number(digit)] ?? ''),
};
const KEYS = 20_000;

/** Within 6 standard deviations of an even share: a fair choice is outside it once in 500 million. */
function assertBalanced(counts: readonly number[], total: number, what: string): void {
  const share = total / counts.length;
  const tolerance = 6 * Math.sqrt(share);
  for (const [owner, count] of counts.entries()) {
    assert.ok(
      Math.abs(count - share) < tolerance,
      `${what}: worker ${owner} of ${counts.length} owns ${count} of ${total}`,
    );
  }
}

function countOwners(hashes: readonly number[], workers: number): number[] {
  const counts = Array.from({ length: workers }, () => 0);
  for (const hash of hashes) (counts[ownerOf(hash, workers)] as number) += 1;
  return counts;
}

for (const [what, keyAt] of Object.entries(keyShapes)) {
  test(`workers own equally many keys: ${what}`, () => {
    const hashes = Array.from({ length: KEYS }, (_, index) => hashOf(keyAt(index)));
    for (const workers of [2, 3, 4, 7, 16]) assertBalanced(countOwners(hashes, workers), KEYS, what);
  });
}

test('workers own equally many of the keys that a node holds, and of those that it is the first replica of', () => {
  const nodeIds = [11, 42, 77, 1000, 5];
  const hashes = Array.from({ length: KEYS }, (_, index) => hashOf(`key ${index}`));
  for (const replicas of [1, 3]) {
    for (const [node, id] of nodeIds.entries()) {
      const held = hashes.filter((hash) => preferenceList(hash, nodeIds, replicas).includes(node));
      for (const workers of [2, 3, 4]) {
        assertBalanced(countOwners(held, workers), held.length, `node ${id}, ${replicas} replicas`);
      }
    }
  }
});
