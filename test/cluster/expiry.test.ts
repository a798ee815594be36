/** Values that expire: gone everywhere at one instant, and nothing older comes back. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ask, entityTarget, problemCode, type Answer } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

const small = 'small';
const large = Buffer.alloc(700_000, 'large');
const ttlMs = 1500;

function putFor(cluster: Cluster, key: string, value: string | Buffer, ttl: number | string): Promise<Answer> {
  const target = `${entityTarget(key, { ack: 2, from: 3 })}&ttl=${ttl}`;
  return ask(cluster.node(0).url, target, { method: 'PUT', body: value });
}

const rangeTargets = ['', '&cluster=1', '&keys=1', '&cluster=1&keys=1'].map((query) => `/v0/entities?start=e${query}`);

async function rangeKeys(url: string, target: string): Promise<string[]> {
  const { status, body } = await ask(url, target, { headers: { accept: 'application/x-ndjson' } });
  assert.equal(status, 200);
  const lines = body.toString().split('\n').filter(Boolean);
  return lines.map((line) => (JSON.parse(line) as { readonly key: string }).key);
}

/** When what a GET found expires. */
async function expiryOf(cluster: Cluster, key: string): Promise<number> {
  const { status, headers } = await cluster.get(1, key, { ack: 2, from: 3 });
  assert.equal(status, 200, key);
  return Number(headers['kvorum-expires']);
}

for (const mode of ['batched', 'async'] as const) {
  test(`in mode ${mode} a value expires for all nodes, requests and ranges at one instant, and never again`, async (t) => {
    const cluster = await startCluster(t, { nodes: 3, mode });
    await cluster.put(0, 'e small', 'older');
    const before = Date.now();
    assert.equal((await putFor(cluster, 'e small', small, ttlMs)).status, 201);
    assert.equal((await putFor(cluster, 'e large', large, ttlMs)).status, 201);
    assert.equal((await putFor(cluster, 'e kept', small, ttlMs)).status, 201);
    assert.equal((await cluster.put(1, 'e kept', 'for ever')).status, 201);
    assert.equal((await putFor(cluster, 'e long', small, 3_600_000)).status, 201);
    const after = Date.now();
    const found = await cluster.get(2, 'e large', { ack: 2, from: 3 });
    if (Date.now() < before + ttlMs) assert.deepEqual([found.status, found.body.equals(large)], [200, true]);
    const longExpiry = await expiryOf(cluster, 'e long');
    assert.ok(longExpiry >= before + 3_600_000 && longExpiry <= after + 3_600_000, String(longExpiry));

    await eventually(() => assert.ok(Date.now() > after + ttlMs));
    for (const { url } of cluster.nodes) {
      for (const key of ['e small', 'e large']) {
        for (const method of ['GET', 'HEAD']) {
          assert.equal((await ask(url, entityTarget(key, { ack: 3, from: 3 }), { method })).status, 404, key);
        }
      }
      for (const target of rangeTargets) assert.deepEqual(await rangeKeys(url, target), ['e kept', 'e long'], target);
      assert.deepEqual((await ask(url, entityTarget('e kept'))).body.toString(), 'for ever');
    }

    // One replica knows the older value only.
    await cluster.stop(2, 'SIGKILL');
    assert.equal((await putFor(cluster, 'e large', large, 1)).status, 201);
    await cluster.start(2);
    await eventually(async () => assert.equal((await cluster.get(2, 'e large', { ack: 3, from: 3 })).status, 404));
    assert.equal((await cluster.put(2, 'e small', 'again', { ack: 3, from: 3 })).status, 201);
    assert.equal((await cluster.get(1, 'e small', { ack: 3, from: 3 })).body.toString(), 'again');
  });
}

test('a ttl that is none, too long, or of another method than PUT is refused, and nothing is done', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, flags: ['--ttl-ms-max', '10s'] });
  const { url } = cluster.node(0);
  for (const ttl of ['', '0', '-1', '1.5', '10001', 'soon', '%31e3']) {
    const answer = await putFor1(url, ttl);
    assert.deepEqual([answer.status, problemCode(answer)], [400, 'bad-ttl'], ttl);
  }
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    assert.equal((await ask(url, `${entityTarget('key')}&ttl=1000`, { method })).status, 400, method);
  }
  assert.equal((await cluster.get(0, 'key')).status, 404);
  assert.equal((await putFor1(url, '10000')).status, 201);
  const json = await ask(url, '/v0/entities?start=k', { headers: { accept: 'application/x-ndjson' } });
  const { headers } = await cluster.get(0, 'key');
  assert.equal(String((JSON.parse(json.body.toString()) as { expires: number }).expires), headers['kvorum-expires']);
});

function putFor1(url: string, ttl: string): Promise<Answer> {
  return ask(url, `${entityTarget('key')}&ttl=${ttl}`, { method: 'PUT', body: 'value' });
}
