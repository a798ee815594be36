import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { majority, judge } from '../../src/domain/quorum.ts';
import { explainHealth, quorumHealth, type HealthState } from '../../src/domain/quorum-health.ts';

const cases: readonly (readonly [replicaCount: number, acksRequired: number, lost: number, HealthState, number])[] = [
  [3, 2, 0, 'whole', 1],
  [3, 2, 1, 'at-risk', 0],
  [3, 2, 2, 'stopped', -1],
  [5, 3, 1, 'reduced', 1],
  [5, 3, 2, 'at-risk', 0],
  // A cluster that bears no loss is as whole as it can be.
  [1, 1, 0, 'whole', 0],
  [2, 2, 0, 'whole', 0],
  [2, 2, 1, 'stopped', -1],
  // More nodes are lost than one key has replicas.
  [3, 2, 7, 'stopped', -2],
];

test('quorumHealth() says how many more losses the worst key bears', () => {
  for (const [replicaCount, acksRequired, lost, state, margin] of cases) {
    assert.deepEqual(quorumHealth({ replicaCount, acksRequired }, lost), { state, lost, margin });
  }
});

test('quorumHealth() is stopped exactly where a key whose replicas include all that are lost cannot be judged met', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.nat(64), (replicaCount, lost) => {
      const quorum = { replicaCount, acksRequired: majority(replicaCount) };
      const failures = Math.min(lost, replicaCount);
      const verdict = judge(quorum, { acks: replicaCount - failures, failures });
      assert.equal(quorumHealth(quorum, lost).state === 'stopped', verdict !== 'met');
    }),
  );
});

test('explainHealth() says what one more loss would do, and nothing where none is lost', () => {
  const words = (lost: number): string | undefined =>
    explainHealth('writes', quorumHealth({ replicaCount: 3, acksRequired: 2 }, lost));
  assert.equal(words(0), undefined);
  assert.match(words(1) ?? '', /^1 node does not count for writes; any one more loss stops writes$/);
  assert.match(words(2) ?? '', /^2 nodes do not count for writes; writes of some keys, or of all, are stopped$/);
});
