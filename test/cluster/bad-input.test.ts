/** What is not a request of the protocol is refused with the right status and a stable code, and harms nothing. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ask, problemCode } from '../support/client.ts';
import { startCluster } from '../support/cluster.ts';
import { RawConnection, type RawAnswer } from '../support/raw-http.ts';

const codeOf = (answer: RawAnswer): string => (JSON.parse(answer.body.toString()) as { code: string }).code;

/** Request targets and the status and code that each deserves, in a cluster of 3 nodes. */
const targets: readonly (readonly [string, number, string])[] = [
  ['/v0', 400, 'unknown-path'],
  ['/v0/entity/', 400, 'unknown-path'],
  ['/v0/entity/x?id=a', 400, 'unknown-path'],
  ['/V0/ENTITY?id=a', 400, 'unknown-path'],
  ['//v0/entity?id=a', 400, 'unknown-path'],
  ['/v0/%65ntity?id=a', 400, 'unknown-path'],
  ['/v0/entity%3Fid=a', 400, 'unknown-path'],
  ['/__proto__', 400, 'unknown-path'],
  ['/constructor', 400, 'unknown-path'],
  ['*', 400, 'unknown-path'],
  ['/v0/entity', 400, 'bad-id'],
  ['/v0/entity?', 400, 'bad-id'],
  ['/v0/entity?id', 400, 'bad-id'],
  ['/v0/entity?id=', 400, 'bad-id'],
  ['/v0/entity?=a', 400, 'bad-parameter'],
  ['/v0/entity?id=a&id=b', 400, 'bad-id'],
  ['/v0/entity?id=a&id=a', 400, 'bad-id'],
  ['/v0/entity?id=&id=a', 400, 'bad-id'],
  [`/v0/entity?id=${'k'.repeat(1025)}`, 400, 'bad-id'],
  [`/v0/entity?id=${'%E2%82%AC'.repeat(342)}`, 400, 'bad-id'],
  ['/v0/entity?id=%', 400, 'bad-id'],
  ['/v0/entity?id=%4', 400, 'bad-id'],
  ['/v0/entity?id=%zz', 400, 'bad-id'],
  ['/v0/entity?id=a%2', 400, 'bad-id'],
  ['/v0/entity?id=%ff', 400, 'bad-id'],
  ['/v0/entity?id=%fe', 400, 'bad-id'],
  ['/v0/entity?id=%c0%80', 400, 'bad-id'],
  ['/v0/entity?id=%ed%a0%80', 400, 'bad-id'],
  ['/v0/entity?id=%f4%90%80%80', 400, 'bad-id'],
  ['/v0/entity?id=\u00ff', 400, 'bad-id'],
  ['/v0/entity?id=a&ack=0', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=-1', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=1.5', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=1e0', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=0x1', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=%31', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=one', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=3&from=2', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=4', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=257&from=3', 400, 'bad-quorum'],
  ['/v0/entity?id=a&from=0', 400, 'bad-quorum'],
  ['/v0/entity?id=a&from=4', 400, 'bad-quorum'],
  ['/v0/entity?id=a&from=259', 400, 'bad-quorum'],
  ['/v0/entity?id=a&from=99999999999999999999', 400, 'bad-quorum'],
  ['/v0/entity?id=a&ack=1&ack=1', 400, 'bad-quorum'],
  ['/v0/entity?id=a&replicas=2', 400, 'bad-quorum'],
  ['/v0/entity?id=a&replicas=2/', 400, 'bad-quorum'],
  ['/v0/entity?id=a&replicas=/3', 400, 'bad-quorum'],
  ['/v0/entity?id=a&replicas=2/3/4', 400, 'bad-quorum'],
  ['/v0/entity?id=a&replicas=3/2', 400, 'bad-quorum'],
  ['/v0/entity?id=a&replicas=2/4', 400, 'bad-quorum'],
  ['/v0/entity?id=a&replicas=2%2F3%2F3', 400, 'bad-quorum'],
  ['/v0/entity?id=a&replicas=2/3&ack=2', 400, 'bad-quorum'],
  ['/v0/entity?id=a&replicas=2/3&replicas=2/3', 400, 'bad-quorum'],
  ['/v0/entity?id=a&acks=2', 400, 'bad-parameter'],
  ['/v0/entity?id=a&ID=b', 400, 'bad-parameter'],
  ['/v0/entity?id=a&__proto__=b', 400, 'bad-parameter'],
];

test('bad input', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, flags: ['--value-bytes-max', '100000'] });
  const { url } = cluster.node(0);

  await t.test('a bad target is 400 with its code, for every method, and the connection serves on', async (sub) => {
    const connection = await RawConnection.open(sub, url);
    for (const [target, status, code] of targets) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        connection.send(`${method} ${target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc`);
        const answer = await connection.answer();
        const what = `${method} ${target.slice(0, 80)}`;
        assert.deepEqual([answer.status, codeOf(answer)], [status, code], what);
        assert.equal(answer.headers.get('content-type'), 'application/problem+json', what);
      }
    }
    connection.send('PUT /v0/entity?id=a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nv');
    assert.equal((await connection.answer()).status, 201);
  });

  await t.test('other methods are 405 and name those that are known', async (sub) => {
    const connection = await RawConnection.open(sub, url);
    for (const method of ['POST', 'PATCH', 'TRACE', 'PROPFIND']) {
      connection.send(`${method} /v0/entity?id=a HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      const answer = await connection.answer();
      assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'GET, HEAD, PUT, DELETE, OPTIONS'], method);
    }
    for (const path of ['/metrics', '/livez', '/readyz', '/v0/status', '/v0/node']) {
      connection.send(`POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nxx`);
      const answer = await connection.answer();
      assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'GET, HEAD, OPTIONS'], path);
    }
  });

  await t.test('HEAD of an admin path is GET without the body', async (sub) => {
    const connection = await RawConnection.open(sub, url);
    for (const path of ['/metrics', '/livez', '/readyz', '/v0/status', '/v0/node']) {
      connection.send(`HEAD ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      assert.equal((await connection.answer(false)).status, 200, path);
    }
  });

  await t.test(
    'a body over the bound is 413, known at the headers if they name its length, and a length that is no safe integer is 400',
    async (sub) => {
      const connection = await RawConnection.open(sub, url);
      connection.send('PUT /v0/entity?id=big HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100001\r\n\r\n');
      const answer = await connection.answer();
      assert.deepEqual([answer.status, codeOf(answer)], [413, 'value-too-large']);
      for (const length of ['99999999999999999999999', '9007199254740993']) {
        const other = await RawConnection.open(sub, url);
        other.send(`PUT /v0/entity?id=big HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${length}\r\n\r\n`);
        assert.equal((await other.answer()).status, 400, length);
      }
      assert.equal((await cluster.get(0, 'big')).status, 404);
    },
  );

  await t.test('a chunked body over the bound is 413, and one at the bound is not', async (sub) => {
    const head = 'PUT /v0/entity?id=big HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n';
    const chunk = `c350\r\n${'x'.repeat(50_000)}\r\n`;
    const over = await RawConnection.open(sub, url);
    over.send(`${head}${chunk}${chunk}1\r\nx\r\n`);
    assert.deepEqual([(await over.answer()).status], [413]);
    assert.equal((await cluster.get(0, 'big')).status, 404);
    const at = await RawConnection.open(sub, url);
    at.send(`${head}${chunk}${chunk}0\r\n\r\n`);
    assert.equal((await at.answer()).status, 201);
    assert.equal((await cluster.get(1, 'big')).body.length, 100_000);
  });

  await t.test('a client that sends a body over the bound without looking still reads its 413', async () => {
    for (const bytes of [100_001, 1_000_000, 20_000_000]) {
      const answer = await ask(url, '/v0/entity?id=huge', { method: 'PUT', body: Buffer.alloc(bytes) });
      assert.deepEqual([answer.status, problemCode(answer)], [413, 'value-too-large'], `${bytes} bytes`);
    }
  });

  await t.test('what is not HTTP is 400, and the connection ends', async (sub) => {
    const garbage = [
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n',
      'hello\r\n\r\n',
      'GET\r\n\r\n',
      'GET /livez HTTP/x.1\r\nhost: localhost\r\n\r\n',
      'GET /livez HTTP/1.1\r\nhost : a\r\n\r\n',
      'GET /livez HTTP/1.1\r\nhost: localhost\r\nx: \x00\r\n\r\n',
      'PUT /v0/entity?id=a HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n',
      'PUT /v0/entity?id=a HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n',
      'PUT /v0/entity?id=a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx',
      'PUT /v0/entity?id=a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'PUT /v0/entity?id=a HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    ];
    for (const bytes of garbage) {
      const connection = await RawConnection.open(sub, url);
      connection.send(bytes);
      const answer = await connection.answer();
      assert.deepEqual([answer.status, codeOf(answer)], [400, 'bad-request'], JSON.stringify(bytes));
      await connection.closed();
    }
  });

  await t.test('an answer to garbage does not overtake the answer to the request before it', async (sub) => {
    for (let round = 0; round < 20; round++) {
      const connection = await RawConnection.open(sub, url);
      connection.send(
        'PUT /v0/entity?id=before HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nvgarbage\r\n\r\n',
      );
      assert.equal((await connection.answer()).status, 201);
      assert.equal((await connection.answer()).status, 400);
      await connection.closed();
    }
  });

  await t.test('headers without end are 431', async (sub) => {
    const connection = await RawConnection.open(sub, url);
    connection.send(`GET /livez HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`);
    const answer = await connection.answer();
    assert.deepEqual([answer.status, codeOf(answer)], [431, 'headers-too-large']);
    await connection.closed();
  });

  await t.test('invalid ids name no record at all: none of them reads what another wrote', async (sub) => {
    const connection = await RawConnection.open(sub, url);
    const ids = ['%ff', '%fe', '%80', '%c3%28', '%', '%%', '%ef%bf'];
    for (const id of ids) {
      connection.send(`PUT /v0/entity?id=${id} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nv`);
      assert.equal((await connection.answer()).status, 400, id);
    }
    connection.send('GET /v0/entity?id=%ef%bf%bd HTTP/1.1\r\nhost: localhost\r\n\r\n');
    assert.equal((await connection.answer()).status, 404, 'the replacement character is a key of its own');
  });

  await t.test('the nodes serve on and have logged none of it above warn', async () => {
    assert.equal((await cluster.put(1, 'after', 'v')).status, 201);
    assert.equal((await cluster.get(2, 'after')).body.toString(), 'v');
    for (const node of cluster.nodes)
      assert.deepEqual(
        node.logs.filter(({ level }) => level === 'error'),
        [],
      );
  });
});
