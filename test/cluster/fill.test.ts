/** Filling a real cluster in the shape in which it takes least: each PUT a task, a POST and a sync of its own. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fillKeys } from '../../profiling/load/fill.ts';
import { workloadOf } from '../support/load.ts';
import { startCluster } from '../support/cluster.ts';

test('a cluster in async at fsync that takes a few PUTs at a time is filled, with 64 connections', async (t) => {
  const flags = ['--operations-in-flight-max', '4', '--timeout-ms', '1000'];
  const cluster = await startCluster(t, { nodes: 3, mode: 'async', durability: 'fsync', flags });
  const keys = 60;
  const targets = cluster.nodes.map(({ url }) => url);
  assert.equal(await fillKeys(workloadOf({ keys, connections: 64, targets })), true);
  for (let key = 0; key < keys; key += 10) {
    const { status } = await cluster.get(key % 3, `k${String(key).padStart(6, '0')}`);
    assert.equal(status, 200, `key ${key}`);
  }
});
