/** Recordings of waits on real clusters: every mode, both durabilities between them, reads and writes. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import test, { type TestContext } from 'node:test';
import {
  profilerState,
  startRecording,
  stopRecording,
  type ProfileTarget,
} from '../../profiling/capture/profile-client.ts';
import type { OperationWaits } from '../../profiling/result/waits.ts';
import { recordWaits } from '../../profiling/waits/record.ts';
import { waitTable } from '../../profiling/waits/table.ts';
import type { WaitStage } from '../../src/waits/wait-stages.ts';
import type { Durability, Mode } from '../../src/domain/modes.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { ask } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';

const secret = 'the secret of the wait tests';
const environments = Array.from({ length: 3 }, () => ({ KVORUM_CLUSTER_SECRET: secret }));
/** What is not explained by the stages, of the latency. */
const unaccountedMax = 0.1;

function targetsOf(cluster: Cluster): ProfileTarget[] {
  return cluster.nodes.map(({ url }, index) => ({ name: `n${index + 1}`, url, secret }));
}

/** Reads and writes in turns over so many connections, to all nodes. */
async function load(
  t: TestContext,
  cluster: Cluster,
  { rounds, connections }: { rounds: number; connections: number },
) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  t.after(() => agent.destroy());
  const lane = async (number: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      const key = `key-${number}-${round >> 1}`;
      const answer =
        round % 2 === 0
          ? await cluster.put(number % 3, key, 'x'.repeat(200), { agent })
          : await cluster.get(number % 3, key, { agent });
      assert.ok(answer.status === 200 || answer.status === 201, `${answer.status}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, number) => lane(number)));
}

/** Records while the load runs: from before its first operation until after its last. */
async function recordLoad(t: TestContext, cluster: Cluster, size: { rounds: number; connections: number }) {
  const end = new AbortController();
  let loaded: Promise<void> = Promise.resolve();
  const recorded = await recordWaits(targetsOf(cluster), {
    every: 1,
    durationMs: 60_000,
    signal: end.signal,
    onRecording: () => {
      loaded = load(t, cluster, size).finally(() => end.abort());
    },
  });
  await loaded;
  return recorded;
}

function meanOf(waits: OperationWaits | undefined, stage: WaitStage): number {
  return waits?.rows.find((row) => row.stage === stage)?.meanUs ?? 0;
}

function ofMethod(operations: readonly OperationWaits[], method: string): OperationWaits {
  const found = operations.find((one) => one.method === method);
  assert.ok(found, `no ${method} was timed`);
  return found;
}

const cases: readonly { mode: Mode; durability: Durability }[] = [
  { mode: 'batched', durability: 'fsync' },
  { mode: 'async', durability: 'commit' },
  { mode: 'sync', durability: 'fsync' },
];

for (const { mode, durability } of cases) {
  test(`in mode ${mode} at durability ${durability}`, async (t) => {
    const cluster = await startCluster(t, { nodes: 3, mode, durability, environments });
    await t.test('the stages add up to the server-side latency', (sub) =>
      assertAddsUp(sub, cluster, { mode, durability }),
    );
    await t.test('large values are timed, written and read in steps', () => assertLargeTimed(cluster));
    await t.test('an operation of which the peers know nothing any more is timed as waiting in vain', () =>
      assertWaitsInVain(cluster),
    );
  });
}

async function assertAddsUp(t: TestContext, cluster: Cluster, { mode, durability }: (typeof cases)[number]) {
  // Connections between the nodes, and code that runs for the first time, are not what is looked at.
  await load(t, cluster, { rounds: 6, connections: 6 });
  const before = await serverLatency(cluster);
  const recorded = await recordLoad(t, cluster, { rounds: 40, connections: 6 });
  const after = await serverLatency(cluster);
  const table = waitTable(recorded);

  const all = ofMethod(table.operations, 'all');
  assert.equal(all.count, 240);
  assert.deepEqual([table.mode, table.durability, table.skipped, table.unfinished], [mode, durability, 0, 0]);
  for (const waits of table.operations) {
    assert.ok(waits.accountedShare > 1 - unaccountedMax, `${waits.method}: ${waits.accountedShare}`);
    assert.equal(waits.deciders.none, 0);
    for (const bar of waits.bars) {
      const unaccounted = bar.parts.find(({ stage }) => stage === 'unaccounted')?.share ?? 0;
      assert.ok(Math.abs(unaccounted) < unaccountedMax, `${waits.method} ${bar.name}: ${unaccounted}`);
    }
  }
  // The nodes' own account of the same requests, by other code: from the parsed head to the answer.
  const fromHeadUs = all.meanUs - meanOf(all, 'read');
  const metricsUs = (after.sumUs - before.sumUs) / (after.count - before.count);
  assert.ok(Math.abs(fromHeadUs - metricsUs) < unaccountedMax * metricsUs, `${fromHeadUs} against ${metricsUs} us`);

  assertStages(ofMethod(table.operations, 'PUT'), ofMethod(table.operations, 'GET'), mode);
  assertThreads(
    table.threads.map(({ node, thread }) => `${node} ${thread}`),
    mode,
  );
  for (const target of targetsOf(cluster)) assert.equal((await profilerState(target)).state, 'off');
}

/** What must take time, since every operation of the mode passes it, and what must not, since none does. */
function assertStages(put: OperationWaits, get: OperationWaits, mode: Mode): void {
  for (const waits of [put, get]) {
    for (const stage of ['read', 'toWorker', 'toMain', 'answer', 'outcome'] as const) {
      assert.ok(meanOf(waits, stage) > 0, `${waits.method}: no ${stage}`);
    }
    if (waits.deciders.peer > 0) assert.ok(meanOf(waits, 'network') > 0 && meanOf(waits, 'peerConnection') > 0);
    assert.equal(meanOf(waits, 'unanswered'), 0);
    assert.ok(waits.deciders.self + waits.deciders.peer === waits.count);
  }
  const disk = meanOf(put, 'ownDurable') + meanOf(put, 'peerDurable');
  assert.ok(disk > 0, 'no wait for the disk');
  // Sequential: every acknowledgement that was waited for is on the path.
  if (mode === 'sync') assert.ok(meanOf(put, 'peerDurable') > 0 && meanOf(put, 'network') > 0);
  if (mode !== 'batched') assert.equal(meanOf(get, 'ownDurable') + meanOf(get, 'peerDurable'), 0);
}

function assertThreads(threads: readonly string[], mode: Mode): void {
  const workers = mode === 'sync' ? ['worker 1', 'worker 2', 'worker 3'] : ['worker 1'];
  const names = ['main', ...workers, 'native'];
  const expected = ['n1', 'n2', 'n3'].flatMap((node) => names.map((name) => `${node} ${name}`));
  assert.deepEqual(threads.toSorted(), expected.toSorted());
}

/** Requests and their seconds that the nodes count in `/metrics`. */
async function serverLatency(cluster: Cluster): Promise<{ count: number; sumUs: number }> {
  const texts = await Promise.all(cluster.nodes.map(async ({ url }) => (await ask(url, '/metrics')).body.toString()));
  const total = (name: string): number => {
    const line = new RegExp(`^kvorum_http_request_seconds_${name}\\{[^}]*\\} (\\S+)$`, 'gm');
    return texts.flatMap((text) => [...text.matchAll(line)]).reduce((sum, [, value]) => sum + Number(value), 0);
  };
  return { count: total('count'), sumUs: total('sum') * 1e6 };
}

async function assertWaitsInVain(cluster: Cluster): Promise<void> {
  await Promise.all([cluster.stop(1), cluster.stop(2)]);
  const [target] = targetsOf(cluster);
  assert.ok(target);
  await startRecording(target, 'waits', 1);
  assert.equal((await cluster.put(0, 'key', 'value')).status, 504);
  const { waits } = await stopRecording(target);
  assert.ok(waits);
  const table = waitTable([{ node: 'n1', recording: waits }]);
  const put = ofMethod(table.operations, 'PUT');
  assert.equal(put.count, 1);
  assert.ok(put.accountedShare > 1 - unaccountedMax);
  assert.ok(meanOf(put, 'unanswered') > 0);
}

async function assertLargeTimed(cluster: Cluster): Promise<void> {
  const [target] = targetsOf(cluster);
  assert.ok(target);
  const value = 'x'.repeat(3 * 1024 * 1024);
  await startRecording(target, 'waits', 1);
  assert.equal((await cluster.put(0, 'key', value)).status, 201);
  assert.equal((await cluster.get(0, 'key')).status, 200);
  const { waits } = await stopRecording(target);
  assert.ok(waits);
  const { operations } = waitTable([{ node: 'n1', recording: waits }]);
  for (const method of ['PUT', 'GET']) {
    const timed = ofMethod(operations, method);
    assert.ok(timed.accountedShare > 1 - unaccountedMax, `${method}: ${timed.accountedShare}`);
  }
  const put = ofMethod(operations, 'PUT');
  assert.ok(meanOf(put, 'body') > 0);
  assert.ok(meanOf(put, 'ownLarge') + meanOf(put, 'peerLarge') > 0);
}

test('one operation in so many is timed, and the next recording starts anew', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, durability: 'commit', environments });
  const [target] = targetsOf(cluster);
  assert.ok(target);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  t.after(() => agent.destroy());
  for (const { every, expected } of [
    { every: 1, expected: 64 },
    { every: 16, expected: 4 },
    { every: 1_000_000, expected: 0 },
  ]) {
    await startRecording(target, 'waits', every);
    for (let count = 0; count < 64; count++) await cluster.put(0, `key-${count}`, 'value', { agent });
    const { waits } = await stopRecording(target);
    assert.equal(waits?.operations.length, expected, `one in ${every}`);
    assert.equal(waits?.every, every);
    // One after another: they share a slot, and each latency is of the recording that it is in.
    assert.ok(waits.operations.every(({ totalUs }) => totalUs < waits.durationMs * 1000));
  }
});

test('a recording that nobody stops ends by itself and leaves the node as it was', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, environments, flags: ['--profile-ms-max', '200ms'] });
  const [target] = targetsOf(cluster);
  assert.ok(target);
  await startRecording(target, 'waits');
  assert.equal((await cluster.put(0, 'key', 'value')).status, 201);
  await eventually(async () => {
    const { state, forgotten } = await profilerState(target);
    assert.deepEqual([state, forgotten], ['off', 1]);
  });
  assert.equal((await cluster.put(0, 'key', 'value')).status, 201);
  await startRecording(target, 'waits', 1);
  assert.equal((await cluster.get(0, 'key')).status, 200);
  const { waits } = await stopRecording(target);
  assert.deepEqual(
    waits?.operations.map(({ method }) => method),
    ['GET'],
  );
});
