/** What was acknowledged stays, and what was read is read again, though replicas were away, slow by their clocks, or damaged. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ask, entityTarget } from '../support/client.ts';
import { startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { withRecords } from '../support/stored-records.ts';

const preload = `--import=${new URL('../support/skewed-clock.js', import.meta.url).href}`;
const skewed = (skewMs: number): Record<string, string> => ({ NODE_OPTIONS: preload, SKEW_MS: String(skewMs) });
const all = { ack: 3, from: 3 };
const durability = 'commit';
const keysOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `key ${index}`);
/** A replica that missed writes stays so. */
const withoutHints = ['--hint-bytes-max', '0'];
/** So few at a time that a machine which is busy otherwise comes through. */
async function inTurns<Item>(items: readonly Item[], run: (item: Item) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += 20) await Promise.all(items.slice(at, at + 20).map(run));
}

test('a value that a quorum read has shown is not gone in the next one, whoever is asked', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, durability, flags: withoutHints });
  const keys = keysOf(30);
  await inTurns(keys, async (key) => assert.equal((await cluster.put(0, key, 'old', all)).status, 201));
  await Promise.all([cluster.stop(1, 'SIGKILL'), cluster.stop(2, 'SIGKILL')]);
  await inTurns(keys, async (key) => assert.equal((await cluster.put(0, key, 'new')).status, 504));
  await Promise.all([cluster.start(1), cluster.start(2)]);
  const back: string[] = [];
  await inTurns(keys, async (key) => {
    const first = await cluster.get(0, key);
    assert.equal(first.status, 200);
    for (const node of [1, 2]) {
      const next = await cluster.get(node, key);
      assert.equal(next.status, 200);
      if (first.body.toString() === 'new' && next.body.toString() !== 'new') back.push(`${key} through ${node}`);
    }
  });
  assert.deepEqual(back, []);
});

test('of 300 writes through a node 2 s slow, each after one that was acknowledged, none is lost', async (t) => {
  const environments = [skewed(0), skewed(-2000), skewed(0)];
  const cluster = await startCluster(t, { nodes: 3, durability, environments });
  await inTurns(keysOf(300), async (key) => {
    assert.equal((await cluster.put(0, key, 'old')).status, 201);
    assert.equal((await cluster.put(1, key, 'new')).status, 201);
    assert.equal((await cluster.get(2, key)).body.toString(), 'new', key);
  });
});

test('one replica that the coordinator is none of: a node 10 s slow replaces what another wrote', async (t) => {
  const environments = [skewed(0), skewed(0), skewed(-10_000)];
  const flags = ['--clock-drift-ms-max', '120s'];
  const cluster = await startCluster(t, { nodes: 3, durability, environments, flags });
  const one = { ack: 1, from: 1 };
  await inTurns(keysOf(30), async (key) => {
    assert.equal((await cluster.put(0, key, 'old', one)).status, 201);
    assert.equal((await cluster.put(2, key, 'new', one)).status, 201);
    assert.equal((await cluster.get(1, key, one)).body.toString(), 'new', key);
  });
});

test('a replica whose values are damaged does not vote: what the others hold is found, or the read has no quorum', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, durability, flags: withoutHints });
  const keys = keysOf(20);
  await cluster.stop(2, 'SIGKILL');
  await inTurns(keys, async (key) => assert.equal((await cluster.put(1, key, 'a value')).status, 201));
  await cluster.start(2);
  await cluster.stop(0);
  await withRecords(cluster.node(0).dataDirectory, (records) => {
    for (const key of keys) {
      const record = Buffer.from(records.getBinary(Buffer.from(key)) ?? assert.fail(key));
      record[record.length - 1] = (record.at(-1) ?? 0) ^ 0x41;
      records.putSync(Buffer.from(key), record);
    }
  });
  // It goes before the damaged one comes, which would be mended from it.
  await cluster.stop(1, 'SIGKILL');
  await cluster.start(0);
  const statuses = await Promise.all(keys.map(async (key) => (await cluster.get(2, key)).status));
  assert.deepEqual(new Set(statuses), new Set([504]), 'the one that holds them is away');
  await cluster.start(1);
  await inTurns(keys, async (key) => {
    await eventually(async () => assert.equal((await cluster.get(2, key)).body.toString(), 'a value'));
  });
  await eventually(async () => {
    for (const key of keys) assert.equal((await cluster.get(0, key, all)).body.toString(), 'a value', key);
  });
});

test('strict requests are taken in every mode, and other words refused', async (t) => {
  for (const mode of ['batched', 'sync'] as const) {
    const cluster = await startCluster(t, { nodes: 3, durability, mode });
    const strict = (node: number, method: string, body?: string): ReturnType<typeof ask> =>
      ask(cluster.node(node).url, `${entityTarget('key', {})}&consistency=strict`, { method, body });
    assert.equal((await strict(0, 'GET')).status, 404);
    for (const value of ['one', 'two']) {
      assert.equal((await strict(0, 'PUT', value)).status, 201);
      assert.equal((await strict(1, 'GET')).body.toString(), value);
    }
    const large = 'x'.repeat(300_000);
    assert.equal((await strict(2, 'PUT', large)).status, 201);
    assert.ok((await strict(1, 'GET')).body.toString() === large);
    assert.equal((await strict(1, 'DELETE')).status, 202);
    assert.equal((await strict(2, 'GET')).status, 404);
    const rounds = cluster.nodes.map(({ url }) => metricTotal(url, 'kvorum_second_rounds_total'));
    assert.equal(
      (await Promise.all(rounds)).reduce((sum, one) => sum + one, 0),
      4,
    );
    const other = await ask(cluster.node(0).url, `${entityTarget('key', {})}&consistency=eventual`);
    assert.equal(other.status, 400);
  }
});
