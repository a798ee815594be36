/** Writes whose coordinators' clocks disagree: what follows wins, not what has the faster clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from '../support/cluster.ts';

const preload = `--import=${new URL('../support/skewed-clock.js', import.meta.url).href}`;
const skewed = (skewMs: number): Record<string, string> => ({ NODE_OPTIONS: preload, SKEW_MS: String(skewMs) });

test('clocks that are 10 seconds apart', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, environments: [skewed(0), skewed(-10_000), skewed(0)] });
  const slow = 1;

  await t.test('a write that follows a read through the same node replaces what was read', async () => {
    assert.equal((await cluster.put(0, 'read first', 'old')).status, 201);
    assert.equal((await cluster.get(slow, 'read first', { ack: 3, from: 3 })).body.toString(), 'old');
    assert.equal((await cluster.put(slow, 'read first', 'new')).status, 201);
    for (const node of [0, 1, 2]) assert.equal((await cluster.get(node, 'read first')).body.toString(), 'new');
  });

  await t.test('a write that follows an acknowledged one replaces it, read or not', async () => {
    for (let round = 0; round < 10; round++) {
      const key = `not read ${round}`;
      assert.equal((await cluster.put(0, key, 'old', { ack: 3, from: 3 })).status, 201);
      assert.equal((await cluster.put(slow, key, 'new')).status, 201);
      for (const node of [0, 1, 2]) assert.equal((await cluster.get(node, key)).body.toString(), 'new', key);
      assert.equal((await cluster.put(2, key, 'newer', { ack: 3, from: 3 })).status, 201);
      assert.equal((await cluster.del(slow, key)).status, 202);
      assert.equal((await cluster.get(0, key)).status, 404, `${key}, deleted`);
    }
  });
});

test('a version further ahead than --clock-drift-ms-max is not accepted', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, environments: [skewed(0), skewed(0), skewed(3_600_000)] });
  const fast = 2;
  assert.equal((await cluster.put(fast, 'ahead', 'from the future')).status, 504);
  assert.equal((await cluster.put(0, 'ahead', 'now')).status, 201);
  assert.equal((await cluster.get(1, 'ahead')).body.toString(), 'now');
});
