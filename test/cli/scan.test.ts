import assert from 'node:assert/strict';
import type { RequestListener, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { kvorumInProcess } from './in-process.ts';
import { fakeNode, kvorum, refusedUrl } from './kvorum.ts';

const lines = [
  { key: 'a', version: 1, value: 'one' },
  { key: 'longer key', version: 2, value: 'two\nlines\ttab \u001b[31m\u009b31m\u007f' },
  { key: 'b\u001b]0;x\u0007', version: 3, value64: Buffer.from([0xff, 0x1b, 0x41]).toString('base64') },
  { key: 'empty', version: 4, value: '' },
];

/** Answers as a node does: a line at a time, and trailers. */
function answering(fields: Record<string, string>, trailers: Record<string, string> = {}): RequestListener {
  return (_, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson', trailer: 'kvorum-error, link', ...fields });
    for (const line of lines) response.write(`${JSON.stringify(line)}\n`);
    response.addTrailers(trailers);
    response.end();
  };
}

test('kvorum scan shows a table in which no control character is left', async (t) => {
  const url = await fakeNode(t, answering({}));
  const { code, stdout, stderr } = await kvorumInProcess(['scan', 'a', '--url', url]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const text = stdout.toString();
  assert.doesNotMatch(text, /[\0-\x09\x0b-\x1f\x7f-\x9f]/);
  const rows = text.trimEnd().split('\n');
  assert.equal(rows.length, 5);
  assert.match(rows[0] ?? '', /^KEY +VALUE$/);
  assert.match(rows[1] ?? '', /^a +one$/);
  assert.match(rows[2] ?? '', /^longer key +two\\nlines\\ttab \\x1b\[31m\\x9b31m\\x7f$/);
  assert.match(rows[3] ?? '', /^b\\x1b\]0;x\\x07 +ÿ\\x1bA$/);
  assert.match(rows[4] ?? '', /^empty$/);
});

test('kvorum scan asks for what its options say', async (t) => {
  const asked: string[] = [];
  const url = await fakeNode(t, (request, response) => {
    asked.push(`${request.url} ${request.headers.accept}`);
    response.end();
  });
  await kvorumInProcess(['scan', 'a b', '--url', url]);
  await kvorumInProcess(['scan', 'é', 'z&', '--cluster', '--limit', '5', '--keys', '--output', 'ndjson', '--url', url]);
  await kvorumInProcess(['scan', 'a', '--output', 'raw', '--url', url]);
  assert.deepEqual(asked, [
    '/v0/entities?start=a%20b application/x-ndjson',
    '/v0/entities?start=%C3%A9&end=z%26&limit=5&keys=1&cluster=1 application/x-ndjson',
    '/v0/entities?start=a */*',
  ]);
});

test('kvorum scan passes on NDJSON and raw bytes as they are', async (t) => {
  const url = await fakeNode(t, answering({}));
  const expected = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  for (const output of ['ndjson', 'raw']) {
    const { code, stdout } = await kvorum(['scan', 'a', '--output', output, '--url', url]);
    assert.deepEqual([code, stdout.toString()], [0, expected]);
  }
});

test('kvorum scan shows a record whose line comes in many pieces', async (t) => {
  const line = Buffer.from(`${JSON.stringify({ key: 'ключ', version: 1, value: 'значение'.repeat(9) })}\n`);
  const url = await fakeNode(t, (_, response) => {
    const send = (at: number): void => {
      if (at === line.length) response.end();
      else response.write(line.subarray(at, at + 1), () => send(at + 1));
    };
    send(0);
  });
  const { stdout } = await kvorumInProcess(['scan', 'a', '--url', url]);
  assert.match(stdout.toString(), /^KEY +VALUE\nключ +(?:значение){9}\n$/);
});

test('kvorum scan says where to go on when the limit cut the range', async (t) => {
  const link = '</v0/entities?start=next%20key%0A&limit=4>; rel="next"';
  for (const url of [await fakeNode(t, answering({ link })), await fakeNode(t, answering({}, { link }))]) {
    const { code, stderr } = await kvorumInProcess(['scan', 'a', '--limit', '4', '--url', url]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: 'kvorum: More follow from "next key\\n"\n' });
  }
});

test('kvorum scan fails where the node broke off, whatever came before', async (t) => {
  for (const [trailer, expected, message] of [
    ['not-enough-replicas; 2 of 3 nodes', 4, /broke off, records are missing: 2 of 3 nodes\n$/],
    ['range-timeout; not read within 5 ms', 1, /broke off, records are missing: not read within 5 ms\n$/],
    ['failed', 1, /broke off, records are missing: failed\n$/],
  ] as const) {
    const url = await fakeNode(t, answering({}, { 'kvorum-error': trailer }));
    const { code, stdout, stderr } = await kvorumInProcess(['scan', 'a', '--output', 'ndjson', '--url', url]);
    assert.equal(code, expected);
    assert.match(stderr, message);
    assert.equal(stdout.toString().split('\n').length, lines.length + 1);
  }
});

test('kvorum scan fails where the connection breaks within a record', async (t) => {
  const url = await fakeNode(t, (_, response) => {
    response.writeHead(200);
    response.write('{"key":"a"', () => response.destroy());
  });
  const { code, stderr } = await kvorum(['scan', 'a', '--url', url]);
  assert.equal(code, 5);
  assert.match(stderr, /^kvorum: Cannot reach .*\n$/);
});

test('kvorum scan tells refusals by their exit codes', async (t) => {
  const refusing = (status: number): RequestListener => {
    return (_, response) => response.writeHead(status).end(JSON.stringify({ detail: 'the detail' }));
  };
  for (const [status, expected] of [
    [504, 4],
    [503, 1],
    [400, 1],
  ] as const) {
    const url = await fakeNode(t, refusing(status));
    const { code, stderr } = await kvorumInProcess(['scan', 'a', '--url', url]);
    assert.equal(code, expected);
    assert.match(stderr, /the detail/);
  }
  assert.equal((await kvorumInProcess(['scan', 'a', '--url', await refusedUrl()])).code, 5);
});

test('kvorum scan refuses a wrong command line', async () => {
  for (const args of [[], ['a', 'b', 'c'], ['a', '--limit', '0'], ['a', '--output', 'json'], ['a', '--keys=1']]) {
    const { code, stderr } = await kvorumInProcess(['scan', ...args]);
    assert.equal(code, 2, stderr);
  }
});
