/** Client connections that do not behave: cut requests, half-closed sockets, requests byte by byte. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { RawConnection } from '../support/raw-http.ts';

const put = (key: string, bytes: number): string =>
  `PUT /v0/entity?id=${key} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${bytes}\r\n\r\n`;

test('connections', async (t) => {
  const cluster = await startCluster(t, { nodes: 1 });
  const { url } = cluster.node(0);

  await t.test(
    'a client that closes its side in the middle of a request is closed too, and holds nothing',
    async (sub) => {
      const chunked = 'PUT /v0/entity?id=cut HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe';
      for (const cut of [
        '',
        'GET',
        'GET /livez HTTP/1.1\r\n',
        `${put('cut', 10)}half`,
        put('cut', 1_000_000),
        chunked,
      ]) {
        const connection = await RawConnection.open(sub, url);
        connection.send(cut);
        connection.end();
        await connection.closed();
      }
      await eventually(async () => assert.equal(await metricTotal(url, 'kvorum_bodies_in_flight'), 0));
      assert.equal(await metricTotal(url, 'kvorum_body_bytes_in_flight'), 0);
      assert.equal((await cluster.get(0, 'cut')).status, 404);
    },
  );

  await t.test('a client that closes its side after its request still reads the answer', async (sub) => {
    const connection = await RawConnection.open(sub, url);
    connection.send(`${put('half', 4)}body`);
    connection.end();
    assert.equal((await connection.answer()).status, 201);
    await connection.closed();
  });

  await t.test(
    'a client that closes its side behind an unfinished request still reads the answers before it',
    async (sub) => {
      const connection = await RawConnection.open(sub, url);
      connection.send(`${put('whole', 4)}body${put('cut', 4)}bo`);
      connection.end();
      assert.equal((await connection.answer()).status, 201);
      await connection.closed();
    },
  );

  await t.test('a request that comes byte by byte is the same request', async (sub) => {
    const connection = await RawConnection.open(sub, url);
    const bytes = `\r\n${put('bytes', 5)}hello${'GET /v0/entity?id=bytes HTTP/1.1\r\nhost: localhost\r\n\r\n'}`;
    for (const byte of bytes) {
      connection.send(byte);
      // One turn each, so that they leave as packets of their own.
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await connection.answer()).status, 201);
    assert.equal((await connection.answer()).body.toString(), 'hello');
  });

  await t.test('what is pipelined behind connection: close is not done', async (sub) => {
    const connection = await RawConnection.open(sub, url);
    connection.send(
      'PUT /v0/entity?id=last HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 1\r\n\r\nv' +
        `${put('behind', 1)}v`,
    );
    assert.equal((await connection.answer()).status, 201);
    await connection.closed();
    assert.equal((await cluster.get(0, 'behind')).status, 404);
  });

  await t.test('a client that says connection: close and reads late still gets its whole answer', async (sub) => {
    const value = Buffer.alloc(12 * 1024 * 1024, 'slow');
    assert.equal((await cluster.put(0, 'slow', value)).status, 201);
    const slow = askAndClose(sub, url, '/v0/entity?id=slow');
    // It has its answer, and is cut for not closing its side: so much time has passed.
    const done = askAndClose(sub, url, '/livez').resume();
    await eventually(() => {
      done.write('x');
      assert.ok(done.destroyed);
    });
    const answer = await buffer(slow);
    assert.ok(answer.subarray(answer.indexOf('\r\n\r\n') + 4).equals(value));
  });

  await t.test('hundreds of pipelined requests are all answered, in their order', async (sub) => {
    const connection = await RawConnection.open(sub, url);
    const count = 300;
    let requests = '';
    for (let index = 0; index < count; index++) {
      requests += `${put(`many-${index}`, 3)}abc`;
      requests +=
        index % 2 === 0
          ? `GET /v0/entity?id=many-${index}-none HTTP/1.1\r\nhost: localhost\r\n\r\n`
          : 'GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n';
    }
    connection.send(requests);
    for (let index = 0; index < count; index++) {
      assert.equal((await connection.answer()).status, 201);
      assert.equal((await connection.answer()).status, index % 2 === 0 ? 404 : 200);
    }
  });
});

/** A client that keeps its own side open, and reads nothing before it is told to. */
function askAndClose(t: TestContext, url: string, target: string) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(`GET ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
  return socket;
}
