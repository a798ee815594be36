/** What was deleted or has expired goes for good, and does not come back. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { ask, entityTarget } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';

const KEYS = 200;
const quick = ['--purge-interval-ms', '500', '--timeout-ms', '2s', '--clock-drift-ms-max', '100'];
const repairing = ['--repair-interval-ms', '500'];

/** Deletes all keys but one, and lets another expire at once. */
async function fillAndDelete(cluster: Cluster): Promise<void> {
  const keys = Array.from({ length: KEYS }, (_, index) => `key ${index}`);
  await Promise.all(keys.map((key) => cluster.put(0, key, 'value')));
  const expiring = { method: 'PUT', body: Buffer.alloc(300_000) };
  assert.equal((await ask(cluster.node(0).url, `${entityTarget('expiring')}&ttl=1`, expiring)).status, 201);
  await Promise.all(keys.slice(1).map((key) => cluster.del(0, key)));
}

test('a node removes tombstones and expired values by itself, also what only its log holds, and starts again without', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, mode: 'async', flags: [...quick, '--workers', '2'] });
  const { url } = cluster.node(0);
  await fillAndDelete(cluster);
  const removed = async (): Promise<void> => {
    assert.equal(await metricTotal(url, 'kvorum_tombstones_purged_total'), KEYS);
  };
  await eventually(removed);
  const check = async (): Promise<void> => {
    assert.equal((await cluster.get(0, 'key 0')).body.toString(), 'value');
    for (const key of ['key 1', `key ${KEYS - 1}`, 'expiring'])
      assert.equal((await cluster.get(0, key)).status, 404, key);
    assert.equal((await ask(url, '/v0/entities?start=e&limit=5')).body.toString(), 'key 0\nvalue');
  };
  await check();
  await cluster.stop(0);
  await cluster.start(0);
  await check();
  assert.equal((await cluster.put(0, 'key 1', 'again')).status, 201);
  assert.equal((await cluster.get(0, 'key 1')).body.toString(), 'again');
});

test('nodes remove what was deleted while one was away when it has that, too, and a wiped one brings nothing back', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, flags: [...quick, ...repairing] });
  const all = { ack: 3, from: 3 };
  const keys = ['key 1', 'key 2', 'key 3'];
  for (const key of [...keys, 'kept']) assert.equal((await cluster.put(0, key, 'value', all)).status, 201);
  await cluster.stop(2, 'SIGKILL');
  for (const key of keys) assert.equal((await cluster.del(0, key, { ack: 2, from: 3 })).status, 202);
  await cluster.start(2);
  const removedEverywhere = async (): Promise<void> => {
    for (const { url } of cluster.nodes) {
      const removed = await metricTotal(url, 'kvorum_tombstones_purged_total');
      assert.ok(removed >= keys.length, `${url} has removed ${removed}`);
    }
  };
  await eventually(removedEverywhere);
  const check = async (): Promise<void> => {
    for (const [index, { url }] of cluster.nodes.entries()) {
      for (const key of keys) assert.equal((await cluster.get(index, key, { ack: 2, from: 3 })).status, 404, key);
      assert.equal((await ask(url, '/v0/entities?start=k&cluster=1')).body.toString(), 'kept\nvalue');
    }
  };
  await check();
  await cluster.stop(2, 'SIGKILL');
  rmSync(cluster.node(2).dataDirectory, { recursive: true });
  await cluster.start(2);
  await check();
});
