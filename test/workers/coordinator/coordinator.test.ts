/** The real coordinator among fake peers, a fake replica and a time of the test's own. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { operationKinds, outcomeCodes } from '../../../src/formats/codes.ts';
import { recordOf as recordIn } from '../../../src/formats/frame.ts';
import type { Reply } from '../../../src/formats/reply.ts';
import { FakeCluster, timeoutMs } from './fakes.ts';
import { absent, announced, applied, frameBytes, outcomesIn, recordOf, type Settled } from './samples.ts';

const two = { acksRequired: 2, replicaCount: 3 };
const MIB = 1024 * 1024;

/** A task of the cluster's coordinator, and what it has ended with. */
function coordinate(cluster: FakeCluster, bytes: Buffer): { readonly ended: Promise<Settled[]> } {
  return { ended: cluster.coordinator.coordinate(bytes).then(outcomesIn) };
}

test('peers are asked first and the own replica last, and the task ends with its outcomes at the quorum', async () => {
  const cluster = new FakeCluster({ self: 1 });
  const { ended } = coordinate(cluster, frameBytes(0, 2, two));
  assert.deepEqual([cluster.nodesAsked, cluster.turns, cluster.flushes], [[0, 2, 1], 1, 0]);
  cluster.answer(1, applied, applied);
  cluster.answer(2, applied, applied);
  assert.deepEqual(
    (await ended).map(({ tag, code }) => [tag, code]),
    [
      [0, outcomeCodes.written],
      [1, outcomeCodes.written],
    ],
  );
  assert.deepEqual([cluster.ahead, cluster.coordinator.lateReplies], [[], 0]);
  cluster.answer(0, applied, applied);
  assert.equal(cluster.coordinator.lateReplies, 2);
});

test('without turns requests leave at once', () => {
  const cluster = new FakeCluster({ batching: false });
  void coordinate(cluster, frameBytes(0, 1, two));
  assert.deepEqual([cluster.nodesAsked, cluster.turns, cluster.flushes], [[1, 2, 0], 0, 2]);
});

test('an outcome leaves ahead of those that wait', async () => {
  const cluster = new FakeCluster();
  const { ended } = coordinate(cluster, frameBytes(2, 0, two));
  cluster.answer(0, absent, announced(1, MIB));
  cluster.answer(1, absent, announced(1, MIB));
  assert.deepEqual(cluster.ahead, [{ tag: 0, code: outcomeCodes.missing, value: '' }]);
  cluster.answer(0, recordOf(1));
  assert.deepEqual(await ended, [{ tag: 1, code: outcomeCodes.found, value: 'value 1' }]);
});

test('of a larger cluster only the replicas of each key are asked', async () => {
  const cluster = new FakeCluster({ nodes: 5 });
  const { ended } = coordinate(cluster, frameBytes(0, 1, { acksRequired: 1, replicaCount: 2 }));
  assert.equal(new Set(cluster.nodesAsked).size, 2);
  cluster.answer(cluster.nodesAsked[1] as number, applied);
  assert.equal((await ended)[0]?.code, outcomeCodes.written);
});

test('a large value is read from the own replica where that announced it, else from a peer, which sends it apart', async () => {
  const cluster = new FakeCluster();
  const { ended } = coordinate(cluster, frameBytes(1, 0, two));
  cluster.answer(2, announced(1, MIB));
  cluster.answer(0, announced(1, MIB));
  assert.deepEqual(
    cluster.asked.map(({ node, isLarge }) => [node, isLarge]),
    [
      [1, false],
      [0, true],
    ],
  );
  cluster.answer(0, absent);
  assert.deepEqual(
    cluster.asked.map(({ node, isLarge }) => [node, isLarge]),
    [
      [1, false],
      [2, true],
    ],
  );
  cluster.answer(2, recordOf(1));
  assert.equal((await ended)[0]?.value, 'value 1');
});

test('large values are read as far as the bound allows, and each makes room for the next when it is let go', () => {
  const cluster = new FakeCluster();
  void coordinate(cluster, frameBytes(3, 0, { acksRequired: 1, replicaCount: 3 }));
  const large = announced(1, 15 * MIB);
  const reads = (): number => cluster.asked.filter(({ isLarge }) => isLarge).length;
  cluster.answer(1, large, large, large);
  assert.equal(reads(), 2);
  cluster.answer(2, large, large, large);
  assert.equal(reads(), 2);
  const [first] = cluster.asked.filter(({ isLarge }) => isLarge);
  first?.reply([recordOf(1)]);
  assert.equal(reads(), 3);
});

test('after every reply the replicas that lack the newest record are sent it', () => {
  const cluster = new FakeCluster();
  void coordinate(cluster, frameBytes(1, 0, two));
  cluster.answer(0, absent);
  cluster.answer(1, recordOf(2));
  cluster.answer(2, recordOf(1));
  assert.deepEqual(cluster.nodesAsked, [0, 2]);
  for (const { entries } of cluster.asked) {
    assert.deepEqual(
      entries.map((entry) => [entry.kind, recordIn(entry)]),
      [[operationKinds.write, recordOf(2).bytes]],
    );
  }
  assert.equal(cluster.coordinator.repairs, 2);
  assert.equal(cluster.coordinator.staleReads, 1);
});

test('what has no outcome by its deadline times out, is forgotten, and no large value is read for it', async () => {
  const cluster = new FakeCluster();
  const large = announced(1, 20 * MIB);
  const one = { acksRequired: 1, replicaCount: 3 };
  const first = coordinate(cluster, frameBytes(2, 0, one));
  cluster.answer(1, large, large);
  cluster.time.pass(timeoutMs - 50);
  const second = coordinate(cluster, frameBytes(1, 0, one));
  cluster.asked.at(-1)?.reply([large]);
  assert.equal(cluster.asked.filter(({ isLarge }) => isLarge).length, 1);
  cluster.time.pass(75);
  assert.deepEqual(
    (await first.ended).map(({ code }) => code),
    [outcomeCodes.timedOut, outcomeCodes.timedOut],
  );
  assert.equal(cluster.coordinator.pendingFrames, 1);
  const reads = cluster.asked.filter(({ isLarge }) => isLarge);
  assert.equal(reads.length, 2, 'the second frame has the room now');
  reads[1]?.reply([recordOf(1)]);
  assert.equal((await second.ended)[0]?.value, 'value 1');
});

test('nothing ticks while no frame is pending', () => {
  const cluster = new FakeCluster();
  void coordinate(cluster, frameBytes(0, 1, two));
  assert.equal(cluster.time.timers, 1);
  for (const node of [0, 1, 2]) cluster.answer(node, applied);
  cluster.time.pass(100);
  assert.deepEqual([cluster.time.timers, cluster.coordinator.pendingFrames], [0, 0]);
  void coordinate(cluster, frameBytes(0, 1, two));
  cluster.coordinator.close();
  assert.equal(cluster.time.timers, 0);
});

test('a frame that does not parse is refused', async () => {
  const cluster = new FakeCluster();
  await assert.rejects(cluster.coordinator.coordinate(Buffer.alloc(3)), { code: 'corrupt-frame' });
  assert.deepEqual([cluster.asked, cluster.coordinator.pendingFrames], [[], 0]);
});

test('in sync one replica is asked at a time; the outcome leaves at its quorum, the task ends with the last reply', async () => {
  const cluster = new FakeCluster({ sequential: true, batching: false });
  const { ended } = coordinate(cluster, frameBytes(0, 1, two));
  const order: number[] = [];
  for (let count = 0; count < 3; count++) {
    assert.equal(cluster.asked.length, 1);
    assert.equal(cluster.ahead.length, count < 2 ? 0 : 1);
    order.push(cluster.nodesAsked[0] as number);
    cluster.answer(order.at(-1) as number, applied);
  }
  assert.equal(new Set(order).size, 3);
  assert.deepEqual([await ended, cluster.ahead.map(({ code }) => code)], [[], [outcomeCodes.written]]);
});

test('in sync a replica that cannot be asked is passed over, and a large value is waited for', async () => {
  const cluster = new FakeCluster({ sequential: true, batching: false, self: 0 });
  cluster.down.add(1);
  const { ended } = coordinate(cluster, frameBytes(1, 0, { acksRequired: 1, replicaCount: 3 }));
  const [first] = cluster.nodesAsked as [number];
  cluster.answer(first, announced(1, MIB));
  assert.deepEqual(
    cluster.asked.map(({ node, isLarge }) => [node, isLarge]),
    [[first, true]],
  );
  cluster.answer(first, recordOf(1));
  assert.deepEqual(cluster.ahead, [{ tag: 0, code: outcomeCodes.found, value: 'value 1' }]);
  const [last] = cluster.nodesAsked as [number];
  assert.notEqual(last, first);
  cluster.answer(last, recordOf(1));
  assert.deepEqual(await ended, []);
});

test('in sync a peer that goes down between its announcement and its value is followed by one replica, not by two', () => {
  const cluster = new FakeCluster({ sequential: true, batching: false, nodes: 4 });
  void coordinate(cluster, frameBytes(1, 0, { acksRequired: 1, replicaCount: 4 }));
  if (cluster.nodesAsked[0] === 0) cluster.answer(0, announced(1, MIB));
  if (cluster.nodesAsked[0] === 0) cluster.answer(0, absent);
  const peer = cluster.nodesAsked[0] as number;
  cluster.down.add(peer);
  cluster.answer(peer, announced(1, MIB));
  assert.equal(cluster.asked.length, 1);
});

test('in sync the task ends at the deadline, and nobody is asked after it', async () => {
  const cluster = new FakeCluster({ sequential: true, batching: false });
  const { ended } = coordinate(cluster, frameBytes(0, 1, two));
  cluster.time.pass(timeoutMs + 25);
  assert.deepEqual(
    (await ended).map(({ code }) => code),
    [outcomeCodes.timedOut],
  );
  cluster.answer(cluster.nodesAsked[0] as number, applied);
  assert.deepEqual(cluster.nodesAsked, []);
});

const anyReply = fc.constantFrom<Reply | 'fails' | 'hangs'>(
  absent,
  recordOf(1),
  recordOf(2),
  announced(1, MIB),
  announced(2, 20 * MIB),
  announced(3, 40 * MIB),
  'fails',
  'hangs',
);

test('whatever replicas say, in whatever order, each operation has one outcome by its deadline and its task ends', async () => {
  const steps = fc.array(fc.tuple(fc.nat(1000), anyReply), { minLength: 1, maxLength: 40 });
  const sizes = fc.record({ reads: fc.integer({ min: 1, max: 4 }), frames: fc.integer({ min: 1, max: 3 }) });
  await fc.assert(
    fc.asyncProperty(
      steps,
      sizes,
      fc.constantFrom(2, 3),
      fc.boolean(),
      async (drawn, { reads, frames }, from, sync) => {
        const cluster = new FakeCluster({ sequential: sync, batching: !sync });
        const quorum = { acksRequired: 2, replicaCount: from };
        const tasks = Array.from({ length: frames }, () => coordinate(cluster, frameBytes(reads, 0, quorum)));
        for (const [at, reply] of drawn) {
          const [question] = cluster.asked.splice(at % Math.max(cluster.asked.length, 1), 1);
          const isRead = question?.entries.every(({ kind }) => kind === operationKinds.read) === true;
          if (question === undefined || !isRead || reply === 'hangs') continue;
          question.reply(reply === 'fails' ? undefined : question.entries.map(() => reply));
        }
        cluster.time.pass(timeoutMs + 25);
        const ended = (await Promise.all(tasks.map((task) => task.ended))).flat();
        const tags = [...ended, ...cluster.ahead].map(({ tag }) => tag).sort((left, right) => left - right);
        assert.deepEqual(
          tags,
          Array.from({ length: reads * frames }, (_, index) => Math.floor(index / frames)),
        );
        assert.deepEqual([cluster.coordinator.pendingFrames, cluster.time.timers], [0, 0]);
      },
    ),
    { numRuns: 500 },
  );
});
