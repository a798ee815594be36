/** Many large values read at once: each is whole, the nodes' memory stays bounded, and what times out is let go. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ask, entityTarget } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { expectedHolders } from '../support/expected-holders.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { RawConnection } from '../support/raw-http.ts';
import { withDatabase } from '../support/stored-records.ts';

const MIB = 1024 * 1024;
const value = Buffer.alloc(8 * MIB, 'a value that is too large to come among others, ');
/** What a node may take: 200 MiB for itself, and 32 MiB of records under way, from each replica, copied once or twice. */
const PEAK_MIB_MAX = 600;

/** Whether each node lives, and has never held more memory than it may. Only Linux tells both. */
function assertBounded(cluster: Cluster): void {
  if (process.platform !== 'linux') return;
  for (const { pid } of cluster.nodes) {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const mib = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
    assert.ok(mib < PEAK_MIB_MAX, `node ${pid} took ${Math.round(mib)} MiB`);
  }
}

/** Nothing but a quorum decides here: there is time, and room for all answers at once. */
const flags = ['--timeout-ms', '60s', '--answer-bytes-in-flight-max', '512MiB'];

for (const mode of ['batched', 'async'] as const) {
  test(`40 clients read a large value at once in mode ${mode}`, async (t) => {
    const cluster = await startCluster(t, { nodes: 3, mode, durability: 'commit', flags });
    assert.equal((await cluster.put(0, 'large', value)).status, 201);
    const reads = Array.from({ length: 40 }, async () => {
      const answer = await cluster.get(0, 'large');
      return answer.status === 200 && answer.body.equals(value);
    });
    assert.ok((await Promise.all(reads)).every(Boolean));
    assertBounded(cluster);
  });
}

test('large values that cannot be read in time', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, durability: 'commit', flags: ['--timeout-ms', '300'] });
  await eventually(async () => assert.equal((await cluster.put(0, 'large', value, { ack: 3, from: 3 })).status, 201));

  await t.test('are answered 504, and neither end a node nor are held', async () => {
    const pids = cluster.nodes.map(({ pid }) => pid);
    // 1.6 GB in 300 ms: no machine reads all of it. Answers that wait for the clients may be too many, too: 503.
    const reads = Array.from({ length: 200 }, async () => (await cluster.get(0, 'large')).status);
    const statuses = new Set(await Promise.all(reads));
    assert.ok(statuses.has(504), `none timed out: ${[...statuses].join()}`);
    assert.deepEqual(
      [...statuses].filter((status) => ![200, 503, 504].includes(status)),
      [],
    );
    assertBounded(cluster);
    assert.deepEqual(await Promise.all(cluster.nodes.map(({ url }) => processId(url))), pids);
    await eventually(async () => assert.equal((await cluster.put(1, 'small', 'x', { ack: 3, from: 3 })).status, 201));
  });

  await t.test('are read again as soon as there is time', async () => {
    await eventually(async () => assert.ok((await cluster.get(2, 'large')).body.equals(value)));
  });
});

test('a large value between small ones and missing ones is answered in its place', async (t) => {
  const cluster = await startCluster(t, { nodes: 3 });
  const stored = new Map<string, string | Buffer>([
    ['small', 'x'],
    ['large', value],
    ['empty', ''],
  ]);
  for (const [key, bytes] of stored) assert.equal((await cluster.put(0, key, bytes)).status, 201);
  const connection = await RawConnection.open(t, cluster.node(0).url);
  const keys = ['small', 'large', 'missing', 'empty', 'large', 'small'];
  connection.send(keys.map((key) => `GET /v0/entity?id=${key} HTTP/1.1\r\nhost: localhost\r\n\r\n`).join(''));
  for (const key of keys) {
    const { status, body } = await connection.answer();
    assert.equal(status, stored.has(key) ? 200 : 404, key);
    if (status === 200) assert.ok(body.equals(Buffer.from(stored.get(key) ?? 'nothing')), key);
  }
});

for (const mode of ['batched', 'async', 'sync'] as const) {
  test(`a large value is read from one replica in mode ${mode}`, async (t) => {
    const cluster = await startCluster(t, {
      nodes: 3,
      mode,
      durability: 'commit',
      flags: [...flags, '--hint-bytes-max', '0'],
    });
    const all = { ack: 3, from: 3 };
    assert.equal((await cluster.put(0, 'large', value, all)).status, 201);

    await t.test("from the asked node's own, where it has it", async () => {
      assert.equal(await valuesReceived(cluster, 0, () => readsWhole(cluster, 0, 'large', value)), 0);
    });

    await t.test('from another node, where it has not', async () => {
      const key = keyElsewhere(cluster, 0);
      const two = { ack: 2, from: 2 };
      assert.equal((await cluster.put(0, key, value, two)).status, 201);
      assert.equal(await valuesReceived(cluster, 0, () => readsWhole(cluster, 0, key, value, two)), 1);
    });

    await t.test('from none, where its version and length are enough', async () => {
      const key = keyElsewhere(cluster, 0);
      const target = entityTarget(key, { ack: 2, from: 2 });
      const { url } = cluster.node(0);
      const received = await valuesReceived(cluster, 0, async () => {
        const head = await ask(url, target, { method: 'HEAD' });
        assert.deepEqual([head.status, head.headers['content-length']], [200, String(value.length)]);
        const etag = String(head.headers.etag);
        assert.equal((await ask(url, target, { headers: { 'if-none-match': etag } })).status, 304);
        assert.equal((await ask(url, target, { headers: { 'if-match': '"1"' } })).status, 412);
      });
      assert.equal(received, 0);
      const other = await ask(url, target, { headers: { 'if-none-match': '"1"' } });
      assert.ok(other.status === 200 && other.body.equals(value), 'its condition holds, so the value is sent');
    });

    await t.test('from another node, where its own is damaged, which is repaired', async () => {
      await cluster.stop(1);
      await damageChunks(cluster.node(1).dataDirectory);
      await cluster.start(1);
      // It does not vote for what it has lost, so the others must do.
      await readsWhole(cluster, 1, 'large', value, { ack: 2, from: 3 });
      await eventually(async () => {
        assert.equal(await valuesReceived(cluster, 1, () => readsWhole(cluster, 1, 'large', value)), 0);
      });
      assert.ok((await metricTotal(cluster.node(1).url, 'kvorum_store_corrupt_records_total')) > 0);
    });

    await t.test('from another node, where its own is an older one, which is repaired', async () => {
      const newer = Buffer.alloc(5 * MIB, 'newer ');
      await cluster.stop(2);
      await eventually(async () => assert.equal((await cluster.put(0, 'large', newer)).status, 201));
      await cluster.start(2);
      await readsWhole(cluster, 2, 'large', newer);
      await eventually(async () => {
        assert.equal(await valuesReceived(cluster, 2, () => readsWhole(cluster, 2, 'large', newer)), 0);
      });
    });
  });
}

/** The process that serves there. */
async function processId(url: string): Promise<number> {
  const { body } = await ask(url, '/v0/status');
  return (JSON.parse(body.toString()) as { process: { pid: number } }).process.pid;
}

async function readsWhole(cluster: Cluster, node: number, key: string, wanted: Buffer, quorum = { ack: 3, from: 3 }) {
  const { status, body } = await cluster.get(node, key, quorum);
  assert.ok(status === 200 && body.equals(wanted), `${key} through ${node}: ${status}, ${body.length} bytes`);
}

/** How many values a node receives from its peers meanwhile, by the bytes. */
async function valuesReceived(cluster: Cluster, node: number, work: () => Promise<void>): Promise<number> {
  const bytes = (): Promise<number> => metricTotal(cluster.node(node).url, 'kvorum_peer_received_bytes_total');
  const before = await bytes();
  await work();
  return Math.round(((await bytes()) - before) / value.length);
}

/** A key of which the node holds none of two copies. */
function keyElsewhere(cluster: Cluster, node: number): string {
  const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
  return keys.find((key) => !expectedHolders(cluster, key, 2).includes(node)) ?? assert.fail('no such key');
}

function damageChunks(directory: string): Promise<void> {
  return withDatabase(directory, 'chunks', (chunks) => {
    const keys = Array.from(chunks.getKeys());
    assert.ok(keys.length > 0);
    for (const key of keys) {
      const bytes = Buffer.from(chunks.getBinary(key) ?? assert.fail('no chunk'));
      bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
      chunks.putSync(key, bytes);
    }
  });
}
