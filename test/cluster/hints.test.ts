/** What a node missed while it was away is on it when it is ready, whoever kept it and whatever happened to that one. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ask } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { expectedHolders } from '../support/expected-holders.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { kvorum } from '../cli/kvorum.ts';

interface Kept {
  readonly target: string;
  readonly count: number;
  readonly bytes: number;
  readonly oldest: string;
}

async function hintsOf(cluster: Cluster, node: number): Promise<Kept[]> {
  const { body } = await ask(cluster.node(node).url, '/v0/status');
  return (JSON.parse(body.toString()) as { hints: Kept[] }).hints;
}

async function countOf(cluster: Cluster, node: number): Promise<number> {
  return (await hintsOf(cluster, node)).reduce((sum, { count }) => sum + count, 0);
}

const large = Buffer.alloc(400_000, 'large');

test('async: a node that missed a write has it when it is ready, and the one that kept it may go at once', async (t) => {
  const cluster = await startCluster(t, { nodes: 2, mode: 'async' });
  const one = { ack: 1, from: 2 };
  await cluster.stop(0);
  assert.equal((await cluster.put(1, 'key', 'old', one)).status, 201);
  assert.equal((await cluster.put(1, 'key', 'value', one)).status, 201);
  assert.equal((await cluster.put(1, 'large', large, one)).status, 201);
  await cluster.start(0);
  await cluster.stop(1);
  assert.equal((await cluster.get(0, 'key', one)).body.toString(), 'value');
  assert.ok((await cluster.get(0, 'large', one)).body.equals(large));
});

test('batched: what is kept survives kill -9 of its keeper, goes to another node when that stops, and to its target from there', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, flags: ['--workers', '2'] });
  const keys = Array.from({ length: 60 }, (_, index) => `key ${index}`);
  // Those of a smaller `from` have two replicas, so that node 1 keeps the record of some with the hint.
  const fromOf = (index: number): number => (index % 2 === 0 ? 3 : 2);
  const missed = keys.filter((key, index) => expectedHolders(cluster, key, fromOf(index)).includes(0));
  const count = missed.length + 2;
  const target = cluster.node(0).url;
  assert.equal((await cluster.put(0, 'deleted', 'v', { ack: 3, from: 3 })).status, 201);
  await cluster.stop(0, 'SIGKILL');
  const before = Date.now();

  await t.test('it is seen in status and metrics', async () => {
    for (const [index, key] of keys.entries()) {
      const quorum = { ack: 1, from: fromOf(index) };
      await eventually(async () => assert.equal((await cluster.put(1, key, `value of ${key}`, quorum)).status, 201));
    }
    assert.equal((await cluster.put(1, 'large', large)).status, 201);
    assert.equal((await cluster.del(1, 'deleted')).status, 202);
    await eventually(async () => assert.equal(await countOf(cluster, 1), count));
    const [kept] = await hintsOf(cluster, 1);
    assert.ok(kept?.target === target && kept.bytes > 0 && Date.parse(kept.oldest) >= before - 1, JSON.stringify(kept));
    assert.equal(await metricTotal(cluster.node(1).url, 'kvorum_hints'), count);
    const { stderr } = await kvorum(['status', '--url', cluster.node(1).url]);
    assert.ok(stderr.includes(`${cluster.node(1).url} keeps ${count} writes for ${target}`), stderr);
  });

  await t.test('it survives', async () => {
    await cluster.stop(1, 'SIGKILL');
    await cluster.start(1);
    assert.equal(await countOf(cluster, 1), count);
  });

  await t.test('it is handed over', async () => {
    await cluster.stop(1);
    assert.equal(await countOf(cluster, 2), count);
  });

  await t.test('it is delivered', async () => {
    await cluster.start(0);
    assert.deepEqual(await hintsOf(cluster, 2), []);
    assert.equal(await metricTotal(cluster.node(2).url, 'kvorum_hints_delivered_total'), count);
    await cluster.stop(2, 'SIGKILL');
    const one = { ack: 1, from: 3 };
    assert.ok((await cluster.get(0, 'large', one)).body.equals(large));
    assert.equal((await cluster.get(0, 'deleted', one)).status, 404);
    for (const key of missed) {
      assert.equal((await cluster.get(0, key, one)).body.toString(), `value of ${key}`);
    }
  });
});
