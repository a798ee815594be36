/** Ranges of nodes with several workers: each reads what all owners of its node hold, in their memtables and in LMDB. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Agent } from 'node:http';
import { test, type TestContext } from 'node:test';
import { startCluster, type Cluster, type ClusterOptions } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { answerIfWhole, askRange, RangeRequest } from '../support/range-client.ts';
import { endWorker, inspected } from '../support/worker-killer.ts';

const both = { ack: 2, from: 2 };
const nodes = [0, 1] as const;
const threeWorkers: readonly Partial<ClusterOptions>[] = [
  { mode: 'batched', flags: ['--workers', '3'] },
  // Three by default.
  { mode: 'sync' },
];

function agentOf(t: TestContext): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  t.after(() => agent.destroy());
  return agent;
}

/** The records that ranges of a node and of the cluster show through each node, as `key LF value`. */
async function shownBy(t: TestContext, cluster: Cluster, range: string): Promise<readonly (readonly string[])[]> {
  const targets = nodes.flatMap((node) => ['', '&cluster=1'].map((query) => ({ node, query })));
  return Promise.all(
    targets.map(async ({ node, query }) => {
      const answer = await askRange(t, cluster.node(node).url, `/v0/entities?${range}${query}`);
      assert.equal(answer.trailers.get('kvorum-error'), undefined);
      return answer.chunks;
    }),
  );
}

async function assertShown(t: TestContext, cluster: Cluster, expected: ReadonlyMap<string, string>): Promise<void> {
  const records = [...expected].sort(([left], [right]) => (left < right ? -1 : 1));
  const lines = records.map(([key, value]) => `${key}\n${value}`);
  for (const shown of await shownBy(t, cluster, 'start=k')) assert.deepEqual(shown, lines);
  for (const shown of await shownBy(t, cluster, 'start=k05&end=k11&keys=1')) {
    assert.deepEqual(
      shown,
      records.flatMap(([key]) => (key >= 'k05' && key < 'k11' ? [`${key}\n`] : [])),
    );
  }
}

const checkpointed = (cluster: Cluster, node: number): Promise<number> =>
  metricTotal(cluster.node(node).url, 'kvorum_checkpoint_records_total');

for (const options of threeWorkers) {
  test(`with three workers in mode ${options.mode} a range shows every acknowledged write at once`, async (t) => {
    const cluster = await startCluster(t, { nodes: 2, durability: 'commit', ...options });
    const agent = agentOf(t);
    const model = new Map<string, string>();
    const put = async (key: string, value: string, through: number): Promise<void> => {
      assert.equal((await cluster.put(through, key, value, { ...both, agent })).status, 201);
      model.set(key, value);
    };
    const keys = Array.from({ length: 40 }, (_, index) => `k${String(index).padStart(2, '0')}`);
    await Promise.all(keys.map((key, index) => put(key, `first ${key}`, index % 2)));
    await assertShown(t, cluster, model);
    await Promise.all(keys.slice(10, 30).map((key, index) => put(key, `second ${key}`, index % 2)));
    await Promise.all(
      keys.slice(20, 25).map(async (key) => {
        assert.equal((await cluster.del(0, key, { ...both, agent })).status, 202);
        model.delete(key);
      }),
    );
    for (const [index, key] of ['k07', 'k31', 'k39x'].entries()) {
      await put(key, `${key} `.repeat(100_000 * (index + 1)), index % 2);
    }
    await assertShown(t, cluster, model);
    for (const node of nodes) assert.equal(await checkpointed(cluster, node), 0);
    // What a restart leaves in LMDB, and what came after it.
    await cluster.stop(0);
    await cluster.start(0);
    await eventually(() => put('k03', 'third', 1));
    await put('k07', 'small again', 0);
    await assertShown(t, cluster, model);
  });

  test(`with three workers in mode ${options.mode} a range is a snapshot while writes and checkpoints go on`, async (t) => {
    const flags = [...(options.flags ?? []), '--log-segment-bytes', '1MiB', '--memtable-bytes-max', '4MiB'];
    const cluster = await startCluster(t, { nodes: 2, durability: 'commit', ...options, flags });
    const agent = agentOf(t);
    const lanes = Array.from({ length: 12 }, (_, lane) => ({ key: `k${lane + 10}`, begun: 0, acknowledged: 0 }));
    const valueOf = (key: string, count: number): string => `${key}:${count} `.repeat(2000);
    let isOver = false;
    t.after(() => (isOver = true));
    const write = async (lane: (typeof lanes)[number], through: number): Promise<void> => {
      while (!isOver) {
        const count = ++lane.begun;
        const { status } = await cluster.put(through, lane.key, valueOf(lane.key, count), { ...both, agent });
        assert.equal(status, 201);
        lane.acknowledged = count;
      }
    };
    const writing = Promise.all(lanes.map((lane, index) => write(lane, index % 2)));
    // Where the test fails the nodes end under it.
    writing.catch(() => {});
    const scan = async (): Promise<void> => {
      const before = lanes.map(({ acknowledged }) => acknowledged);
      const shown = await shownBy(t, cluster, 'start=k');
      for (const lines of shown) {
        assert.deepEqual(
          lines.map((line) => line.slice(0, 3)),
          lanes.map(({ key }) => key),
        );
        for (const [index, { key, begun }] of lanes.entries()) {
          const count = Number(/:(\d+)/.exec(lines[index] ?? '')?.[1]);
          assert.ok(lines[index] === `${key}\n${valueOf(key, count)}`, `${key} is half of one record`);
          assert.ok(count >= (before[index] ?? 0) && count <= begun, `${key} shows ${count}`);
        }
      }
    };
    await eventually(() => assert.ok(lanes.every(({ acknowledged }) => acknowledged > 0)));
    const scanUntil = async (isEnough: () => Promise<boolean>): Promise<void> => {
      do await Promise.race([scan(), writing]);
      while (!(await isEnough()));
    };
    // Some checkpoints of each node have ended, and ranges came before, between and after them.
    await scanUntil(async () => (await checkpointed(cluster, 0)) > 20 && (await checkpointed(cluster, 1)) > 20);
    isOver = true;
    await writing;
    for (const lane of lanes) lane.begun = lane.acknowledged;
    await scan();
  });
}

test('a worker that dies breaks off the ranges that other workers read from it, and they say so', async (t) => {
  const flags = ['--workers', '3', '--log-segment-bytes', '64MiB'];
  const cluster = await startCluster(t, { nodes: 1, durability: 'commit', flags, environments: [inspected] });
  const agent = agentOf(t);
  const { url } = cluster.node(0);
  // More than all buffers between a node and a client that does not read, all of it in the memtables.
  const value = Buffer.alloc(24_000, 'v');
  const keys = Array.from({ length: 2400 }, (_, index) => `k${index + 10_000}`);
  const statuses = await Promise.all(keys.map(async (key) => (await cluster.put(0, key, value, { agent })).status));
  assert.deepEqual([...new Set(statuses)], [201]);
  const ranges = [1, 2, 3].map(() => new RangeRequest(t, url, '/v0/entities?start=k'));
  // Each of the three workers reads one of them.
  await eventually(async () => {
    assert.equal(await metricTotal(url, 'kvorum_range_readers_open'), 3);
    assert.ok((await metricTotal(url, 'kvorum_range_bytes_total')) > 0);
  });
  await endWorker(cluster.node(0));
  await eventually(() => assert.match(cluster.node(0).stderr, /another one takes its place/));
  const answers = await Promise.all(ranges.map(answerIfWhole));
  // Of the dead worker's own nobody knows where it stood; the others end behind a record and say why.
  const told = answers.flatMap((answer) => (answer === undefined ? [] : [answer]));
  assert.equal(told.length, 2);
  for (const answer of told) {
    assert.match(answer.trailers.get('kvorum-error') ?? '', /^failed; .*worker \d of this node.* has ended/);
    assert.ok(answer.chunks.length < keys.length);
  }
  await eventually(async () => {
    const again = await askRange(t, url, '/v0/entities?start=k&keys=1');
    assert.deepEqual(
      again.chunks,
      keys.map((key) => `${key}\n`),
    );
  });
});
