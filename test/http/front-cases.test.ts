/**
 * The client port as a table: the bytes of requests in, the statuses of their answers and what becomes of the connection
 * out. A node of its own answers, over real sockets.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, test } from 'node:test';
import { openApiDocument } from '../../src/http/openapi.ts';
import { startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { RawConnection, type RawAnswer } from '../support/raw-http.ts';

const bounds = ['--value-bytes-max', '1MiB', '--body-bytes-in-flight-max', '2MiB'];
const cluster = await startCluster({ after }, { nodes: 1, flags: [...bounds, '--allowed-hosts', 'kv.example'] });

/** A request; `fields` each end with CRLF. */
function request(line: string, fields = '', body = ''): string {
  return `${line} HTTP/1.1\r\nhost: localhost\r\n${fields}\r\n${body}`;
}

const get = (key: string, fields = ''): string => request(`GET /v0/entity?id=${key}`, fields);
const put = (key: string, value: string, fields = ''): string =>
  request(`PUT /v0/entity?id=${key}`, `content-length: ${value.length}\r\n${fields}`, value);
const del = (key: string, fields = ''): string => request(`DELETE /v0/entity?id=${key}`, fields);
const chunkedField = 'transfer-encoding: chunked\r\n';
const expectField = 'expect: 100-continue\r\n';
const live = request('GET /livez');

/** What was sent, the statuses of the answers, and whether the connection serves on; if not, the last answer says so. */
type Case = readonly [what: string, bytes: string, statuses: readonly number[], fate: 'open' | 'keep-alive' | 'closed'];

/** What the last answer says of it; HTTP/1.0 clients must be told that a connection stays. */
const said = { open: undefined, 'keep-alive': 'keep-alive', closed: 'close' } as const;

function check([what, bytes, statuses, fate]: Case): void {
  test(`${what}: ${statuses.join(' ')}, ${fate}`, async (t) => {
    const connection = await RawConnection.open(t, cluster.node(0).url);
    const isHead = [...bytes.matchAll(/(GET|HEAD|PUT|DELETE|POST|OPTIONS) (?=[/*h])/g)].map(
      ([, method]) => method === 'HEAD',
    );
    connection.send(bytes);
    for (const [index, status] of statuses.entries()) {
      const answer = await connection.answer(status >= 200 && status !== 304 && isHead[index] !== true);
      assert.equal(answer.status, status, `answer ${index}`);
      const isLast = index === statuses.length - 1;
      assert.equal(answer.headers.get('connection'), isLast ? said[fate] : undefined, `answer ${index}`);
    }
    await (fate === 'closed' ? ends(connection) : servesOn(connection));
  });
}

async function servesOn(connection: RawConnection): Promise<void> {
  connection.send(live);
  assert.equal((await connection.answer()).body.toString(), 'live\n');
}

/** Ends, and without another answer. */
async function ends(connection: RawConnection): Promise<void> {
  connection.send(live);
  await connection.closed();
  await assert.rejects(connection.answer(), /ended before the head of an answer; had: $/);
}

const long = 'x'.repeat(300_000);
const chunked = (line: string, fields = ''): string => request(line, chunkedField + fields, '3\r\nabc\r\n0\r\n\r\n');

/** After a refusal the refused body is read to its end, or the refusal says that the connection ends. */
const refusals: readonly Case[] = [
  ['a short body refused for its target', request('PUT /v0/entity', 'content-length: 3\r\n', 'abc'), [400], 'open'],
  ['a chunked body refused for its target', chunked('PUT /v0/entity') + live, [400], 'closed'],
  ['a chunked body refused for its method', chunked('POST /v0/entity?id=a') + live, [405], 'closed'],
  ['a chunked body of a GET', chunked('GET /v0/entity?id=none') + live, [404], 'closed'],
  ['a chunked body of a DELETE', chunked('DELETE /v0/entity?id=none') + live, [202], 'closed'],
  ['a chunked body for an admin path', chunked('POST /metrics') + live, [405], 'closed'],
  ['a chunked body without the proof of the secret', chunked('POST /v0/profile/start') + live, [403], 'closed'],
  ['a chunked body of a range', chunked('POST /v0/entities') + live, [405], 'closed'],
  [
    'a chunked body over the bound',
    request('PUT /v0/entity?id=a', chunkedField, `${'f'.repeat(9)}\r\n`),
    [413],
    'closed',
  ],
  [
    'a long body refused for its target',
    request('PUT /v0/entity', 'content-length: 300000\r\n', long),
    [400],
    'closed',
  ],
  ['a body over the bound', request('PUT /v0/entity?id=a', 'content-length: 2000000\r\n') + live, [413], 'closed'],
  [
    'an announced body refused for its target',
    request('PUT /v0/entity', `content-length: 3\r\n${expectField}`),
    [400],
    'closed',
  ],
  [
    'an announced body over the bound',
    request('PUT /v0/entity?id=a', `content-length: 2000000\r\n${expectField}`),
    [413],
    'closed',
  ],
  ['an announced body of no bytes', request('PUT /v0/entity', `content-length: 0\r\n${expectField}`), [400], 'open'],
  ['an announced body that is taken', put('announced', 'abc', expectField), [100, 201], 'open'],
  ['a body that is announced twice', put('announced', 'abc', expectField + expectField), [100, 201], 'open'],
  [
    'an announced body of HTTP/1.0',
    put('announced', 'abc', expectField).replace('HTTP/1.1', 'HTTP/1.0'),
    [201],
    'closed',
  ],
  [
    'a short body of a GET',
    request('GET /v0/entity?id=none', 'content-length: 3\r\n', 'abc') + live,
    [404, 200],
    'open',
  ],
  ['a short body of a HEAD', request('HEAD /v0/entity?id=none', 'content-length: 3\r\n', 'abc'), [404], 'open'],
  ['a chunked body that is taken', chunked('PUT /v0/entity?id=chunked'), [201], 'open'],
];

/** Pipelined requests are carried out as if each had waited for the one before it. */
const orders: readonly Case[] = [
  ['GET, PUT, DELETE, GET', get('o1') + put('o1', 'v') + del('o1') + get('o1'), [404, 201, 202, 404], 'open'],
  ['PUT, GET, DELETE, GET', put('o2', 'v') + get('o2') + del('o2') + get('o2'), [201, 200, 202, 404], 'open'],
  ['DELETE last, behind a GET', put('o3', 'v') + get('o3') + del('o3'), [201, 200, 202], 'open'],
  ['a GET, then an announced PUT', get('o4') + put('o4', 'v', expectField) + get('o4'), [404, 100, 201, 200], 'open'],
  ['a PUT, then a chunked one', put('o5', 'v') + chunked('PUT /v0/entity?id=o5') + get('o5'), [201, 201, 200], 'open'],
  [
    'a PUT that is the last one, behind a GET',
    get('o6') + put('o6', 'v', 'connection: close\r\n'),
    [404, 201],
    'closed',
  ],
  ['a PUT, then what is no request', `${put('o7', 'v')}what?\r\n\r\n`, [201, 400], 'closed'],
  ['a refused PUT between others', get('o8') + put('o8&x=y', 'v') + get('o8'), [404, 400, 404], 'open'],
  ['a PUT behind one whose connection ends', chunked('PUT /v0/entity') + put('o9', 'v'), [400], 'closed'],
];

const noBreak = '\u00a0';
const withHost = (host: string): string => `GET /livez HTTP/1.1\r\nhost: ${host}\r\n\r\n`;

/** What the bytes mean. */
const meanings: readonly Case[] = [
  [
    'a length behind a no-break space',
    request('PUT /v0/entity?id=a', `content-length:${noBreak}5\r\n`, 'hello'),
    [400],
    'closed',
  ],
  [
    'chunked before a no-break space',
    request('PUT /v0/entity?id=a', `transfer-encoding: chunked${noBreak}\r\n`, '0\r\n\r\n'),
    [400],
    'closed',
  ],
  [
    'tabs and spaces around a length',
    request('PUT /v0/entity?id=a', 'content-length:\t 5 \t\r\n', 'hello'),
    [201],
    'open',
  ],
  [
    'a NUL in the extension of a chunk',
    request('PUT /v0/entity?id=a', chunkedField, '1;\0\r\na\r\n0\r\n\r\n'),
    [400],
    'closed',
  ],
  [
    'an extension of a chunk without a name',
    request('PUT /v0/entity?id=a', chunkedField, '1;\r\na\r\n0\r\n\r\n'),
    [400],
    'closed',
  ],
  [
    'extensions of a chunk',
    request('PUT /v0/entity?id=a', chunkedField, '1 ; b = "c;\\"d" ;e\r\na\r\n0;f=g\r\n\r\n'),
    [201],
    'open',
  ],
  [
    'a length behind the body',
    request('PUT /v0/entity?id=a', chunkedField, '1\r\na\r\n0\r\nContent-Length: 9\r\n\r\n'),
    [400],
    'closed',
  ],
  ['the same length twice', put('e', 'v', 'content-length: 1\r\n'), [400], 'closed'],
  [
    'a coding that is not known',
    request('PUT /v0/entity?id=a', 'transfer-encoding: gzip, chunked\r\n', '0\r\n\r\n'),
    [501],
    'closed',
  ],
  [
    'a coding without an end',
    request('PUT /v0/entity?id=a', 'transfer-encoding: gzip\r\n', '0\r\n\r\n'),
    [400],
    'closed',
  ],
  ['a target that is too long', request(`GET /v0/entity?id=${'a'.repeat(16_384)}`) + live, [414], 'closed'],
  ['a target without end', `GET /${'a'.repeat(17_000)}`, [414], 'closed'],
  ['fields that are too many', request('GET /livez', 'a: b\r\n'.repeat(3000)) + live, [431], 'closed'],
  ['a TLS hello that is long', `\x16\x03\x01${'\0'.repeat(17_000)}`, [400], 'closed'],
  [
    'an upgrade, which is not done',
    request('GET /livez', 'connection: upgrade\r\nupgrade: h2c\r\n') + live,
    [200, 200],
    'open',
  ],
  ['a tunnel to a path', request('CONNECT /v0/entity?id=a') + live, [405, 200], 'open'],
  ['TRACE', request('TRACE /livez') + live, [405, 200], 'open'],
  ['a method in lower case', request('get /livez') + live, [405, 200], 'open'],
  [
    'a part of a value, which comes whole',
    put('part', 'value') + get('part', 'range: bytes=0-1\r\n'),
    [201, 200],
    'open',
  ],
  ['an inspection that would expire', request('GET /v0/inspect?id=a&ttl=5'), [400], 'open'],
  ['a repair with a parameter', request('POST /v0/repair?peer=a'), [400], 'open'],
  ['a digest with a parameter', request('POST /v0/digest?peer=a'), [400], 'open'],
  ['no target', request('GET '), [400], 'closed'],
  ['a target of another scheme', request('GET ftp://localhost/livez'), [400], 'closed'],
  ['a tunnel', request('CONNECT localhost:80'), [400], 'closed'],
  [
    'HTTP/1.0 that stays and does not',
    'GET /livez HTTP/1.0\r\nhost: localhost\r\nconnection: keep-alive\r\nconnection: close\r\n\r\n',
    [200],
    'closed',
  ],
  [
    'a trailer that is no field',
    request('PUT /v0/entity?id=a', chunkedField, '1\r\na\r\n0\r\nwhat\r\n\r\n'),
    [400],
    'closed',
  ],
  ['a fragment', request('GET /v0/entity?id=a#b'), [400], 'closed'],
  ['HEAD of a key that is missing', request('HEAD /v0/entity?id=none'), [404], 'open'],
  ['HEAD of a key, then GET', put('h', 'value') + request('HEAD /v0/entity?id=h') + get('h'), [201, 200, 200], 'open'],
  ['HEAD without a key', request('HEAD /v0/entity'), [400], 'open'],
  ['OPTIONS of the server', request('OPTIONS *') + live, [204, 200], 'open'],
  ['OPTIONS of an absolute target', request('OPTIONS http://localhost') + live, [204, 200], 'open'],
  ['a GET of the server', request('GET *'), [400], 'open'],
  ['HTTP/1.2', live.replace('HTTP/1.1', 'HTTP/1.2'), [505], 'closed'],
  ['HTTP/2.0', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [505], 'closed'],
  ['an expectation that is not known', put('e', 'v', 'expect: tea\r\n'), [417], 'closed'],
  ['PUT if nothing is there', put('c', 'v', 'if-none-match: *\r\n') + get('c'), [501, 404], 'open'],
  ['PUT if something is there', put('c', 'v', 'if-match: *\r\n') + get('c'), [501, 404], 'open'],
  ['DELETE of one version', put('d', 'v') + del('d', 'if-match: "1"\r\n') + get('d'), [201, 501, 200], 'open'],
  ['PUT of a part', put('c', 'v', 'content-range: bytes 0-0/2\r\n') + get('c'), [400, 404], 'open'],
  ['GET unless there is one', put('n', 'v') + get('n', 'if-none-match: *\r\n') + get('n'), [201, 304, 200], 'open'],
  ['GET unless one is there, of none', get('none', 'if-none-match: *\r\n'), [404], 'open'],
  ['GET of another version', put('n', 'v') + get('n', 'if-match: "1"\r\n') + get('n'), [201, 412, 200], 'open'],
  ['GET of one that is missing, on a condition', get('none', 'if-match: *\r\n'), [404], 'open'],
  ['GET unless it is known', put('n', 'v') + get('n', 'if-none-match: "1"\r\n'), [201, 200], 'open'],
  ['a path in the query of an absolute target', request('PUT http://localhost?x=/v0/entity?id=v'), [405], 'open'],
  ['the same of the page', request('GET http://localhost?x=/v0/entity?id=v'), [400], 'open'],
  ['an absolute target', request('GET http://localhost:80/livez'), [200], 'open'],
  ['an absolute target with a user', request('GET http://me@localhost/livez'), [400], 'closed'],
  ['a host with a path', withHost('a/b?c@d'), [400], 'closed'],
  ['two hosts in one field', withHost('a, b'), [400], 'closed'],
];

const from = (origin: string): string => `origin: ${origin}\r\n`;

/** What is no HTTP is refused at once, though its head has no end. */
const strangers: readonly Case[] = [
  ['a TLS hello', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', [400], 'closed'],
  ['a banner of SSH', 'SSH-2.0-OpenSSH_9.2p1\r\n', [400], 'closed'],
  ['HTTP/0.9', 'GET /livez\r\n', [400], 'closed'],
  ['bare line feeds', 'GET /livez HTTP/1.1\nhost: localhost\n\n', [400], 'closed'],
  ['a request, then a bare line feed', `${live}GET /livez HTTP/1.1\n`, [200, 400], 'closed'],
  ['empty lines before a request', `\r\n\r\n${live}\r\n${live}`, [200, 200], 'open'],
];

/** Which names the node answers to, and whose pages may write. */
const names: readonly Case[] = [
  ['a name that leads to loopback', withHost('attacker.example') + live, [421, 200], 'open'],
  ['an absolute target of such a name', request('GET http://attacker.example/livez'), [421], 'open'],
  ['a write by such a name', chunked('PUT http://attacker.example/v0/entity?id=a'), [421], 'closed'],
  ['a name that begins like loopback', withHost('127.0.0.1.attacker.example'), [421], 'open'],
  [
    'loopback in other spellings',
    ['LOCALHOST:0', '127.0.0.1', '[::1]:80', 'x.localhost', '127.9.9.9', 'localhost.', '[::ffff:127.0.0.1]', '']
      .map(withHost)
      .join(''),
    [200, 200, 200, 200, 200, 200, 200, 200],
    'open',
  ],
  ['no name', 'GET /livez HTTP/1.0\r\nconnection: keep-alive\r\n\r\n', [200], 'keep-alive'],
  ['a name that is allowed', withHost('kv.example:8080'), [200], 'open'],
  ['a write by a foreign page', put('f', 'v', from('http://attacker.example')) + get('f'), [403, 404], 'open'],
  ['a delete by a page of no origin', del('f', from('null')), [403], 'open'],
  ['a write by a page of another port', put('f', 'v', from('http://localhost:3000')), [403], 'open'],
  ['a write by two origins', put('f', 'v', from('http://localhost') + from('http://localhost')), [403], 'open'],
  ['a read by a foreign page', get('f', from('http://attacker.example')), [404], 'open'],
  ['a write by a page of its own', put('g', 'v', from('http://localhost')), [201], 'open'],
  ['a write by an allowed page', put('g', 'v', from('https://KV.example')), [201], 'open'],
];

for (const one of [...names, ...strangers, ...refusals, ...orders, ...meanings]) check(one);

test('64 PUTs at once without a length are served, and so is a PUT beside 16 that announce more than there is room', async (t) => {
  const { url } = cluster.node(0);
  const announced = request('PUT /v0/entity?id=slow', 'content-length: 1000000\r\n', 'x');
  for (let index = 0; index < 16; index++) (await RawConnection.open(t, url)).send(announced);
  await eventually(async () => assert.equal(await metricTotal(url, 'kvorum_body_bytes_in_flight'), 16));
  const clients = await Promise.all(Array.from({ length: 64 }, () => RawConnection.open(t, url)));
  for (const [index, client] of clients.entries()) {
    client.send(request(`PUT /v0/entity?id=at-once-${index}`, chunkedField, '5\r\nhello\r\n'));
  }
  await eventually(async () => assert.equal(await metricTotal(url, 'kvorum_bodies_in_flight'), 80));
  for (const client of clients) client.send('0\r\n\r\n');
  for (const client of clients) assert.equal((await client.answer()).status, 201);
  assert.equal((await cluster.put(0, 'beside', Buffer.alloc(1_000_000))).status, 201);
});

/** Reads that are answered with a problem. */
const refusedReads: readonly (readonly [what: string, bytes: (method: string) => string, status: number])[] = [
  ['a path that is not known', (method) => request(`${method} /v0`), 400],
  ['no key', (method) => request(`${method} /v0/entity`), 400],
  ['a ttl', (method) => request(`${method} /v0/entity?id=a&ttl=1`), 400],
  ['a key that is missing', (method) => request(`${method} /v0/entity?id=none`), 404],
  ['another version', (method) => request(`${method} /v0/entity?id=head-of`, 'if-match: "1"\r\n'), 412],
  ['a range of a bad limit', (method) => request(`${method} /v0/entities?limit=0`), 400],
  ['a last line of another format', (method) => request(`${method} /v0/entities?tail=1`), 400],
  ['an inspection without a key', (method) => request(`${method} /v0/inspect`), 400],
  ['what nobody can prove', (method) => request(`${method} /v0/backup`), 403],
  ['another host', (method) => request(`${method} http://attacker.example/livez`), 421],
  ['no host', (method) => `${method} /livez HTTP/1.1\r\n\r\n`, 400],
  ['a space in a target', (method) => request(`${method} /a b`), 400],
  ['another version of HTTP', (method) => live.replace('GET', method).replace('1.1', '1.2'), 505],
  ['an expectation that is not known', (method) => request(`${method} /livez`, 'expect: tea\r\n'), 417],
  ['a coding that is not known', (method) => request(`${method} /livez`, 'transfer-encoding: gzip, chunked\r\n'), 501],
  ['a target that is too long', (method) => request(`${method} /${'a'.repeat(17_000)}`), 414],
  ['fields that are too long', (method) => request(`${method} /livez`, `a: ${'b'.repeat(17_000)}\r\n`), 431],
];

for (const [what, bytes, status] of refusedReads) {
  test(`HEAD is told of ${what} as GET is, without a body: ${status}`, async (t) => {
    assert.equal((await cluster.put(0, 'head-of', 'v')).status, 201);
    const ask = async (method: 'GET' | 'HEAD') => {
      const connection = await RawConnection.open(t, cluster.node(0).url);
      connection.send(bytes(method));
      return { connection, answer: await connection.answer(method === 'GET') };
    };
    const [{ answer }, head] = [await ask('GET'), await ask('HEAD')];
    assert.equal(answer.status, status);
    assert.equal((JSON.parse(answer.body.toString()) as { status: number }).status, status);
    assert.deepEqual([head.answer.status, ...head.answer.headers], [status, ...answer.headers]);
    await (answer.headers.get('connection') === 'close' ? ends(head.connection) : servesOn(head.connection));
  });
}

test('HEAD says of a value what GET says, without the value', async (t) => {
  const connection = await RawConnection.open(t, cluster.node(0).url);
  for (const [key, bytes] of [
    ['head', 5],
    ['head-large', 200_000],
  ] as const) {
    connection.send(put(key, 'x'.repeat(bytes)) + get(key) + request(`HEAD /v0/entity?id=${key}`) + live);
    assert.equal((await connection.answer()).status, 201);
    const { headers } = await connection.answer();
    assert.deepEqual((await connection.answer(false)).headers, headers);
    assert.equal((await connection.answer()).body.toString(), 'live\n');
  }
  assert.equal(await metricTotal(cluster.node(0).url, 'kvorum_answer_bytes_in_flight'), 0);
});

const reads = 'GET, HEAD, OPTIONS';

/** Every path, a query with which a read of it is answered, what it allows, and the status of such a read. */
const paths: readonly (readonly [path: string, query: string, allow: string, read: number])[] = [
  ['/v0/entity', '?id=none', 'GET, HEAD, PUT, DELETE, OPTIONS', 404],
  ['/v0/entities', '?start=zzz', reads, 200],
  ['/v0/entities', '?start=zzz&end=a', reads, 200],
  ['/livez', '', reads, 200],
  ['/readyz', '', reads, 200],
  ['/v0/status', '', reads, 200],
  ['/v0/node', '', reads, 200],
  ['/metrics', '', reads, 200],
  ['/', '', reads, 200],
  ['/v0/openapi.json', '', reads, 200],
  ['/v0/console', '', reads, 200],
  ['/v0/inspect', '?id=none', 'GET, HEAD, POST, OPTIONS', 200],
  ['/v0/backup', '', reads, 403],
  ['/v0/restore', '', 'POST, OPTIONS', 405],
  ['/v0/repair', '', 'POST, OPTIONS', 405],
  ['/v0/digest', '', 'POST, OPTIONS', 405],
  ['/v0/profile', '', reads, 403],
  ['/v0/profile/start', '', 'POST, OPTIONS', 405],
  ['/v0/profile/stop', '', 'POST, OPTIONS', 405],
  ['/v0', '', '', 400],
];

test('every path that is documented stands in the table, with the methods that it is documented with', () => {
  const documented = openApiDocument()['paths'] as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  const allowed = Object.entries(documented).map(([path, item]) => {
    const known = ['get', 'head', 'put', 'delete', 'post'].filter((method) => item[method] !== undefined);
    return [path, [...known, 'options'].join(', ').toUpperCase()];
  });
  const tested = new Map(paths.map(([path, , allow]) => [path, allow]));
  assert.deepEqual(Object.fromEntries(allowed), Object.fromEntries([...tested].filter(([path]) => path !== '/v0')));
});

for (const [path, query, allow, read] of paths) {
  test(`${path}${query} knows HEAD if it knows GET, OPTIONS, and says what it allows`, async (t) => {
    const connection = await RawConnection.open(t, cluster.node(0).url);
    const ask = async (method: string): Promise<RawAnswer> => {
      connection.send(request(`${method} ${path}${query}`) + live);
      const answer = await connection.answer(method !== 'HEAD');
      assert.equal((await connection.answer()).body.toString(), 'live\n', method);
      return answer;
    };
    const refused = allow === '' ? 400 : 405;
    const allowed = allow === '' ? undefined : allow;
    for (const [method, status] of [
      ['GET', read],
      ['HEAD', read],
      ['PATCH', refused],
      ['OPTIONS', allow === '' ? 400 : 204],
    ] as const) {
      const { status: given, headers } = await ask(method);
      assert.equal(given, status, method);
      assert.equal(headers.get('allow'), status === 204 || status === 405 ? allowed : undefined, method);
    }
  });
}

test('HEAD of a range says of what type it is, begins none, and has no body', async (t) => {
  const connection = await RawConnection.open(t, cluster.node(0).url);
  assert.equal((await cluster.put(0, 'range-head', 'v')).status, 201);
  const json = 'accept: application/x-ndjson\r\n';
  connection.send(request('HEAD /v0/entities?start=range-head', json) + live);
  const { headers } = await connection.answer(false);
  assert.deepEqual(
    [...headers],
    [
      ['content-type', 'application/x-ndjson'],
      ['transfer-encoding', 'chunked'],
    ],
  );
  assert.equal((await connection.answer()).body.toString(), 'live\n');
  connection.send(
    'HEAD /v0/entities?start=range-head HTTP/1.0\r\nhost: localhost\r\nconnection: keep-alive\r\n\r\n' + live,
  );
  assert.equal((await connection.answer(false)).headers.get('connection'), 'keep-alive');
  assert.equal((await connection.answer()).body.toString(), 'live\n');
  assert.equal(await metricTotal(cluster.node(0).url, 'kvorum_ranges_in_flight'), 0);
});

test('a client that tells what it knows is sent a value only if that has changed, however large it is', async (t) => {
  const connection = await RawConnection.open(t, cluster.node(0).url);
  const ask = async (bytes: string, hasBody = true): Promise<RawAnswer> => {
    connection.send(bytes);
    return connection.answer(hasBody);
  };
  for (const bytes of [0, 5, 200_000]) {
    const key = `known-${bytes}`;
    assert.equal((await ask(put(key, 'x'.repeat(bytes)))).status, 201);
    const { status, headers } = await ask(get(key));
    const tag = headers.get('etag') ?? '';
    assert.match(tag, /^"\d{16}"$/);
    assert.equal(status, 200);
    assert.equal(new Date(Number(tag.slice(1, -4))).toUTCString(), headers.get('last-modified'));
    for (const known of [
      `if-none-match: "1", W/${tag}\r\n`,
      `if-modified-since: ${headers.get('last-modified')}\r\n`,
    ]) {
      for (const line of [`GET /v0/entity?id=${key}`, `HEAD /v0/entity?id=${key}`]) {
        const answer = await ask(request(line, known), false);
        assert.deepEqual([answer.status, answer.headers.get('etag')], [304, tag]);
        assert.equal(answer.headers.get('content-length'), undefined);
      }
    }
    assert.equal((await ask(put(key, 'y'))).status, 201);
    const changed = await ask(get(key, `if-none-match: ${tag}\r\n`));
    assert.deepEqual([changed.status, changed.body.toString()], [200, 'y']);
    assert.notEqual(changed.headers.get('etag'), tag);
  }
  assert.equal(await metricTotal(cluster.node(0).url, 'kvorum_answer_bytes_in_flight'), 0);
});

test('100 PUTs and GETs of one key in one segment each read what was written before them', async (t) => {
  const connection = await RawConnection.open(t, cluster.node(0).url);
  const values = Array.from({ length: 100 }, (_, index) => `value ${index}`);
  connection.send(values.map((value) => put('sequence', value) + get('sequence')).join(''));
  for (const value of values) {
    assert.equal((await connection.answer()).status, 201);
    assert.equal((await connection.answer()).body.toString(), value);
  }
});
