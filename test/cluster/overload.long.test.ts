/** Past a bound a node refuses at once, before it reads the body, and serves again as soon as there is room. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Agent } from 'node:http';
import { test, type TestContext } from 'node:test';
import { ask, entityTarget, problemCode } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { RangeRequest } from '../support/range-client.ts';
import { RawConnection } from '../support/raw-http.ts';

const putHead = (key: string, bytes: number): string =>
  `PUT /v0/entity?id=${key} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${bytes}\r\n\r\n`;

/** A PUT whose body has not come. */
async function slowBody(t: TestContext, cluster: Cluster, key: string, bytes = 4): Promise<RawConnection> {
  const { url } = cluster.node(0);
  const connection = await RawConnection.open(t, url);
  const before = await metricTotal(url, 'kvorum_bodies_in_flight');
  connection.send(putHead(key, bytes));
  await eventually(async () => assert.ok((await metricTotal(url, 'kvorum_bodies_in_flight')) > before));
  return connection;
}

/** A PUT that waits for an acknowledgement of the other node, which is stopped. */
async function held(t: TestContext, cluster: Cluster, key: string): Promise<RawConnection> {
  const { url } = cluster.node(0);
  const connection = await RawConnection.open(t, url);
  const before = await metricTotal(url, 'kvorum_operations_in_flight');
  connection.send(`${putHead(`${key}&ack=2&from=2`, 4)}body`);
  await eventually(async () => assert.ok((await metricTotal(url, 'kvorum_operations_in_flight')) > before));
  return connection;
}

test('a bound on operations in flight', async (t) => {
  const cluster = await startCluster(t, { nodes: 2, flags: ['--operations-in-flight-max', '2'] });
  const { url } = cluster.node(0);
  const alone = { ack: 1, from: 1 };

  await t.test(
    'bodies that have not come take no place, and are refused if there is none when they have',
    async (sub) => {
      const slow = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => slowBody(sub, cluster, key)));
      assert.equal(await metricTotal(url, 'kvorum_bodies_in_flight'), 5);
      assert.equal((await cluster.put(0, 'beside', 'x')).status, 201);
      cluster.node(1).signal('SIGSTOP');
      sub.after(() => cluster.node(1).signal('SIGCONT'));
      for (const key of ['first', 'second']) await held(sub, cluster, key);
      slow[0]?.send('body');
      assert.equal((await slow[0]?.answer())?.status, 503);
      cluster.node(1).signal('SIGCONT');
      await eventually(async () => assert.equal(await metricTotal(url, 'kvorum_operations_in_flight'), 0));
      slow[1]?.send('body');
      assert.equal((await slow[1]?.answer())?.status, 201);
      for (const connection of slow) connection.close();
      await eventually(async () => assert.equal(await metricTotal(url, 'kvorum_bodies_in_flight'), 0));
      assert.equal(await metricTotal(url, 'kvorum_body_bytes_in_flight'), 0);
    },
  );

  cluster.node(1).signal('SIGSTOP');
  const holders = [await held(t, cluster, 'first'), await held(t, cluster, 'second')];

  await t.test('past it GET, PUT and DELETE are 503 with Retry-After', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const body = method === 'PUT' ? 'x' : undefined;
      const answer = await ask(url, entityTarget('third', alone), { method, body });
      assert.deepEqual([answer.status, answer.headers['retry-after'], problemCode(answer)], [503, '1', 'overloaded']);
    }
  });

  const refused = await RawConnection.open(t, url);
  await t.test('a PUT is refused at its headers', async () => {
    refused.send(putHead('refused', 5));
    assert.equal((await refused.answer()).status, 503);
  });

  await t.test('Expect: 100-continue is refused without asking for the body', async (sub) => {
    const expecting = await RawConnection.open(sub, url);
    expecting.send(
      'PUT /v0/entity?id=x HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n',
    );
    assert.equal((await expecting.answer()).status, 503);
  });

  await t.test('admin paths answer all the same', async () => {
    for (const path of ['/livez', '/readyz', '/metrics', '/v0/status', '/v0/node']) {
      assert.equal((await ask(url, path)).status, 200, path);
    }
  });

  await t.test(
    'when there is room all are served, on the connection of a refused PUT once its body has come',
    async () => {
      cluster.node(1).signal('SIGCONT');
      for (const holder of holders) assert.equal((await holder.answer()).status, 201);
      assert.equal((await cluster.put(0, 'third', 'x')).status, 201);
      for (const key of ['first', 'second']) assert.equal((await cluster.get(0, key)).body.toString(), 'body');
      refused.send('12345GET /v0/entity?id=refused HTTP/1.1\r\nhost: localhost\r\n\r\n');
      assert.equal((await refused.answer()).status, 404);
    },
  );
});

test('a bound on body bytes in flight refuses PUTs with 503 and leaves reads alone', async (t) => {
  const bounds = ['--value-bytes-max', '1000', '--body-bytes-in-flight-max', '2000'];
  const cluster = await startCluster(t, { nodes: 1, flags: bounds });
  const { url } = cluster.node(0);
  const heldBytes = (): Promise<number> => metricTotal(url, 'kvorum_body_bytes_in_flight');
  // Announced bytes need no room, those that have come do.
  for (const key of ['announced 1', 'announced 2', 'announced 3'])
    await slowBody(t, cluster, encodeURIComponent(key), 1000);
  const first = await slowBody(t, cluster, 'first', 1000);
  const second = await slowBody(t, cluster, 'second', 1000);
  first.send('x'.repeat(999));
  second.send('x'.repeat(900));
  await eventually(async () => assert.equal(await heldBytes(), 1899));
  assert.equal((await cluster.put(0, 'fits', 'x'.repeat(101))).status, 201);
  const refused = await cluster.put(0, 'third', 'x'.repeat(102));
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
  const chunked = await RawConnection.open(t, url);
  chunked.send('PUT /v0/entity?id=chunked HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n');
  chunked.send(`c8\r\n${'x'.repeat(150)}`);
  const noRoom = await chunked.answer();
  assert.deepEqual([noRoom.status, noRoom.headers.get('connection')], [503, 'close']);
  assert.equal((await cluster.get(0, 'first')).status, 404);
  first.close();
  second.send('x'.repeat(100));
  assert.equal((await second.answer()).status, 201);
  await eventually(async () => assert.equal((await cluster.put(0, 'third', 'x'.repeat(1000))).status, 201));
  assert.equal(await heldBytes(), 0);
});

test('a bound on answer bytes in flight', async (t) => {
  const bounds = ['--value-bytes-max', '16MiB', '--answer-bytes-in-flight-max', '32MiB'];
  const cluster = await startCluster(t, { nodes: 1, flags: bounds });
  const { url } = cluster.node(0);
  const heldBytes = (): Promise<number> => metricTotal(url, 'kvorum_answer_bytes_in_flight');
  // Far more than what sockets take without a reader.
  const large = Buffer.alloc(16 * 1024 * 1024, 'large ');
  for (const [key, value] of [
    ['large', large],
    ['small', 'x'],
  ] as const) {
    assert.equal((await cluster.put(0, key, value)).status, 201);
  }

  const silent = [new RangeRequest(t, url, entityTarget('large')), new RangeRequest(t, url, entityTarget('large'))];
  // What the kernel's buffers have taken needs no room any more.
  const waits = async (): Promise<void> => {
    const bytes = await heldBytes();
    assert.ok(bytes > large.length && bytes < 2 * large.length, `${bytes} bytes wait`);
  };
  await eventually(waits);

  await t.test('past it a large value is 503 with Retry-After, and everything else goes on', async () => {
    const refused = await cluster.get(0, 'large');
    assert.deepEqual([refused.status, refused.headers['retry-after'], problemCode(refused)], [503, '1', 'overloaded']);
    assert.equal((await cluster.get(0, 'small')).status, 200);
    assert.equal((await cluster.put(0, 'other', large)).status, 201);
    await waits();
  });

  await t.test('a client that reads on makes room, and so does one that leaves', async () => {
    const [first, second] = silent;
    assert.ok((await first?.answer())?.body.equals(large));
    await eventually(async () => assert.ok((await heldBytes()) < large.length));
    assert.ok((await cluster.get(0, 'large')).body.equals(large));
    second?.socket.destroy();
    await eventually(async () => assert.equal(await heldBytes(), 0));
  });

  await t.test('an answer behind a range that nobody reads holds nothing when its client leaves', async (sub) => {
    const pipelining = new RangeRequest(sub, url, '/v0/entities?start=a', { connection: 'keep-alive' });
    pipelining.socket.write(`GET ${entityTarget('large')} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    await eventually(async () => assert.ok((await heldBytes()) >= large.length));
    pipelining.socket.destroy();
    await eventually(async () => assert.equal(await heldBytes(), 0));
  });
});

test('as many body bytes as may be in flight find room on the way to the peers', async (t) => {
  const bounds = ['--value-bytes-max', '1MiB', '--body-bytes-in-flight-max', '16MiB'];
  const room = ['--peer-queue-bytes-max', '16448KiB'];
  const cluster = await startCluster(t, { nodes: 3, flags: [...bounds, ...room] });
  const value = Buffer.alloc(1024 * 1024, 'large ');
  const puts = Array.from({ length: 16 }, (_, index) => cluster.put(0, `large ${index}`, value, { ack: 3, from: 3 }));
  const statuses = new Set((await Promise.all(puts)).map((answer) => answer.status));
  assert.deepEqual([...statuses], [201]);
});

const burstFlags = {
  sync: ['--pool-queue-max', '2', '--workers', '1'],
  async: ['--operations-in-flight-max', '8'],
  batched: ['--operations-in-flight-max', '8'],
} as const;

for (const mode of ['sync', 'async', 'batched'] as const) {
  test(`a burst past the bound in mode ${mode} is answered 201 or 503, and the 201s are kept`, async (t) => {
    const cluster = await startCluster(t, { nodes: 3, mode, flags: burstFlags[mode] });
    const burst = Array.from({ length: 200 }, async (_, index) => {
      const { status } = await cluster.put(0, `burst ${index}`, String(index));
      assert.ok(status === 201 || status === 503, `answered ${status}`);
      return status;
    });
    const statuses = await Promise.all(burst);
    const count = (status: number): number => statuses.filter((one) => one === status).length;
    t.diagnostic(`${count(201)} times 201, ${count(503)} times 503`);
    assert.ok(count(201) > 0);
    const reader = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => reader.destroy());
    const reads = statuses.map((_, index) => cluster.get(1, `burst ${index}`, { agent: reader }));
    const found = (await Promise.all(reads)).map((answer) => answer.status);
    // A refusal says "nothing was done".
    assert.deepEqual(
      found,
      statuses.map((status) => (status === 201 ? 200 : 404)),
    );
    assert.equal((await cluster.put(0, 'after', 'x')).status, 201);
  });
}
