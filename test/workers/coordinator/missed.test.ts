/** Which writes a coordinator says that nodes have missed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replyCodes } from '../../../src/formats/codes.ts';
import { readVersion } from '../../../src/formats/record.ts';
import { FakeCluster, timeoutMs, type FakeClusterOptions } from './fakes.ts';
import { applied, frameBytes, full, plainReply, superseded } from './samples.ts';

const quorum = { acksRequired: 1, replicaCount: 3 };
const failed = plainReply(replyCodes.failed);

/** A coordinator at node 0 with one write under way. */
function writing(options: FakeClusterOptions = {}, down: readonly number[] = []): FakeCluster {
  const cluster = new FakeCluster(options);
  for (const node of down) cluster.down.add(node);
  void cluster.coordinator.coordinate(frameBytes(0, 1, quorum));
  return cluster;
}

const told = ({ missed }: FakeCluster) => missed.map(({ nodes, isHere }) => ({ nodes, isHere }));

test('a write that all replicas take, or hold something newer than, is missed by none', () => {
  const cluster = writing();
  cluster.answer(1, applied);
  cluster.answer(2, superseded(7));
  cluster.answer(0, applied);
  assert.deepEqual(told(cluster), []);
});

test('a node that is down has missed the write as soon as this node holds it; one that fails later is told of then', () => {
  const cluster = writing({}, [2]);
  assert.deepEqual(told(cluster), [], 'nobody holds it yet');
  cluster.answer(0, applied);
  assert.deepEqual(told(cluster), [{ nodes: [2], isHere: true }]);
  cluster.answer(1, full);
  assert.deepEqual(told(cluster).slice(1), [{ nodes: [1], isHere: true }]);
});

test('what others hold and this node does not is told of when all have answered', () => {
  const cluster = writing({}, [2]);
  cluster.answer(1, applied);
  assert.deepEqual(told(cluster), []);
  cluster.answer(0, full);
  assert.deepEqual(told(cluster), [{ nodes: [2, 0], isHere: false }]);
});

test('what nobody holds is not kept, and what a replica refuses for its stamp is not brought to it', () => {
  const nobody = writing({}, [1, 2]);
  nobody.answer(0, failed);
  assert.deepEqual(told(nobody), []);
  const refused = writing();
  refused.answer(1, plainReply(replyCodes.refusedClock));
  refused.answer(2, applied);
  refused.answer(0, applied);
  assert.deepEqual(told(refused), []);
});

test('a node whose process ends before the write settles has missed it', () => {
  const cluster = new FakeCluster();
  void cluster.coordinator.coordinate(frameBytes(0, 1, { acksRequired: 2, replicaCount: 3 }));
  cluster.answer(1, applied);
  cluster.coordinator.peerLost(1);
  cluster.answer(2, applied);
  cluster.answer(0, applied);
  assert.deepEqual(told(cluster), [{ nodes: [1], isHere: true }]);
});

test('of a write that was stamped again the second stamp is kept', () => {
  const cluster = new FakeCluster();
  cluster.down.add(1);
  void cluster.coordinator.coordinate(frameBytes(0, 1, { acksRequired: 2, replicaCount: 3 }));
  cluster.answer(2, superseded(7));
  cluster.answer(0, applied);
  cluster.stampWishes[0]?.give(1_000_012);
  cluster.answer(2, applied);
  cluster.answer(0, applied);
  const versions = cluster.missed.map(({ write }) => readVersion(write.bytes, write.keyEnd) - 1_000_000);
  assert.deepEqual([versions.at(-1), told(cluster).at(-1)], [12, { nodes: [1], isHere: true }]);
});

test('one after another: those that the deadline keeps from being asked have missed the write, and one that hangs, when it is given up', () => {
  const cluster = writing({ sequential: true, batching: false });
  const [first = 0] = cluster.nodesAsked;
  cluster.answer(first, applied);
  const [hanging = 0] = cluster.nodesAsked;
  const third = [0, 1, 2].find((node) => node !== first && node !== hanging) ?? 0;
  cluster.time.pass(timeoutMs + 25);
  assert.deepEqual(told(cluster), [{ nodes: [third], isHere: first === 0 }]);
  cluster.asked[0]?.reply(undefined);
  assert.deepEqual(told(cluster).slice(1), [{ nodes: [hanging], isHere: first === 0 }]);
});
