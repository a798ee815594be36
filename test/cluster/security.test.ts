/** The replica port answers only those that prove the cluster secret, and is not to be reached through the client port. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { nodeIdOf, parseTopology, topologyDigest } from '../../src/domain/topology.ts';
import { encodeHello } from '../../src/formats/peer-handshake.ts';
import { replicaPaths, replicaProtocol, seenField } from '../../src/protocol/nodes.ts';
import { kvorum, portOf } from '../cli/kvorum.ts';
import { ask } from '../support/client.ts';
import { prepareCluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { connectAsPeer, peerAgent, replicaPortOf } from '../support/peer.ts';
import { RawConnection } from '../support/raw-http.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const secretText = 'correct horse';
const secret = ['--cluster-secret', secretText];

test('the replica port', async (t) => {
  const cluster = await startCluster(t, { nodes: 2, flags: secret });
  const right = await replicaPortOf(cluster.node(0).url, secretText);
  const agent = peerAgent(right);
  t.after(() => agent.destroy());

  await t.test('is 401 for whoever does not begin with the proof, on every path', async () => {
    for (const path of [replicaPaths.operations, replicaPaths.hello, '/', '/v0/entity?id=a']) {
      const { status } = await ask(right.origin, path, { method: 'POST', body: '' });
      assert.equal(status, 401, path);
    }
  });

  await t.test('takes no proof of another secret, cluster or node', async () => {
    const { as } = right;
    const wrong = [
      { ...right, as: { ...as, secret: 'wrong' } },
      { ...right, as: { ...as, secret: '' } },
      { ...right, as: { ...as, topology: 'another cluster' } },
      { ...right, listenerId: right.listenerId + 1 },
    ];
    for (const one of wrong) await assert.rejects(connectAsPeer(one), /does not match/);
    (await connectAsPeer(right)).destroy();
  });

  await t.test('refuses a proof that was right on another connection', async () => {
    const nonce = Buffer.alloc(32, 7);
    const hello = encodeHello({ protocol: replicaProtocol, askerId: 1, nonce });
    // What a right asker sends through this, with the same hello each time.
    const sent: Buffer[] = [];
    const relay = createTcpServer((near) => {
      const far = connect({ port: right.port, host: '127.0.0.1' });
      near.on('data', (chunk: Buffer) => {
        sent.push(chunk);
        far.write(chunk);
      });
      far.pipe(near);
      near.on('error', () => {}).on('close', () => far.destroy());
      far.on('error', () => {});
    }).listen(0, '127.0.0.1');
    await once(relay, 'listening');
    (await connectAsPeer({ ...right, port: portOf(relay) })).destroy();
    relay.close();
    assert.equal(sent.length, 2, 'a hello and a proof');
    assert.notDeepEqual(sent[0], hello, 'nonces are fresh');
    const replayed = connect({ port: right.port, host: '127.0.0.1' });
    replayed.write(sent[0] ?? '');
    await once(replayed, 'data');
    replayed.write(sent[1] ?? '');
    const [verdict] = (await once(replayed, 'data')) as [Buffer];
    assert.deepEqual([...verdict], [0]);
    await once(replayed, 'close');
  });

  await t.test('takes frames with the proof, and refuses what is no frame without harm', async () => {
    const post = (path: string, body: string): Promise<number> =>
      ask(right.origin, path, { method: 'POST', body, agent, headers: { [seenField]: '0 1' } }).then(
        ({ status }) => status,
      );
    assert.equal(await post(replicaPaths.operations, ''), 200);
    for (const garbage of ['x', '\0'.repeat(14), '\xff'.repeat(100), `\x0e${'\0'.repeat(30)}`]) {
      assert.equal(await post(replicaPaths.operations, garbage), 400);
    }
    for (const said of [undefined, '', '1', '-1 1', '1.5 1', '99999999999999999 1', '1 4294967296']) {
      const headers = said === undefined ? {} : { [seenField]: said };
      const answer = await ask(right.origin, replicaPaths.operations, { method: 'POST', body: '', agent, headers });
      assert.equal(answer.status, 400, String(said));
    }
    assert.equal(await post('/elsewhere', ''), 404);
    assert.equal((await ask(right.origin, replicaPaths.operations, { agent })).status, 405);
    assert.equal(
      await post(replicaPaths.hello, 'http://169.254.169.254/'),
      204,
      'a URL out of the topology is not probed',
    );
    assert.equal((await cluster.put(0, 'after', 'v')).status, 201);
  });

  await t.test('refuses a frame over the bound by its declared length', async (sub) => {
    const connection = RawConnection.over(sub, await connectAsPeer(right));
    connection.send(`POST /operations HTTP/1.1\r\nhost: a\r\n${seenField}: 0 1\r\ncontent-length: 99999999999\r\n\r\n`);
    // Not `answer`: it says no length.
    await connection.closed();
    assert.equal((await cluster.put(0, 'after', 'v')).status, 201);
  });

  await t.test('has room for peers while strangers hold connections open', async (sub) => {
    const strangers = Array.from({ length: 300 }, () => connect({ port: right.port, host: '127.0.0.1' }));
    sub.after(() => strangers.forEach((socket) => socket.destroy()));
    let closed = 0;
    for (const socket of strangers)
      socket
        .on('error', () => {})
        .on('close', () => closed++)
        .resume();
    await eventually(async () => {
      (await connectAsPeer(right)).destroy();
      assert.equal(closed, strangers.length);
    });
    assert.equal((await cluster.put(0, 'after', 'v', { ack: 2, from: 2 })).status, 201);
  });

  await t.test('is not the client port: internal paths there are 400', async () => {
    for (const path of [replicaPaths.operations, replicaPaths.hello]) {
      assert.equal((await ask(cluster.node(0).url, path, { method: 'POST', body: '' })).status, 400);
    }
  });

  await t.test('the secret does not show in status, description, metrics or logs', async () => {
    for (const path of ['/v0/node', '/v0/status', '/metrics']) {
      assert.ok(!(await ask(cluster.node(0).url, path)).body.toString().includes(secretText), path);
    }
    assert.ok(!cluster.node(0).stderr.includes(secretText));
  });
});

test("an impostor at a peer's address is told a nonce and nothing more", async (t) => {
  const cluster = await prepareCluster(t, { nodes: 2, flags: secret });
  const heard: Buffer[] = [];
  const impostor = createTcpServer((socket) => {
    socket.on('data', (chunk: Buffer) => heard.push(chunk)).on('error', () => {});
    // A challenge whose proof is made up.
    socket.write(Buffer.concat([Buffer.from('kvpeer'), Buffer.from([replicaProtocol, 0]), Buffer.alloc(64, 1)]));
  }).listen(0, '127.0.0.1');
  await once(impostor, 'listening');
  const { port, url } = cluster.node(1);
  const asked: string[] = [];
  const mine = cluster.node(0).url;
  const topology = topologyDigest(parseTopology(mine, [mine, url]), 2);
  const front = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization ?? ''}`);
    const said = { id: nodeIdOf(url), url, protocol: replicaProtocol, topology, replicaPorts: [portOf(impostor)] };
    response.end(JSON.stringify(said));
  }).listen(port, '127.0.0.1');
  t.after(() => {
    impostor.close();
    front.close();
    front.closeAllConnections();
  });
  await cluster.start(0);
  await eventually(() => assert.ok(heard.length > 2));
  const hello = encodeHello({ protocol: replicaProtocol, askerId: nodeIdOf(mine), nonce: Buffer.alloc(32) });
  for (const bytes of heard) {
    assert.equal(bytes.length, hello.length);
    assert.deepEqual(bytes.subarray(0, -32), hello.subarray(0, -32));
  }
  assert.deepEqual(new Set(asked), new Set(['/v0/node ']));
});

test('a node with another secret does not join', async (t) => {
  const cluster = await prepareCluster(t, { nodes: 3, flags: secret });
  await Promise.all([
    cluster.start(0, ['--new-cluster']),
    cluster.start(1, ['--new-cluster']),
    cluster.start(2, ['--cluster-secret', 'another']),
  ]);
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

test('a node that any machine could reach does not start without a secret, unless it is told to, and then warns', async (t) => {
  const data = temporaryDirectory(t);
  const { code, stderr } = await kvorum(['serve', '--self', 'http://node.example:1', '--port', '0', '--data', data]);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^kvorum: Cannot listen on all interfaces .*KVORUM_CLUSTER_SECRET.*--insecure/);
  const warnings = (logs: readonly { level: string; message: string }[]): string[] =>
    logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
  const insecure = await startCluster(t, { nodes: 1, flags: ['--host', '0.0.0.0', '--insecure'] });
  assert.match(warnings(insecure.node(0).logs).join(), /no cluster secret/);
  const withSecret = await startCluster(t, { nodes: 1, flags: ['--host', '0.0.0.0', ...secret] });
  assert.doesNotMatch(warnings(withSecret.node(0).logs).join(), /secret/);
});
