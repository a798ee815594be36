/** Quorums: every quorum of up to six replicas with its replies in every order. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { replyCodes } from '../../src/formats/codes.ts';
import {
  addReply,
  emptyTally,
  judge,
  judgeFirstRound,
  majority,
  replyWeights,
  resolveQuorum,
  type FirstRoundVerdict,
  type Verdict,
  type Weight,
} from '../../src/domain/quorum.ts';

const replicaCountMax = 6;

interface History {
  readonly name: string;
  readonly acksRequired: number;
  readonly replicaCount: number;
  readonly replies: readonly ('ack' | 'failure')[];
}

/** Every quorum up to `replicaCountMax` with every sequence of all its replies: 642 of them. */
const histories: readonly History[] = Array.from({ length: replicaCountMax }, (_, index) => index + 1).flatMap(
  (replicaCount) =>
    Array.from({ length: replicaCount }, (_, index) => index + 1).flatMap((acksRequired) =>
      Array.from({ length: 2 ** replicaCount }, (_, mask) => {
        const replies = Array.from({ length: replicaCount }, (_, bit) => ((mask >> bit) & 1 ? 'ack' : 'failure'));
        return { name: `${acksRequired}/${replicaCount} ${replies.join(' ')}`, acksRequired, replicaCount, replies };
      }),
    ),
);

/** The verdict before any reply and after each. */
function verdictsOf({ acksRequired, replicaCount, replies }: History): Verdict[] {
  const quorum = { acksRequired, replicaCount };
  let tally = emptyTally;
  const verdicts = [judge(quorum, tally)];
  for (const reply of replies) {
    tally = addReply(tally, reply);
    verdicts.push(judge(quorum, tally));
  }
  return verdicts;
}

const firstIndexWhere = (length: number, holds: (replied: number) => boolean): number =>
  Array.from({ length }, (_, index) => index).find(holds) ?? -1;

const count = (replies: readonly string[], kind: string): number => replies.filter((reply) => reply === kind).length;

test('the histories are every order of replies to every quorum up to six replicas', () => {
  assert.equal(histories.length, 642);
});

test('judge() is met from the ack-th acknowledgement on, and not before', () => {
  for (const history of histories) {
    const expected = firstIndexWhere(history.replicaCount + 1, (replied) => {
      return count(history.replies.slice(0, replied), 'ack') === history.acksRequired;
    });
    assert.equal(verdictsOf(history).indexOf('met'), expected, history.name);
  }
});

test('judge() is unreachable once from - ack + 1 replicas failed, and not before', () => {
  for (const history of histories) {
    const needed = history.replicaCount - history.acksRequired + 1;
    const expected = firstIndexWhere(history.replicaCount + 1, (replied) => {
      return count(history.replies.slice(0, replied), 'failure') === needed;
    });
    assert.equal(verdictsOf(history).indexOf('unreachable'), expected, history.name);
  }
});

test('judge() is pending exactly as long as the replies to come can still decide either way', () => {
  for (const history of histories) {
    verdictsOf(history).forEach((verdict, replied) => {
      const acks = count(history.replies.slice(0, replied), 'ack');
      const canBeMet = acks + (history.replicaCount - replied) >= history.acksRequired;
      const canFail = acks < history.acksRequired;
      assert.equal(verdict === 'pending', canBeMet && canFail, `${history.name} after ${replied}`);
    });
  }
});

test('judge() never changes a verdict that is not pending, whatever arrives later', () => {
  for (const history of histories) {
    const verdicts = verdictsOf(history);
    const decided = verdicts.findIndex((verdict) => verdict !== 'pending');
    assert.ok(decided > 0, history.name);
    assert.deepEqual(new Set(verdicts.slice(decided)).size, 1, history.name);
  }
});

test('addReply() leaves the tally that it is given alone', () => {
  const tally = Object.freeze({ acks: 1, failures: 1 });
  assert.deepEqual(addReply(tally, 'ack'), { acks: 2, failures: 1 });
  assert.deepEqual(addReply(tally, 'failure'), { acks: 1, failures: 2 });
});

test('two majorities of the same replicas always share one', () => {
  for (let replicaCount = 1; replicaCount <= 64; replicaCount++) {
    assert.ok(2 * majority(replicaCount) > replicaCount);
    assert.ok(2 * (majority(replicaCount) - 1) <= replicaCount);
  }
});

const defaults: readonly (readonly [nodeCount: number, acksRequired: number, replicaCount: number])[] = [
  [1, 1, 1],
  [2, 2, 2],
  [3, 2, 3],
  [4, 3, 4],
  [5, 3, 5],
];

for (const [nodeCount, acksRequired, replicaCount] of defaults) {
  test(`a cluster of ${nodeCount} asks ${acksRequired}/${replicaCount} by default`, () => {
    const request = { acks: undefined, replicas: undefined };
    const quorum = resolveQuorum(request, { nodeCount, replicationFactor: nodeCount });
    assert.deepEqual(quorum, { acksRequired, replicaCount });
  });
}

const none = undefined;
type Resolution = readonly [
  acks: number | undefined,
  replicas: number | undefined,
  nodes: number,
  factor: number,
  expected: string,
];
const resolutions: readonly Resolution[] = [
  [none, none, 10, 3, '2/3'],
  [none, none, 2, 3, '2/2'],
  [none, 5, 10, 3, '3/5'],
  [1, none, 10, 3, '1/3'],
  [3, none, 3, 3, '3/3'],
  [1, 1, 3, 3, '1/1'],
  [2, 2, 3, 3, '2/2'],
  [3, 3, 3, 3, '3/3'],
  [0, none, 3, 3, 'ack must be at least 1'],
  [0, 3, 3, 3, 'ack must be at least 1'],
  [-1, 3, 3, 3, 'ack must be at least 1'],
  [none, 0, 3, 3, 'from must be at least 1'],
  [1, -1, 3, 3, 'from must be at least 1'],
  [4, none, 3, 3, 'ack is 4, but from is 3'],
  [3, 2, 3, 3, 'ack is 3, but from is 2'],
  [1, 4, 3, 3, 'from is 4, but the cluster has 3 nodes'],
  [5, 4, 3, 3, 'from is 4, but the cluster has 3 nodes'],
];

for (const [acks, replicas, nodeCount, replicationFactor, expected] of resolutions) {
  const asked = `ack=${acks ?? 'default'} from=${replicas ?? 'default'}`;
  test(`${asked} in ${nodeCount} nodes with replication factor ${replicationFactor} is: ${expected}`, () => {
    const quorum = resolveQuorum({ acks, replicas }, { nodeCount, replicationFactor });
    assert.equal('error' in quorum ? quorum.error : `${quorum.acksRequired}/${quorum.replicaCount}`, expected);
  });
}

type FirstReply = 'ack' | 'failure' | 'superseded';

test('judgeFirstRound() stamps again only once a quorum has told and acknowledgements cannot be enough, and is final', () => {
  const replies = fc.array(fc.constantFrom<FirstReply>('ack', 'failure', 'superseded'), { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(replies, fc.nat(6), (drawn, needed) => {
      const quorum = { acksRequired: (needed % drawn.length) + 1, replicaCount: drawn.length };
      let [tally, superseded, before] = [emptyTally, 0, 'pending' as FirstRoundVerdict];
      for (const [index, reply] of drawn.entries()) {
        if (reply === 'superseded') superseded++;
        else tally = addReply(tally, reply);
        const verdict = judgeFirstRound(quorum, tally, superseded);
        const outstanding = drawn.length - index - 1;
        const canBeMet = tally.acks + outstanding >= quorum.acksRequired;
        if (verdict === 'stamp-again') assert.ok(!canBeMet && tally.acks + superseded >= quorum.acksRequired);
        if (verdict === 'met') assert.ok(tally.acks >= quorum.acksRequired);
        if (verdict === 'unreachable') assert.ok(tally.failures > drawn.length - quorum.acksRequired);
        if (verdict === 'pending') assert.ok(outstanding > 0, 'all have replied');
        if (before !== 'pending') assert.equal(verdict, before);
        before = verdict;
      }
    }),
    { numRuns: 2000 },
  );
});

test('what says nothing of a key is no vote, and what stands in the way of a write no acknowledgement', () => {
  const ofWeight = (weight: Weight): string[] => {
    return Object.entries(replyCodes).flatMap(([name, code]) => (replyWeights[code] === weight ? [name] : []));
  };
  assert.deepEqual(ofWeight('ack'), ['absent', 'record', 'applied', 'large']);
  assert.deepEqual(ofWeight('superseded'), ['superseded']);
});
