/** Writes whose coordinators' clocks differ as far as they may: what follows wins. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from '../support/cluster.ts';
import { whyNoFaketime } from '../support/faketime.ts';
import { clusterWithWrongClock, restart, right, wrong } from '../support/wrong-clock.ts';

const preload = `--import=${new URL('../support/skewed-clock.js', import.meta.url).href}`;
const skewed = (skewMs: number): Record<string, string> => ({ NODE_OPTIONS: preload, SKEW_MS: String(skewMs) });
/** Bounds that differences of a minute are within, so that it is the versions that must be right. */
const lenient = ['--clock-drift-ms-max', '120s'];
const all = { ack: 3, from: 3 };
const withFaketime = { skip: whyNoFaketime ?? false };

test('clocks that are 10 seconds apart, where that is allowed', async (t) => {
  const cluster = await startCluster(t, {
    nodes: 3,
    environments: [skewed(0), skewed(-10_000), skewed(0)],
    flags: lenient,
  });
  const slow = 1;

  await t.test('a write that follows a read through the same node replaces what was read', async () => {
    assert.equal((await cluster.put(0, 'read first', 'old')).status, 201);
    assert.equal((await cluster.get(slow, 'read first', all)).body.toString(), 'old');
    assert.equal((await cluster.put(slow, 'read first', 'new')).status, 201);
    for (const node of [0, 1, 2]) assert.equal((await cluster.get(node, 'read first')).body.toString(), 'new');
  });

  await t.test('a write that follows an acknowledged one replaces it, read or not', async () => {
    for (let round = 0; round < 10; round++) {
      const key = `not read ${round}`;
      assert.equal((await cluster.put(0, key, 'old', all)).status, 201);
      assert.equal((await cluster.put(slow, key, 'new')).status, 201);
      for (const node of [0, 1, 2]) assert.equal((await cluster.get(node, key)).body.toString(), 'new', key);
      assert.equal((await cluster.put(2, key, 'newer', all)).status, 201);
      assert.equal((await cluster.del(slow, key)).status, 202);
      assert.equal((await cluster.get(0, key)).status, 404, `${key}, deleted`);
    }
  });
});

test(
  '45 s slow and restarted, where that is allowed: what is written and deleted through it holds',
  withFaketime,
  async (t) => {
    const { cluster } = await clusterWithWrongClock(t, -45, lenient);
    for (let round = 0; round < 2; round++) {
      const key = `k${round}`;
      assert.equal((await cluster.put(right, key, 'old', all)).status, 201);
      await restart(cluster, wrong, round % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
      if (round % 2 === 0) assert.equal((await cluster.put(wrong, key, 'new')).status, 201);
      else assert.equal((await cluster.del(wrong, key)).status, 202);
      const answer = await cluster.get(right, key, all);
      assert.deepEqual([answer.status, answer.body.toString()].slice(0, 1), [round % 2 === 0 ? 200 : 404], key);
      if (round % 2 === 0) assert.equal(answer.body.toString(), 'new');
    }
  },
);

test('a node 2 s slow loses none of the writes that follow others', withFaketime, async (t) => {
  const { cluster } = await clusterWithWrongClock(t, -2);
  const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
  for (const key of keys) {
    assert.equal((await cluster.put(right, key, 'old')).status, 201);
    assert.equal((await cluster.put(wrong, key, 'new')).status, 201);
  }
  for (const [index, key] of keys.entries()) {
    assert.equal((await cluster.get(index % 3, key)).body.toString(), 'new', key);
  }
});

test('a slow node that holds no copy of a key overwrites what another one wrote', withFaketime, async (t) => {
  const { cluster } = await clusterWithWrongClock(t, -10, lenient);
  const single = { ack: 1, from: 1 };
  for (let index = 0; index < 60; index++) {
    assert.equal((await cluster.put(right, `k${index}`, 'old', single)).status, 201);
    assert.equal((await cluster.put(wrong, `k${index}`, 'new', single)).status, 201);
    assert.equal((await cluster.get(2, `k${index}`, single)).body.toString(), 'new', `k${index}`);
  }
});

test('a healthy node that restarts overwrites what a node 30 s fast wrote', withFaketime, async (t) => {
  const { cluster } = await clusterWithWrongClock(t, 30, lenient);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    assert.equal((await cluster.put(wrong, signal, 'old', all)).status, 201);
    await restart(cluster, right, signal);
    assert.equal((await cluster.put(right, signal, 'new')).status, 201);
    for (const node of [0, 1, 2]) assert.equal((await cluster.get(node, signal, all)).body.toString(), 'new');
  }
});

test(
  'a node that was 30 s fast and is put right overwrites what it wrote, restarted or not',
  withFaketime,
  async (t) => {
    const { cluster, clock } = await clusterWithWrongClock(t, 30, lenient);
    for (const how of ['running', 'SIGKILL'] as const) {
      clock.set(30);
      assert.equal((await cluster.put(wrong, how, 'old', all)).status, 201);
      clock.set(0);
      if (how !== 'running') await restart(cluster, wrong, how);
      assert.equal((await cluster.put(wrong, how, 'new')).status, 201);
      for (const node of [0, 1, 2]) assert.equal((await cluster.get(node, how, all)).body.toString(), 'new', how);
    }
  },
);
