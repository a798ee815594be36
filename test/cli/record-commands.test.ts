import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { kvorumInProcess } from './in-process.ts';
import { fakeNode, kvorum, refusedUrl } from './kvorum.ts';

/** Every byte, and sequences that are no UTF-8. */
const binary = Buffer.from([...Array.from({ length: 256 }, (_, byte) => byte), 0xff, 0xfe, 0x0d, 0x0a, 0x1b, 0x5b]);

/** What a node says of a value. */
const found = { etag: '"1764352800000001"', 'last-modified': 'Fri, 28 Nov 2025 18:00:00 GMT' };

function problem(status: number, detail: string) {
  return (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ title: 'A title', status, detail }));
  };
}

const exits: readonly [args: string[], status: number, code: number, stderr: RegExp][] = [
  [['get', 'k'], 404, 3, /^kvorum: No such key "k"\n$/],
  [['get', 'k'], 504, 4, /^kvorum: http:.* answered 504: some detail\n$/],
  [['get', 'k'], 400, 1, /^kvorum: http:.* answered 400: some detail\n$/],
  [['get', 'k'], 503, 1, /some detail/],
  [['get', 'k'], 500, 1, /some detail/],
  [['put', 'k', 'v'], 201, 0, /^$/],
  [['put', 'k', 'v'], 504, 4, /some detail/],
  [['put', 'k', 'v'], 413, 1, /some detail/],
  [['put', 'k', 'v'], 404, 1, /some detail/],
  [['del', 'k'], 202, 0, /^$/],
  [['del', 'k'], 504, 4, /some detail/],
  [['del', 'k'], 503, 1, /some detail/],
];

for (const [args, status, code, stderr] of exits) {
  test(`kvorum ${args.join(' ')} exits ${code} on ${status}`, async (t) => {
    const url = await fakeNode(t, problem(status, 'some detail'));
    const ended = await kvorumInProcess([...args, '--url', url]);
    assert.equal(ended.code, code);
    assert.match(ended.stderr, stderr);
    assert.equal(ended.stdout.length, 0);
  });
}

for (const args of [
  ['get', 'k'],
  ['put', 'k', 'v'],
  ['del', 'k'],
]) {
  test(`kvorum ${args.join(' ')} exits 5 where nothing listens`, async () => {
    const url = await refusedUrl();
    const { code, stderr } = await kvorumInProcess([...args, '--url', url]);
    assert.equal(code, 5);
    assert.equal(stderr, `kvorum: Cannot reach ${url}: connection refused; is a node running there?\n`);
  });
}

test('kvorum get exits 5 where both addresses of localhost refuse', async () => {
  const url = (await refusedUrl()).replace('127.0.0.1', 'localhost');
  const { code, stderr } = await kvorum(['get', 'k', '--url', url]);
  assert.deepEqual(
    { code, stderr },
    { code: 5, stderr: `kvorum: Cannot reach ${url}: connection refused; is a node running there?\n` },
  );
});

test('kvorum get exits 5 where the node accepts and never answers', async (t) => {
  const url = await fakeNode(t, () => {});
  const { code, stderr } = await kvorumInProcess(['get', 'k', '--url', url, '--timeout-ms', '50']);
  assert.deepEqual({ code, stderr }, { code: 5, stderr: `kvorum: Cannot reach ${url}: no answer in time\n` });
});

test('kvorum get exits 5 where the value breaks off', async (t) => {
  const url = await fakeNode(t, (_, response) => {
    response.writeHead(200, { ...found, 'content-length': '100' });
    response.write('half', () => response.destroy());
  });
  const { code, stderr } = await kvorumInProcess(['get', 'k', '--url', url]);
  assert.equal(code, 5);
  assert.match(stderr, /^kvorum: Cannot reach .*\n$/);
});

test('kvorum get writes the value byte for byte', async (t) => {
  const url = await fakeNode(t, (_, response) => response.writeHead(200, found).end(binary));
  const { code, stdout } = await kvorum(['get', 'k', '--url', url]);
  assert.equal(code, 0);
  assert.deepEqual(stdout, binary);
});

test('kvorum get writes a value longer than a pipe holds', async (t) => {
  const value = Buffer.alloc(4 * 1024 * 1024, 'kvorum');
  const url = await fakeNode(t, (_, response) => response.writeHead(200, found).end(value));
  const { stdout } = await kvorum(['get', 'k', '--url', url]);
  assert.ok(stdout.equals(value));
});

test('kvorum asks the node of KVORUM_URL, with the key encoded and the quorum given', async (t) => {
  const paths: (string | undefined)[] = [];
  const url = await fakeNode(t, ({ method, url: path }, response) => {
    paths.push(`${method} ${path}`);
    response.end();
  });
  const environment = { KVORUM_URL: `${url}/` };
  await kvorum(['get', 'a b&+/é', '--ack', '2', '--from', '3'], { environment });
  await kvorum(['del', 'k', '--from', '3'], { environment });
  assert.deepEqual(paths, ['GET /v0/entity?id=a%20b%26%2B%2F%C3%A9&ack=2&from=3', 'DELETE /v0/entity?id=k&from=3']);
});

test('kvorum put takes the value from the argument, from stdin and from a file', async (t) => {
  const received: Buffer[] = [];
  const url = await fakeNode(t, (request, response) => {
    void buffer(request).then((body) => {
      received.push(body);
      response.writeHead(201).end();
    });
  });
  const file = join(temporaryDirectory(t), 'value');
  writeFileSync(file, binary);
  for (const [args, stdin] of [
    [['héllo'], ''],
    [[''], ''],
    [['-'], binary],
    [['--file', file], ''],
  ] as const) {
    const line = ['put', 'k', ...args, '--url', url];
    const { code, stderr } = await (stdin === '' ? kvorumInProcess(line) : kvorum(line, { stdin }));
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  }
  assert.deepEqual(received, [Buffer.from('héllo'), Buffer.alloc(0), binary, binary]);
});

test('kvorum put --ttl asks for a time to live, and refuses what is none', async (t) => {
  const targets: unknown[] = [];
  const url = await fakeNode(t, (request, response) => {
    targets.push(request.url);
    request.resume().once('end', () => response.writeHead(201).end());
  });
  for (const ttl of ['10s', '1500']) await kvorumInProcess(['put', 'k', 'v', '--ttl', ttl, '--url', url]);
  assert.deepEqual(targets, ['/v0/entity?id=k&ttl=10000', '/v0/entity?id=k&ttl=1500']);
  const { code, stderr } = await kvorumInProcess(['put', 'k', 'v', '--ttl', 'soon', '--url', url]);
  assert.deepEqual([code, /Bad --ttl "soon"/.test(stderr)], [2, true]);
});

test('kvorum put says which file it cannot read', async () => {
  const { code, stderr } = await kvorumInProcess(['put', 'k', '--file', '/nowhere/value']);
  assert.equal(code, 1);
  assert.match(stderr, /^kvorum: Cannot read "\/nowhere\/value": ENOENT/);
});

test("kvorum shows a node's text without its control characters", async (t) => {
  const url = await fakeNode(t, problem(500, 'red \u001b[31m text'));
  const { stderr } = await kvorumInProcess(['get', 'k', '--url', url]);
  assert.match(stderr, /red \\x1b\[31m text/);
});

test('kvorum get, put and del say as JSON what came of them, failures too', async (t) => {
  const of = async (args: readonly string[], listener: RequestListener) => {
    const { code, stdout } = await kvorumInProcess([...args, '--output', 'json', '--url', await fakeNode(t, listener)]);
    return [code, JSON.parse(stdout.toString()) as unknown];
  };
  const head = { version: 1764352800000001, lastModified: '2025-11-28T18:00:00.000Z' };
  const answering = (value: string | Buffer) => (_: IncomingMessage, response: ServerResponse) =>
    response.writeHead(200, found).end(value);
  assert.deepEqual(await of(['get', 'k'], answering('é\n')), [0, { key: 'k', found: true, ...head, value: 'é\n' }]);
  const value64 = binary.toString('base64');
  assert.deepEqual(await of(['get', 'k'], answering(binary)), [0, { key: 'k', found: true, ...head, value64 }]);
  assert.deepEqual(await of(['get', 'k'], problem(404, '')), [3, { key: 'k', found: false }]);
  assert.deepEqual(await of(['put', 'k', 'é'], problem(201, '')), [0, { key: 'k', stored: true, bytes: 2 }]);
  assert.deepEqual(await of(['del', 'k'], problem(202, '')), [0, { key: 'k', deleted: true }]);
  const [code, failure] = await of(['put', 'k', 'v'], problem(504, 'some detail'));
  assert.equal(code, 4);
  const { error } = failure as { readonly error: Record<string, unknown> };
  assert.deepEqual([error['code'], error['status'], error['reason']], ['outcome-unknown', 504, 'some detail']);
  assert.equal((await kvorumInProcess(['get', 'k', '--output', 'table'])).code, 2);
});

test('kvorum get, put, del and scan tell another server from a node', async (t) => {
  const html: RequestListener = (_, response) =>
    response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not Found</h1>');
  const page: RequestListener = (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
  for (const [listener, status] of [
    [html, 404],
    [page, 200],
  ] as const) {
    const url = await fakeNode(t, listener);
    for (const args of [['get', 'k'], ['put', 'k', 'v'], ['del', 'k'], ['scan']]) {
      const { code, stdout, stderr } = await kvorumInProcess([...args, '--target', url]);
      assert.equal(stderr, `kvorum: ${url} is no Kvorum node (it answered ${status})\n`, args.join(' '));
      assert.deepEqual([code, stdout.length], [5, 0]);
    }
  }
});

test('kvorum get says what a server speaks that was asked by the wrong scheme', async (t) => {
  const url = (await fakeNode(t, () => {})).replace('http:', 'https:');
  const { code, stderr } = await kvorumInProcess(['get', 'k', '--url', url]);
  assert.equal(code, 5);
  assert.equal(
    stderr,
    `kvorum: Cannot reach ${url}: it speaks plain HTTP, without TLS; give http:// instead of https://\n`,
  );
});

test('kvorum get asks the next node that is named where the first does not answer', async (t) => {
  const url = await fakeNode(t, (_, response) => response.writeHead(200, found).end('value'));
  const { code, stdout } = await kvorumInProcess(['get', 'k', '--url', `${await refusedUrl()},${url}`]);
  assert.deepEqual([code, stdout.toString()], [0, 'value']);
});
