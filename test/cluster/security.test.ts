/** The replica port answers only those that prove the cluster secret, and is not to be reached through the client port. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { replicaPaths, type NodeDescription } from '../../src/protocol/nodes.ts';
import { ask } from '../support/client.ts';
import { prepareCluster, startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-http.ts';

const secret = ['--cluster-secret', 'correct horse'];

async function describe(cluster: Cluster, node: number): Promise<NodeDescription> {
  const answer = await ask(cluster.node(node).url, '/v0/node');
  return JSON.parse(answer.body.toString()) as NodeDescription;
}

const proof = (key: string, topology: string): string =>
  `Bearer ${createHmac('sha256', key).update(topology).digest('hex')}`;

test('the replica port', async (t) => {
  const cluster = await startCluster(t, { nodes: 2, flags: secret });
  const { replicaPorts, topology } = await describe(cluster, 0);
  const origin = `http://127.0.0.1:${replicaPorts[0]}`;
  const right = { authorization: proof('correct horse', topology) };

  await t.test('is 401 without the proof of the secret, or with a wrong one, on every path', async () => {
    const wrong = [
      {},
      { authorization: '' },
      { authorization: 'Bearer' },
      { authorization: proof('', topology) },
      { authorization: proof('wrong', topology) },
      { authorization: proof('correct horse', 'another cluster') },
      { authorization: `${right.authorization}0` },
      { authorization: right.authorization.slice(0, -1) },
      { authorization: right.authorization.toUpperCase() },
    ];
    for (const headers of wrong) {
      for (const path of [replicaPaths.operations, replicaPaths.hello, '/', '/v0/entity?id=a']) {
        const { status } = await ask(origin, path, { method: 'POST', body: '', headers });
        assert.equal(status, 401, `${path} with ${JSON.stringify(headers)}`);
      }
    }
  });

  await t.test('takes frames with the proof, and refuses what is no frame without harm', async () => {
    const post = (path: string, body: string): Promise<number> =>
      ask(origin, path, { method: 'POST', body, headers: right }).then(({ status }) => status);
    assert.equal(await post(replicaPaths.operations, ''), 200);
    for (const garbage of ['x', '\0'.repeat(14), '\xff'.repeat(100), `\x0e${'\0'.repeat(30)}`]) {
      assert.equal(await post(replicaPaths.operations, garbage), 400);
    }
    assert.equal(await post('/elsewhere', ''), 404);
    assert.equal((await ask(origin, replicaPaths.operations, { headers: right })).status, 405);
    assert.equal(
      await post(replicaPaths.hello, 'http://169.254.169.254/'),
      204,
      'a URL out of the topology is not probed',
    );
    assert.equal((await cluster.put(0, 'after', 'v')).status, 201);
  });

  await t.test('refuses a frame over the bound by its declared length', async (sub) => {
    const connection = await RawConnection.open(sub, origin);
    connection.send(
      `POST /operations HTTP/1.1\r\nhost: localhost\r\nauthorization: ${right.authorization}\r\ncontent-length: 99999999999\r\n\r\n`,
    );
    // Not `answer`: it says no length.
    await connection.closed();
    assert.equal((await cluster.put(0, 'after', 'v')).status, 201);
  });

  await t.test('is not the client port: internal paths there are 400, with the proof or without', async () => {
    for (const path of [replicaPaths.operations, replicaPaths.hello]) {
      for (const headers of [{}, right]) {
        assert.equal((await ask(cluster.node(0).url, path, { method: 'POST', body: '', headers })).status, 400);
      }
    }
  });

  await t.test('neither the secret nor its proof shows in status, description, metrics or logs', async () => {
    for (const path of ['/v0/node', '/v0/status', '/metrics']) {
      const text = (await ask(cluster.node(0).url, path)).body.toString();
      assert.ok(!text.includes('correct horse') && !text.includes(right.authorization.slice(7)), path);
    }
    assert.ok(!cluster.node(0).stderr.includes('correct horse'));
  });
});

test('a node with another secret does not join', async (t) => {
  const cluster = await prepareCluster(t, { nodes: 3, flags: secret });
  await Promise.all([cluster.start(0), cluster.start(1), cluster.start(2, ['--cluster-secret', 'another'])]);
  assert.equal((await cluster.put(0, 'a', 'v')).status, 201, 'the other two are a quorum');
  assert.equal((await cluster.put(2, 'a', 'forged')).status, 504);
  assert.equal((await cluster.get(2, 'a')).status, 504);
  assert.equal((await cluster.get(1, 'a')).body.toString(), 'v');
  await eventually(async () => {
    const status = JSON.parse((await ask(cluster.node(0).url, '/v0/status')).body.toString()) as {
      cluster: { url: string; state: string; error?: string }[];
    };
    const seen = status.cluster.find(({ url }) => url === cluster.node(2).url);
    assert.equal(seen?.state, 'down');
    assert.match(seen.error ?? '', /secret/);
  });
});
