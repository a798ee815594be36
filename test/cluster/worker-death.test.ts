/** A worker thread that dies while its node lives: what it had begun fails visibly, and the node goes on with a new one. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import test from 'node:test';
import { lostOf } from '../support/acknowledged.ts';
import { startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { answerIfWhole, RangeRequest } from '../support/range-client.ts';
import { endWorker, inspected } from '../support/worker-killer.ts';

test('a worker thread that dies', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, environments: [inspected] });
  const node = cluster.node(0);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  t.after(() => agent.destroy());

  await t.test('breaks off its ranges, loses no acknowledged write, and is replaced', async (sub) => {
    const value = 'v'.repeat(100_000);
    for (let index = 0; index < 100; index++) {
      assert.equal((await cluster.put(0, `range ${index}`, value, { agent })).status, 201);
    }
    // Nobody reads yet, so the range cannot have ended when the worker does.
    const range = new RangeRequest(sub, node.url, '/v0/entities?start=range');

    const acknowledged: string[] = [];
    const statuses = new Set<number>();
    let isOver = false;
    sub.after(() => (isOver = true));
    const lanes = Array.from({ length: 16 }, async (_, lane) => {
      for (let count = 0; !isOver; count++) {
        const key = `lane ${lane} ${count}`;
        const { status } = await cluster.put(0, key, key, { agent });
        statuses.add(status);
        if (status === 201) acknowledged.push(key);
      }
    });
    await eventually(() => assert.ok(acknowledged.length > 100));
    await endWorker(node);

    // The new worker serves, here and for the peers: all three replicas acknowledge again.
    await eventually(async () => {
      assert.equal((await cluster.put(0, 'after', 'x', { ack: 3, from: 3 })).status, 201);
      assert.equal((await cluster.put(1, 'after', 'y', { ack: 3, from: 3 })).status, 201);
    });
    isOver = true;
    await Promise.all(lanes);
    assert.deepEqual(
      [...statuses].filter((status) => ![201, 500, 503, 504].includes(status)),
      [],
    );
    assert.deepEqual(await lostOf(cluster, acknowledged, [0]), []);

    assert.equal(await answerIfWhole(range), undefined);
    const whole = await answerIfWhole(new RangeRequest(sub, node.url, '/v0/entities?start=range&end=rangf'));
    assert.equal(whole?.chunks.length, 100);
  });

  await t.test('leaves the node able to stop cleanly', async () => {
    assert.deepEqual(await cluster.stop(0), { code: 0, signal: null });
  });
});
