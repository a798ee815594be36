/** Nodes with several workers, and with different numbers of them: each key has one owner in each node, whoever is asked. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { parsePrometheus } from '../support/prometheus-text.ts';
import { ownerOf } from '../../src/domain/owners.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { modes } from '../../src/domain/modes.ts';
import { ask } from '../support/client.ts';
import { prepareCluster, startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { endWorker, inspected } from '../support/worker-killer.ts';

const all = { ack: 3, from: 3 };
const keys = Array.from({ length: 120 }, (_, index) => `key ${index}`);
/** By node. */
const workers = [3, 2, 1];

async function startNodes(cluster: Cluster): Promise<void> {
  await Promise.all(cluster.nodes.map((_, node) => cluster.start(node, ['--workers', String(workers[node])])));
  await cluster.formed();
}

/** Writes that each worker of a node has merged, in the order of the workers. */
async function mergedWrites(cluster: Cluster, node: number): Promise<number[]> {
  const families = parsePrometheus((await ask(cluster.node(node).url, '/metrics')).body.toString());
  const samples = families.get('kvorum_log_group_writes')?.samples ?? [];
  const sums = samples.filter(({ name }) => name.endsWith('_sum'));
  return sums.sort((one, other) => threadOf(one) - threadOf(other)).map(({ value }) => value);
}

function threadOf({ labels }: { labels: Readonly<Record<string, string>> }): number {
  return Number(labels['thread']?.replace('worker-', ''));
}

function owned(node: number): number[] {
  const counts = Array.from({ length: workers[node] ?? 0 }, () => 0);
  for (const key of keys) {
    const owner = ownerOf(hashKey(Buffer.from(key), 0, key.length), counts.length);
    (counts[owner] as number) += 1;
  }
  return counts;
}

for (const mode of modes) {
  test(`nodes of 3, 2 and 1 workers in mode ${mode}: what is written through any is read through any`, async (t) => {
    const cluster = await prepareCluster(t, { nodes: 3, mode, durability: 'commit' });
    await startNodes(cluster);
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    t.after(() => agent.destroy());

    const written = await Promise.all(keys.map((key, index) => cluster.put(index % 3, key, key, { ...all, agent })));
    assert.deepEqual(new Set(written.map(({ status }) => status)), new Set([201]));

    await t.test('each key was merged by its owner, once in each node', async () => {
      for (const node of [0, 1, 2]) assert.deepEqual(await mergedWrites(cluster, node), owned(node));
    });

    await t.test('each key is read through each node, a large one too', async () => {
      const large = 'x'.repeat(300_000);
      for (const node of [0, 1, 2]) {
        assert.equal((await cluster.put(node, `large ${node}`, large, { ...all, agent })).status, 201);
        const reader = (node + 1) % 3;
        assert.equal((await cluster.get(reader, `large ${node}`, { ...all, agent })).body.toString(), large);
        const read = await Promise.all(keys.map((key) => cluster.get(node, key, { ...all, agent })));
        assert.deepEqual(
          read.map(({ body }) => body.toString()),
          keys,
        );
      }
    });
  });
}

test('a worker that dies is replaced by one that owns the same keys, for clients and for peers', async (t) => {
  const flags = ['--workers', '3'];
  const cluster = await startCluster(t, { nodes: 2, durability: 'commit', flags, environments: [inspected] });
  const both = { ack: 2, from: 2 };
  const before = (
    JSON.parse((await ask(cluster.node(0).url, '/v0/node')).body.toString()) as { replicaPorts: number[] }
  ).replicaPorts;
  assert.equal(new Set(before).size, 3);
  await endWorker(cluster.node(0));
  await eventually(() => assert.match(cluster.node(0).stderr, /another one takes its place/));
  // Each owner of the node acknowledges again, to the node's clients and to its peer.
  for (const node of [0, 1]) {
    for (const key of keys.slice(0, 20)) {
      await eventually(async () => assert.equal((await cluster.put(node, key, `${node}`, both)).status, 201));
    }
  }
  for (const key of keys.slice(0, 20)) assert.equal((await cluster.get(0, key, both)).body.toString(), '1');
});
