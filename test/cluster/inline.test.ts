/** `--dispatch inline`, the profiling switch: the same node without a worker thread. Its quorums stand in quorum.test.ts. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { modes } from '../../src/domain/modes.ts';
import { ask } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { parsePrometheus } from '../support/prometheus-text.ts';

const inline = ['--dispatch', 'inline'];
const all = { ack: 2, from: 2 };
/** A queue that a burst fills. */
const bounds = { sync: ['--pool-queue-max', '2'], async: [], batched: [] } as const;

/** The threads that a node's metrics speak of. */
async function threadsOf(cluster: Cluster): Promise<string[]> {
  const families = parsePrometheus((await ask(cluster.node(0).url, '/metrics')).body.toString());
  const samples = families.get('kvorum_event_loop_utilization')?.samples ?? [];
  return samples.map(({ labels }) => labels['thread'] ?? '').sort();
}

for (const mode of modes) {
  test(`an inline node in mode ${mode}`, async (t) => {
    const cluster = await startCluster(t, { nodes: 2, mode, flags: [...inline, ...bounds[mode]] });
    const large = 'x'.repeat(300_000);

    await t.test('writes, reads, deletes, scans, and keeps it over a restart', async () => {
      assert.equal((await cluster.put(0, 'large', large, all)).status, 201);
      for (const node of [0, 1]) {
        assert.equal((await cluster.put(node, `key ${node}`, `value ${node}`, all)).status, 201);
        assert.equal((await cluster.get(1 - node, `key ${node}`, all)).body.toString(), `value ${node}`);
      }
      assert.equal((await cluster.put(1, 'key 2', 'value 2', all)).status, 201);
      assert.equal((await cluster.del(1, 'key 0', all)).status, 202);
      for (const exit of await cluster.stopAll()) assert.deepEqual(exit, { code: 0, signal: null });
      await cluster.startAll();
      assert.equal((await cluster.get(1, 'key 0', all)).status, 404);
      assert.equal((await cluster.get(0, 'large', all)).body.toString(), large);
      const range = await ask(cluster.node(0).url, '/v0/entities?start=key&end=kez&cluster=1');
      assert.equal(range.body.toString(), 'key 1\nvalue 1key 2\nvalue 2');
    });

    await t.test('says so in its log, and its metrics name the worker that is no thread', async () => {
      assert.ok(cluster.node(0).logs.some(({ level, message }) => level === 'warn' && message.includes('inline')));
      assert.deepEqual(await threadsOf(cluster), ['main', 'worker-1']);
    });

    if (mode === 'sync') {
      await t.test('runs one task at a time and refuses past its queue', () => refusesPastItsQueue(cluster));
    } else {
      await t.test('loses no acknowledged write when it is stopped under load', () => stopsUnderLoad(cluster));
    }
  });
}

async function refusesPastItsQueue(cluster: Cluster): Promise<void> {
  const statuses = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => (await cluster.put(0, `burst ${index}`, 'x')).status),
  );
  assert.ok(statuses.every((status) => status === 201 || status === 503));
  assert.ok(statuses.includes(201));
  for (const [index, status] of statuses.entries()) {
    assert.equal((await cluster.get(1, `burst ${index}`)).status, status === 201 ? 200 : 404);
  }
}

async function stopsUnderLoad(cluster: Cluster): Promise<void> {
  const acknowledged: string[] = [];
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let count = 0; ; count++) {
      const key = `writer ${writer} write ${count}`;
      const answer = await cluster.put(0, key, key, { agent }).catch(() => undefined);
      if (answer === undefined) break;
      if (answer.status === 201) acknowledged.push(key);
    }
    agent.destroy();
  });
  await eventually(() => assert.ok(acknowledged.length > 100));
  assert.deepEqual(await cluster.stop(0), { code: 0, signal: null });
  await Promise.all(writers);
  await cluster.start(0);
  // Both must have acknowledged it: the node's own records, without its peer's, are all of them.
  const own = await ask(cluster.node(0).url, '/v0/entities?start=writer&keys=1');
  const kept = new Set(own.body.toString().split('\n'));
  assert.deepEqual(
    acknowledged.filter((key) => !kept.has(key)),
    [],
  );
}
