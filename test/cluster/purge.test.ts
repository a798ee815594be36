/** What was deleted or has expired goes for good, and does not come back. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ask, entityTarget } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';

const KEYS = 200;
const quick = ['--purge-interval-ms', '200', '--timeout-ms', '3s', '--clock-drift-ms-max', '100'];

async function metric(url: string, name: string): Promise<number> {
  const { body } = await ask(url, '/metrics');
  return metricTotal(body.toString(), name);
}

/** Deletes all keys but one, and lets another expire at once. */
async function fillAndDelete(cluster: Cluster): Promise<void> {
  const keys = Array.from({ length: KEYS }, (_, index) => `key ${index}`);
  await Promise.all(keys.map((key) => cluster.put(0, key, 'value')));
  const expiring = { method: 'PUT', body: Buffer.alloc(300_000) };
  assert.equal((await ask(cluster.node(0).url, `${entityTarget('expiring')}&ttl=1`, expiring)).status, 201);
  await Promise.all(keys.slice(1).map((key) => cluster.del(0, key)));
}

test('a node removes tombstones and expired values by itself, also what only its log holds, and starts again without', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, flags: [...quick, '--workers', '2'] });
  const { url } = cluster.node(0);
  await fillAndDelete(cluster);
  const removed = async (): Promise<void> => {
    assert.equal(await metric(url, 'kvorum_tombstones_purged_total'), KEYS);
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
