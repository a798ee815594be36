/** The HTTP protocol as a client of any node sees it, in each mode, in a cluster that is larger than a record's replica set. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { modes } from '../../src/domain/modes.ts';
import { ask, entityTarget, problemCode } from '../support/client.ts';
import { startCluster } from '../support/cluster.ts';
import { RawConnection, type RawAnswer } from '../support/raw-http.ts';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

for (const mode of modes) {
  test(`protocol in mode ${mode}`, async (t) => {
    const cluster = await startCluster(t, { nodes: 5, mode });
    const everyNode = [...cluster.nodes.keys()];

    await t.test('every node, replica or not, answers PUT 201, GET 200 and DELETE 202, then GET 404', async () => {
      for (const writer of everyNode) {
        const key = `written-through-${writer}`;
        assert.equal((await cluster.put(writer, key, `value ${writer}`, { ack: 2, from: 3 })).status, 201);
        for (const reader of everyNode) {
          const answer = await cluster.get(reader, key, { ack: 2, from: 3 });
          assert.deepEqual([answer.status, answer.body.toString()], [200, `value ${writer}`], `read through ${reader}`);
        }
        assert.equal((await cluster.del((writer + 1) % 5, key, { ack: 2, from: 3 })).status, 202);
        for (const reader of everyNode) {
          const answer = await cluster.get(reader, key, { ack: 2, from: 3 });
          assert.deepEqual([answer.status, problemCode(answer)], [404, 'not-found'], `read through ${reader}`);
        }
      }
    });

    await t.test('a key that nobody wrote is 404, and DELETE of it 202', async () => {
      assert.equal((await cluster.get(0, 'never')).status, 404);
      assert.equal((await cluster.del(1, 'never')).status, 202);
      assert.equal((await cluster.get(2, 'never')).status, 404);
    });

    await t.test('without ack and from, 3 of 5 answer, and one copy of one is the smallest quorum', async () => {
      assert.equal((await cluster.put(3, 'defaults', 'd')).status, 201);
      assert.equal((await cluster.get(4, 'defaults')).body.toString(), 'd');
      assert.equal((await cluster.get(0, 'defaults', { ack: 5, from: 5 })).status, 200);
      assert.equal((await cluster.put(0, 'single', 's', { ack: 1, from: 1 })).status, 201);
      for (const node of everyNode) {
        assert.equal((await cluster.get(node, 'single', { ack: 1, from: 1 })).body.toString(), 's');
      }
    });

    await t.test('an empty value is a value', async () => {
      assert.equal((await cluster.put(0, 'empty', '')).status, 201);
      const answer = await cluster.get(1, 'empty');
      assert.deepEqual([answer.status, answer.body.length, answer.headers['content-length']], [200, 0, '0']);
    });

    await t.test('a value comes back byte for byte', async () => {
      for (const [index, value] of [
        everyByte,
        Buffer.alloc(70_000, everyByte),
        Buffer.from('\r\n\r\n0\r\n'),
      ].entries()) {
        assert.equal((await cluster.put(index, 'bytes', value)).status, 201);
        assert.deepEqual((await cluster.get(index + 1, 'bytes', { ack: 5, from: 5 })).body, value);
      }
    });

    await t.test('a value of 16 MiB, the bound, comes back byte for byte', async () => {
      const value = Buffer.alloc(16 * 1024 * 1024, everyByte);
      value.writeUInt32LE(0xdeadbeef, value.length - 4);
      assert.equal((await cluster.put(0, 'large', value, { ack: 3, from: 3 })).status, 201);
      for (const node of [0, 4]) {
        const answer = await cluster.get(node, 'large', { ack: 3, from: 3 });
        assert.equal(answer.status, 200);
        assert.ok(answer.body.equals(value), `read through ${node}`);
      }
      assert.equal((await cluster.del(0, 'large', { ack: 3, from: 3 })).status, 202);
    });

    await t.test(
      'keys are bytes: 1,024 of them, percent-encoded UTF-8, and no two of these are the same record',
      async () => {
        const keys = [
          'k'.repeat(1024),
          'ключ/&=?#%25 +',
          '€'.repeat(341) + 'x',
          '\u0000',
          '😀',
          'é',
          'e\u0301',
          'a b',
          'a+b',
        ];
        for (const [index, key] of keys.entries()) {
          assert.equal((await cluster.put(index % 5, key, `value ${index}`)).status, 201, `key ${index}`);
        }
        for (const [index, key] of keys.entries()) {
          assert.equal((await cluster.get((index + 1) % 5, key)).body.toString(), `value ${index}`);
        }
      },
    );

    await t.test('the same key in other spellings is the same record', async () => {
      await cluster.put(0, 'spelled here', 'once');
      for (const id of ['spelled+here', 'spelled%20here', '%73pelled%20%68ere']) {
        const answer = await ask(cluster.node(1).url, `/v0/entity?id=${id}`);
        assert.equal(answer.body.toString(), 'once', id);
      }
    });

    await t.test('replicas=A/F says what ack and from say', async () => {
      const { url } = cluster.node(2);
      for (const spelling of ['2/3', '2%2F3', '2%2f3']) {
        const target = `/v0/entity?id=slash&replicas=${spelling}`;
        assert.equal((await ask(url, target, { method: 'PUT', body: spelling })).status, 201);
        const answer = await cluster.get(3, 'slash', { ack: 2, from: 3 });
        assert.equal(answer.body.toString(), spelling);
      }
    });

    await t.test('a chunked body is a body', async (sub) => {
      const connection = await RawConnection.open(sub, cluster.node(0).url);
      connection.send('PUT /v0/entity?id=chunked HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n');
      connection.send('5\r\nhello\r\n1;ext=1\r\n \r\n');
      connection.send('5\r\nworld\r\n0\r\n\r\n');
      assert.equal((await connection.answer()).status, 201);
      assert.equal((await cluster.get(1, 'chunked')).body.toString(), 'hello world');
      connection.send(
        'PUT /v0/entity?id=chunked HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      );
      assert.equal((await connection.answer()).status, 201);
      assert.equal((await cluster.get(2, 'chunked')).body.length, 0);
    });

    await t.test('a chunked body may have any size up to the bound', async (sub) => {
      const connection = await RawConnection.open(sub, cluster.node(0).url);
      for (const bytes of [128 * 1024, 128 * 1024 + 1, 3_000_000, 16 * 1024 * 1024]) {
        const value = Buffer.alloc(bytes, everyByte);
        connection.send('PUT /v0/entity?id=chunked HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n');
        for (let at = 0; at < bytes; at += 100_000) {
          const chunk = value.subarray(at, at + 100_000);
          connection.send(`${chunk.length.toString(16)}\r\n`);
          connection.send(chunk);
          connection.send('\r\n');
        }
        connection.send('0\r\n\r\n');
        assert.equal((await connection.answer()).status, 201, `${bytes} bytes`);
        assert.ok((await cluster.get(1, 'chunked', { ack: 3, from: 3 })).body.equals(value), `${bytes} bytes`);
      }
    });

    await t.test('Expect: 100-continue is answered before the body', async (sub) => {
      const connection = await RawConnection.open(sub, cluster.node(0).url);
      connection.send(
        'PUT /v0/entity?id=expect HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n',
      );
      assert.equal((await connection.answer(false)).status, 100);
      connection.send('body');
      assert.equal((await connection.answer()).status, 201);
      assert.equal((await cluster.get(0, 'expect')).body.toString(), 'body');
    });

    await t.test('pipelined requests are answered in their order', async (sub) => {
      const connection = await RawConnection.open(sub, cluster.node(0).url);
      const put = (value: string): string =>
        `PUT /v0/entity?id=pipelined-${value} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${value.length}\r\n\r\n${value}`;
      const get = (value: string): string => `GET /v0/entity?id=pipelined-${value} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
      connection.send(put('1') + put('22') + put('333'));
      for (const _ of [1, 2, 3]) assert.equal((await connection.answer()).status, 201);
      connection.send(
        get('333') + get('none') + get('1') + 'GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n' + get('22'),
      );
      const answers: RawAnswer[] = [];
      for (const _ of [1, 2, 3, 4, 5]) answers.push(await connection.answer());
      assert.deepEqual(
        answers.map((answer) => answer.status),
        [200, 404, 200, 400, 200],
      );
      assert.equal([0, 2, 4].map((index) => answers[index]?.body.toString()).join(), '333,1,22');
    });

    await t.test('the absolute form of the target, which proxies send, is the same request', async (sub) => {
      await cluster.put(0, 'absolute', 'form');
      const connection = await RawConnection.open(sub, cluster.node(1).url);
      for (const origin of ['http://localhost:80', cluster.node(1).url, 'HTTP://LOCALHOST']) {
        connection.send(`GET ${origin}/v0/entity?id=absolute HTTP/1.1\r\nhost: localhost\r\n\r\n`);
        assert.equal((await connection.answer()).body.toString(), 'form', origin);
      }
    });

    await t.test('a connection serves many requests, and HTTP/1.0 and connection: close end it', async (sub) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      sub.after(() => agent.destroy());
      for (let round = 0; round < 20; round++) {
        assert.equal((await cluster.put(0, 'kept', String(round), { agent })).status, 201);
        assert.equal((await cluster.get(0, 'kept', { agent })).body.toString(), String(round));
      }
      for (const version of ['1.0\r\n', '1.1\r\nhost: localhost\r\nconnection: close\r\n']) {
        const connection = await RawConnection.open(sub, cluster.node(0).url);
        connection.send(`GET /v0/entity?id=kept HTTP/${version}\r\n`);
        assert.equal((await connection.answer()).body.toString(), '19');
        await connection.closed();
      }
    });

    await t.test('many clients at once through all nodes read what they wrote', async () => {
      const clients = Array.from({ length: 40 }, async (_, client) => {
        const key = `client-${client}`;
        for (const round of ['a', 'b', 'c']) {
          const value = `${key} ${round} `.repeat(client * 3);
          assert.equal((await cluster.put(client % 5, key, value, { ack: 2, from: 3 })).status, 201);
          assert.equal((await cluster.get((client + 2) % 5, key, { ack: 2, from: 3 })).body.toString(), value);
        }
        assert.equal((await cluster.del((client + 3) % 5, key, { ack: 2, from: 3 })).status, 202);
        assert.equal((await cluster.get((client + 4) % 5, key, { ack: 2, from: 3 })).status, 404);
      });
      await Promise.all(clients);
    });

    await t.test('a write replaces an acknowledged one, through whichever node either came', async () => {
      for (let round = 0; round < 20; round++) {
        const value = `round ${round}`;
        assert.equal((await cluster.put(round % 5, 'replaced', value)).status, 201);
        assert.equal((await cluster.get((round + 2) % 5, 'replaced')).body.toString(), value);
      }
      for (let round = 0; round < 20; round++) {
        const key = `overwritten-${round}`;
        await cluster.put(round % 5, key, 'first');
        assert.equal((await cluster.put((round + 1) % 5, key, 'second')).status, 201);
        assert.equal((await cluster.get((round + 2) % 5, key)).body.toString(), 'second', `round ${round}`);
        assert.equal((await cluster.del((round + 3) % 5, key)).status, 202);
        assert.equal((await cluster.get((round + 4) % 5, key)).status, 404, `round ${round}, deleted`);
      }
    });

    await t.test('the node descriptions agree on the topology, and every peer is up', async () => {
      const topologies = new Set<string>();
      for (const node of cluster.nodes) {
        const description = await ask(node.url, '/v0/node');
        topologies.add((JSON.parse(description.body.toString()) as { topology: string }).topology);
        const status = JSON.parse((await ask(node.url, '/v0/status')).body.toString()) as {
          state: string;
          cluster: { url: string; state: string }[];
          changedSettings: Record<string, string>;
          store: { bytes: number; fileSystem: string };
        };
        assert.equal(status.state, 'ready');
        assert.ok(status.store.bytes > 0 && status.store.fileSystem !== '', JSON.stringify(status.store));
        assert.equal(typeof status.changedSettings, 'object');
        const urls = cluster.nodes.map(({ url }) => url).sort();
        assert.deepEqual(
          status.cluster.map(({ url }) => url),
          urls,
        );
        assert.ok(status.cluster.every(({ state }) => state === 'up' || state === 'ready'));
      }
      assert.equal(topologies.size, 1);
      assert.equal((await ask(cluster.node(0).url, entityTarget('x'), { method: 'POST' })).status, 405);
    });

    await t.test('SIGTERM ends every node with exit code 0', async () => {
      for (const exit of await cluster.stopAll()) assert.deepEqual(exit, { code: 0, signal: null });
    });
  });
}
