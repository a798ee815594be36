/** A node whose clock is wrong takes no writes, and says so; when clocks are put right, all goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, problemCode, type Answer } from '../support/client.ts';
import { startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock, whyNoFaketime } from '../support/faketime.ts';
import { clusterWithWrongClock, restart, right, wrong } from '../support/wrong-clock.ts';

const all = { ack: 3, from: 3 };
const withFaketime = { skip: whyNoFaketime ?? false };

test(
  'a node 300 s slow is not ready, refuses writes by 503 clock-skew, and says by how much it is off',
  withFaketime,
  async (t) => {
    const { cluster } = await clusterWithWrongClock(t, -300);
    const { url } = cluster.node(wrong);
    assert.equal((await cluster.put(right, 'k', 'old')).status, 201);
    for (let round = 0; round < 10; round++) {
      assertRefused(await cluster.put(wrong, 'k', 'new'), /(?:299|300)\.\d s slow/);
      assertRefused(await cluster.del(wrong, 'k'), /(?:299|300)\.\d s slow/);
    }
    for (const node of [0, 1, 2])
      assert.equal((await cluster.get(node, 'k')).body.toString(), 'old', `through ${node}`);

    const readiness = await ask(url, '/readyz');
    assert.deepEqual([readiness.status, problemCode(readiness)], [503, 'clock-skew']);
    assert.match(readiness.body.toString(), /(?:299|300)\.\d s slow by 2 of the 2 other nodes' clocks/);
    const status = JSON.parse((await ask(url, '/v0/status')).body.toString()) as {
      state: string;
      clock: { verdict: string; offMs: number };
      cluster: { self: boolean; clock?: { offsetMs: number; errorMs: number } }[];
    };
    assert.deepEqual([status.state, status.clock.verdict], ['clock-skew', 'skewed']);
    assert.ok(Math.abs(status.clock.offMs + 300_000) < 1000, `${status.clock.offMs} ms`);
    for (const { self, clock } of status.cluster) {
      if (!self) assert.ok(Math.abs((clock?.offsetMs ?? 0) - 300_000) <= 1000 + (clock?.errorMs ?? 0));
    }
    const metrics = (await ask(url, '/metrics')).body.toString();
    assert.match(metrics, /^kvorum_clock_skewed 1$/m);
    assert.match(metrics, /^kvorum_clock_offset_seconds\{peer="[^"]+"\} (?:299|300)/m);
    assert.ok(cluster.node(wrong).logs.some(({ message }) => message.includes('clock of this node is wrong')));
    assert.ok(!cluster.node(wrong).logs.some(({ message }) => message === 'ready'));
  },
);

test('a node 45 s slow that restarts loses no write and no delete of others', withFaketime, async (t) => {
  const { cluster } = await clusterWithWrongClock(t, -45);
  for (let round = 0; round < 2; round++) {
    const key = `k${round}`;
    assert.equal((await cluster.put(right, key, 'old')).status, 201);
    await restart(cluster, wrong, round % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    assertRefused(
      round % 2 === 0 ? await cluster.put(wrong, key, 'new') : await cluster.del(wrong, key),
      /4[45]\.\d s slow/,
    );
    assert.equal((await cluster.get(right, key)).body.toString(), 'old');
  }
});

test('a value that a node 70 s fast refused never comes back', withFaketime, async (t) => {
  const { cluster, clock } = await clusterWithWrongClock(t, 70);
  for (let round = 0; round < 5; round++)
    assertRefused(await cluster.put(wrong, `k${round}`, 'refused'), /(?:69|70)\.\d s fast/);
  clock.set(0);
  await cluster.node(wrong).ready();
  for (let round = 0; round < 5; round++) {
    const key = `k${round}`;
    // No clock that runs on can bring it back: no node has anything of it.
    for (const node of [0, 1, 2]) assert.equal((await cluster.get(node, key, all)).status, 404, key);
    assert.equal((await cluster.put(right, key, 'acknowledged')).status, 201);
    for (const node of [0, 1, 2]) {
      const answer = await cluster.get(node, key, all);
      assert.equal(answer.body.toString(), 'acknowledged', key);
    }
  }
});

test(
  'a clock that is set while its node runs: no write is stamped with the wrong time, and all goes on when it is right',
  withFaketime,
  async (t) => {
    const { cluster, clock } = await clusterWithWrongClock(t, 0);
    await cluster.node(wrong).ready();
    assert.equal((await cluster.put(wrong, 'k', 'first', all)).status, 201);
    for (const ahead of [300, -300]) {
      clock.set(ahead);
      assertRefused(await cluster.put(wrong, 'k', 'wrong'), /(?:299|300)\.\d s (?:fast|slow)/);
      clock.set(0);
      await cluster.node(wrong).ready();
      assert.equal((await cluster.put(wrong, 'k', `after ${ahead}`, all)).status, 201);
      assert.equal((await cluster.get(right, 'k', all)).body.toString(), `after ${ahead}`);
    }
  },
);

test(
  'a whole cluster that was an hour fast and is put right reads, overwrites and repairs what it stored',
  withFaketime,
  async (t) => {
    const clocks = [0, 1, 2].map(() => fakeClock(t, 3600));
    const cluster = await startCluster(t, { nodes: 3, environments: clocks.map(({ environment }) => environment) });
    for (const key of ['read', 'overwritten', 'deleted', 'repaired']) {
      assert.equal((await cluster.put(0, key, 'old', all)).status, 201);
    }
    await cluster.stop(2);
    assert.equal((await cluster.put(0, 'repaired', 'newer')).status, 201);
    await cluster.stopAll();
    for (const clock of clocks) clock.set(0);
    await cluster.startAll();
    assert.equal((await cluster.get(1, 'read', all)).body.toString(), 'old');
    assert.equal((await cluster.put(1, 'overwritten', 'new')).status, 201);
    assert.equal((await cluster.del(2, 'deleted')).status, 202);
    for (const node of [0, 1, 2]) {
      assert.equal((await cluster.get(node, 'overwritten', all)).body.toString(), 'new');
      assert.equal((await cluster.get(node, 'deleted', all)).status, 404);
      assert.equal((await cluster.get(node, 'repaired', all)).body.toString(), 'newer');
    }
    await eventually(async () => {
      const answer = await cluster.get(2, 'repaired', { ack: 1, from: 1 });
      if (answer.status === 200) assert.equal(answer.body.toString(), 'newer');
    });
  },
);

function assertRefused(answer: Answer, how: RegExp): void {
  assert.deepEqual([answer.status, problemCode(answer)], [503, 'clock-skew']);
  assert.match(answer.body.toString(), how);
  assert.match(answer.body.toString(), /nothing was done/);
}
