/** The rounds of a write: when it is stamped again, what counts in which round, and what a process that has ended takes along. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { entryFlags, flagsOf, recordOf as recordIn } from '../../../src/formats/frame.ts';
import { operationKinds, outcomeCodes, replyCodes } from '../../../src/formats/codes.ts';
import { isIntact, readVersion } from '../../../src/formats/record.ts';
import { FakeCluster, timeoutMs } from './fakes.ts';
import {
  absent,
  applied,
  frameBytes,
  key,
  outcomesIn,
  plainReply,
  recordOf,
  superseded,
  type Settled,
} from './samples.ts';

const two = { acksRequired: 2, replicaCount: 3 };

function write(cluster: FakeCluster, flags = 0): { ended: Settled[] | undefined } {
  const task: { ended: Settled[] | undefined } = { ended: undefined };
  const bytes = frameBytes(0, 1, two);
  bytes[11] = flags;
  void cluster.coordinator.coordinate(bytes).then((outcomes) => (task.ended = outcomesIn(outcomes)));
  return task;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const codesOf = ({ ended }: { ended: Settled[] | undefined }): number[] | undefined => ended?.map(({ code }) => code);

for (const sequential of [false, true]) {
  const mode = sequential ? 'one after another' : 'all at once';
  const options = { sequential, batching: !sequential };

  test(`${mode}: what something newer keeps from its quorum is stamped again, above it, and asked of all again`, async () => {
    const cluster = new FakeCluster(options);
    const task = write(cluster);
    const [first] = cluster.nodesAsked as [number];
    cluster.answer(first, superseded(7));
    const [second] = cluster.nodesAsked as [number];
    cluster.answer(second, superseded(9));
    assert.deepEqual(
      cluster.stampWishes.map(({ above }) => above - 1_000_000),
      [9],
    );
    cluster.stampWishes[0]?.give(1_000_000 + 12);
    if (!sequential) cluster.asked.splice(0, 1);
    const asked: number[] = [];
    for (let count = 0; count < 2; count++) {
      const question = cluster.asked[0] ?? assert.fail('nobody is asked');
      const [entry] = question.entries;
      assert.ok(entry !== undefined && flagsOf(entry) === entryFlags.secondRound);
      const record = recordIn(entry);
      assert.equal(readVersion(record, 0), 1_000_012);
      assert.ok(isIntact(record, 0, record.length, key));
      asked.push(question.node);
      cluster.answer(question.node, count === 0 ? superseded(20) : applied);
    }
    await settled();
    assert.equal(new Set(asked).size, 2);
    if (sequential) cluster.answer(cluster.nodesAsked[0] as number, applied);
    await settled();
    assert.deepEqual(codesOf({ ended: [...(task.ended ?? []), ...cluster.ahead] }), [outcomeCodes.written]);
    assert.equal(cluster.coordinator.secondRounds, 1);
  });
}

test('one replica with something newer does not delay a write that the others acknowledge', async () => {
  const cluster = new FakeCluster();
  const task = write(cluster);
  cluster.answer(1, superseded(7));
  cluster.answer(2, applied);
  cluster.answer(0, applied);
  await settled();
  assert.deepEqual([codesOf(task), cluster.stampWishes.length], [[outcomeCodes.written], 0]);
});

test('acknowledgements of the first stamp do not count for the second', async () => {
  const cluster = new FakeCluster();
  const task = write(cluster);
  cluster.answer(1, applied);
  cluster.answer(2, superseded(7));
  cluster.answer(0, plainReply(replyCodes.failed));
  cluster.stampWishes[0]?.give(1_000_008);
  cluster.answer(1, applied);
  await settled();
  assert.equal(task.ended, undefined);
  cluster.answer(2, applied);
  await settled();
  assert.deepEqual(codesOf(task), [outcomeCodes.written]);
});

test('nothing is stamped again after the deadline, or sent with a stamp that comes after it', async () => {
  const cluster = new FakeCluster();
  const task = write(cluster);
  cluster.answer(1, superseded(7));
  cluster.answer(2, superseded(7));
  cluster.time.pass(timeoutMs + 25);
  await settled();
  assert.deepEqual(codesOf(task), [outcomeCodes.timedOut]);
  cluster.stampWishes[0]?.give(1_000_008);
  assert.deepEqual(cluster.nodesAsked, [0]);
});

test('a write that can have no other stamp is answered so, and not at its deadline', async () => {
  const cluster = new FakeCluster();
  const task = write(cluster);
  cluster.answer(1, superseded(7));
  cluster.answer(2, superseded(7));
  cluster.stampWishes[0]?.give(undefined);
  await settled();
  assert.deepEqual(codesOf(task), [outcomeCodes.unreachable]);
});

test('replicas that refuse the stamp for its time fail the write, and it is said that they did', async () => {
  const cluster = new FakeCluster();
  const task = write(cluster);
  cluster.answer(1, plainReply(replyCodes.refusedClock));
  cluster.answer(2, plainReply(replyCodes.refusedClock));
  await settled();
  assert.deepEqual(codesOf(task), [outcomeCodes.refusedClock]);
});

test('what a process acknowledged that has ended since does not count; what came after the quorum does not matter', async () => {
  const cluster = new FakeCluster();
  const task = write(cluster);
  cluster.answer(1, applied);
  cluster.coordinator.peerLost(1);
  cluster.answer(2, applied);
  await settled();
  assert.equal(task.ended, undefined);
  cluster.answer(0, applied);
  await settled();
  assert.deepEqual(codesOf(task), [outcomeCodes.written]);
});

test('a peer that answers with another start is another process: what the one before acknowledged does not count', async () => {
  const cluster = new FakeCluster();
  const first = write(cluster);
  cluster.answer(1, applied);
  const second = write(cluster);
  cluster.start = 2;
  cluster.asked.find(({ node }) => node === 1)?.reply([applied]);
  cluster.asked.find(({ node }) => node === 2)?.reply([applied]);
  await settled();
  assert.deepEqual([first.ended, second.ended], [undefined, undefined]);
});

test('a strict write asks a quorum for versions, and is sent once, above them', async () => {
  const cluster = new FakeCluster();
  const task = write(cluster, entryFlags.strict);
  for (const { entries } of cluster.asked) {
    assert.deepEqual(
      entries.map((entry) => [entry.kind, flagsOf(entry)]),
      [[operationKinds.read, entryFlags.announceOnly]],
    );
  }
  cluster.answer(1, recordOf(30));
  cluster.answer(2, absent);
  assert.deepEqual(
    cluster.stampWishes.map(({ above }) => above),
    [1_000_030],
  );
  cluster.stampWishes[0]?.give(1_000_031);
  assert.deepEqual(cluster.nodesAsked, [0, 1, 2, 0]);
  cluster.answer(1, applied);
  cluster.answer(2, superseded(40));
  await settled();
  assert.deepEqual(codesOf(task), [outcomeCodes.written]);
});

test('a strict write of which no quorum tells versions is stored nowhere', async () => {
  const cluster = new FakeCluster();
  const task = write(cluster, entryFlags.strict);
  cluster.answer(1, plainReply(replyCodes.recovering));
  cluster.answer(2, plainReply(replyCodes.damaged));
  await settled();
  assert.deepEqual([codesOf(task), cluster.stampWishes.length], [[outcomeCodes.unreachable], 0]);
});

test('a large write is sealed again in steps, with the value that it had', async () => {
  const cluster = new FakeCluster();
  const value = Buffer.alloc(1_500_000, 'v');
  void cluster.coordinator.coordinate(frameBytes(0, 1, two, value));
  cluster.answer(1, superseded(7));
  cluster.answer(2, superseded(7));
  cluster.stampWishes[0]?.give(1_000_008);
  await settled();
  const record = recordIn(cluster.asked.find(({ node }) => node === 2)?.entries[0] ?? assert.fail('not asked'));
  assert.ok(isIntact(record, 0, record.length, key) && record.subarray(17).equals(value));
});
