/** Many large values read at once: each is whole, the nodes' memory stays bounded, and what times out is let go. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-http.ts';

const MIB = 1024 * 1024;
const value = Buffer.alloc(8 * MIB, 'a value that is too large to come among others, ');
/** What a node may take: 200 MiB for itself, and 32 MiB of records under way, from each replica, copied once or twice. */
const PEAK_MIB_MAX = 600;

/** The most memory that each node has ever held, MiB; empty where the system does not say. */
function peaks(cluster: Cluster): number[] {
  return cluster.nodes
    .map(({ pid }) => `/proc/${pid}/status`)
    .filter((path) => existsSync(path))
    .map((path) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(path, 'latin1'))?.[1]) / 1024);
}

function assertBounded(cluster: Cluster): void {
  for (const mib of peaks(cluster)) assert.ok(mib < PEAK_MIB_MAX, `a node took ${Math.round(mib)} MiB`);
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
    const reads = Array.from({ length: 200 }, async () => (await cluster.get(0, 'large')).status);
    const statuses = new Set(await Promise.all(reads));
    for (const status of statuses) assert.ok([200, 503, 504].includes(status), `a read was answered ${status}`);
    assertBounded(cluster);
    for (const node of cluster.nodes) assert.notEqual(node.pid, undefined);
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
  connection.send(keys.map((key) => `GET /v0/entity?id=${key} HTTP/1.1\r\nhost: a\r\n\r\n`).join(''));
  for (const key of keys) {
    const { status, body } = await connection.answer();
    assert.equal(status, stored.has(key) ? 200 : 404, key);
    if (status === 200) assert.ok(body.equals(Buffer.from(stored.get(key) ?? 'nothing')), key);
  }
});
