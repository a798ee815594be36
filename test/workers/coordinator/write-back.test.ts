/** Reads that never go back: what is answered when votes disagree, what is written to whom before, and once for all readers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyOf, recordOf as recordIn } from '../../../src/formats/frame.ts';
import { operationKinds, outcomeCodes, replyCodes } from '../../../src/formats/codes.ts';
import { FakeCluster, timeoutMs, type FakeClusterOptions } from './fakes.ts';
import {
  absent,
  announced,
  applied,
  frameBytes,
  key,
  outcomesIn,
  plainReply,
  recordOf,
  superseded,
  tombstoneOf,
  type Settled,
} from './samples.ts';

const two = { acksRequired: 2, replicaCount: 3 };
const MIB = 1024 * 1024;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start(options: FakeClusterOptions = {}): FakeCluster {
  return new FakeCluster({ readRepair: 'blocking', ...options });
}

function read(cluster: FakeCluster): { ended: Settled[] | undefined } {
  const task: { ended: Settled[] | undefined } = { ended: undefined };
  void cluster.coordinator.coordinate(frameBytes(1, 0, two)).then((outcomes) => (task.ended = outcomesIn(outcomes)));
  return task;
}

const valuesOf = ({ ended }: { ended: Settled[] | undefined }): string[] | undefined =>
  ended?.map(({ value }) => value);

/** What is being written, by node. */
function writes(cluster: FakeCluster): [node: number, record: string][] {
  return cluster.asked.flatMap(({ node, entries }) => {
    return entries.flatMap((entry) => {
      assert.deepEqual(keyOf(entry), key);
      return entry.kind === operationKinds.write
        ? [[node, recordIn(entry).toString('utf8', 17)] as [number, string]]
        : [];
    });
  });
}

test('votes that agree are answered at once', async () => {
  const cluster = start();
  const task = read(cluster);
  cluster.answer(1, recordOf(2));
  cluster.answer(2, recordOf(2));
  await settled();
  assert.deepEqual([valuesOf(task), writes(cluster)], [['value 2'], []]);
});

test('where they disagree a vote on its way is waited for, and answers if it agrees with the newest', async () => {
  const cluster = start();
  const task = read(cluster);
  cluster.answer(1, recordOf(2));
  cluster.answer(2, recordOf(1));
  await settled();
  assert.deepEqual([valuesOf(task), writes(cluster)], [undefined, []]);
  cluster.answer(0, recordOf(2));
  await settled();
  assert.deepEqual(valuesOf(task), ['value 2']);
  assert.deepEqual(writes(cluster), [[2, 'value 2']], 'the stale one is repaired all the same');
});

test('a vote that is not there in time is not waited for: the newest is written back, and answered when a quorum holds it', async () => {
  const cluster = start();
  const task = read(cluster);
  cluster.answer(1, recordOf(2));
  cluster.answer(2, absent);
  cluster.time.pass(10);
  assert.deepEqual(writes(cluster), [[2, 'value 2']]);
  await settled();
  assert.equal(task.ended, undefined);
  cluster.answer(2, applied);
  await settled();
  assert.deepEqual(valuesOf(task), ['value 2']);
});

test('a deletion is written back, too', async () => {
  const cluster = start();
  const task = read(cluster);
  cluster.answer(1, tombstoneOf(2));
  cluster.answer(2, recordOf(1));
  cluster.answer(0, plainReply(replyCodes.failed));
  assert.deepEqual(writes(cluster), [[2, '']]);
  cluster.answer(2, applied);
  await settled();
  assert.deepEqual(
    task.ended?.map(({ code }) => code),
    [outcomeCodes.missing],
  );
});

test('a replica that has something newer by then holds enough', async () => {
  const cluster = start();
  const task = read(cluster);
  cluster.answer(1, recordOf(2));
  cluster.answer(2, recordOf(1));
  cluster.answer(0, plainReply(replyCodes.failed));
  cluster.answer(2, superseded(3));
  await settled();
  assert.deepEqual(valuesOf(task), ['value 2']);
});

test('what nobody else takes is not answered', async () => {
  const cluster = start();
  const task = read(cluster);
  cluster.answer(1, recordOf(2));
  cluster.answer(2, recordOf(1));
  cluster.answer(0, plainReply(replyCodes.failed));
  cluster.answer(2, plainReply(replyCodes.full));
  await settled();
  assert.deepEqual(
    task.ended?.map(({ code }) => code),
    [outcomeCodes.unreachable],
  );
});

test('damaged and recovering replicas do not vote; what a recovering one has is data, and may be the newest', async () => {
  for (const noVote of [plainReply(replyCodes.damaged), plainReply(replyCodes.recovering)]) {
    const cluster = start();
    const task = read(cluster);
    cluster.answer(1, noVote);
    cluster.answer(2, recordOf(1));
    cluster.answer(0, absent);
    assert.deepEqual(writes(cluster), [
      [1, 'value 1'],
      [0, 'value 1'],
    ]);
    cluster.answer(0, applied);
    await settled();
    assert.deepEqual(valuesOf(task), ['value 1']);
  }
  const cluster = start();
  const task = read(cluster);
  cluster.answer(1, { ...recordOf(5), code: replyCodes.recoveringRecord });
  cluster.answer(2, recordOf(1));
  cluster.answer(0, recordOf(1));
  assert.deepEqual(writes(cluster), [
    [2, 'value 5'],
    [0, 'value 5'],
  ]);
  cluster.answer(2, applied);
  await settled();
  assert.deepEqual(valuesOf(task), ['value 5']);
});

test('two replicas that do not vote leave a read without its quorum', async () => {
  const cluster = start();
  const task = read(cluster);
  cluster.answer(1, plainReply(replyCodes.damaged));
  cluster.answer(2, { ...recordOf(5), code: replyCodes.recoveringRecord });
  await settled();
  assert.deepEqual(
    task.ended?.map(({ code }) => code),
    [outcomeCodes.unreachable],
  );
});

test('64 readers of a stale large value cause one repair', async () => {
  const cluster = start();
  const tasks = Array.from({ length: 64 }, () => read(cluster));
  for (const _ of tasks) {
    cluster.answer(0, announced(2, MIB));
    cluster.answer(1, plainReply(replyCodes.failed));
    cluster.answer(2, recordOf(1));
  }
  let repairs = 0;
  for (let question = cluster.asked.shift(); question !== undefined; question = cluster.asked.shift()) {
    const isRepair = question.entries.some(({ kind }) => kind === operationKinds.write);
    if (isRepair) repairs++;
    question.reply([isRepair ? applied : recordOf(2, 'x'.repeat(1000))]);
  }
  await settled();
  assert.equal(repairs, 1);
  assert.ok(tasks.every(({ ended }) => ended?.[0]?.code === outcomeCodes.found));
});

test('a reader joins a repair of its own version or a newer one, and what is newer follows it', async () => {
  const cluster = start();
  const disagree = (version: number): { ended: Settled[] | undefined } => {
    const task = read(cluster);
    cluster.answer(0, recordOf(version));
    cluster.answer(1, plainReply(replyCodes.failed));
    // Not the repair that waits there.
    const question = cluster.asked.findIndex(({ entries }) => entries[0]?.kind === operationKinds.read);
    cluster.asked.splice(question, 1)[0]?.reply([absent]);
    return task;
  };
  const tasks = [2, 2, 3, 1].map(disagree);
  assert.deepEqual(writes(cluster), [[2, 'value 2']]);
  cluster.answer(2, applied);
  await settled();
  assert.deepEqual(tasks.map(valuesOf), [['value 2'], ['value 2'], undefined, ['value 1']]);
  assert.deepEqual(writes(cluster), [[2, 'value 3']]);
  cluster.answer(2, applied);
  await settled();
  assert.deepEqual(valuesOf(tasks[2] ?? assert.fail()), ['value 3']);
  assert.equal(cluster.coordinator.repairs, 2);
  assert.equal(cluster.coordinator.staleReads, 4);
});

test('a read times out while it is written back, and what comes then changes nothing', async () => {
  const cluster = start();
  const task = read(cluster);
  cluster.answer(1, recordOf(2));
  cluster.answer(2, recordOf(1));
  cluster.time.pass(timeoutMs + 25);
  await settled();
  assert.deepEqual(
    task.ended?.map(({ code }) => code),
    [outcomeCodes.timedOut],
  );
  for (const question of cluster.asked.splice(0))
    question.reply([question.entries[0]?.kind === operationKinds.write ? applied : absent]);
  await settled();
  assert.equal(cluster.coordinator.pendingFrames, 0);
});
