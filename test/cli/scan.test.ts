import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
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

const complete = { end: 'complete' };
const ndjson = { 'content-type': 'application/x-ndjson' };

/** Answers as a node does: a line at a time, and last how the range ended. */
function answering(
  tail: Readonly<Record<string, string>> = complete,
  rows: readonly object[] = lines,
): RequestListener {
  return (_, response: ServerResponse) => {
    response.writeHead(200, ndjson);
    for (const line of [...rows, tail]) response.write(`${JSON.stringify(line)}\n`);
    response.end();
  };
}

test('kvorum scan shows a table in which no control character is left', async (t) => {
  const url = await fakeNode(t, answering());
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
  await kvorumInProcess(['scan', '--url', url]);
  await kvorumInProcess(['scan', '', 'b', '--url', url]);
  await kvorumInProcess(['scan', 'a b', '--url', url]);
  await kvorumInProcess(['scan', 'é', 'z&', '--cluster', '--limit', '5', '--keys', '--output', 'ndjson', '--url', url]);
  await kvorumInProcess(['scan', 'a', '--output', 'raw', '--url', url]);
  assert.deepEqual(asked, [
    '/v0/entities?tail=1 application/x-ndjson',
    '/v0/entities?end=b&tail=1 application/x-ndjson',
    '/v0/entities?start=a%20b&tail=1 application/x-ndjson',
    '/v0/entities?start=%C3%A9&end=z%26&limit=5&keys=1&cluster=1&tail=1 application/x-ndjson',
    '/v0/entities?start=a&tail=1 application/x-ndjson',
  ]);
});

test('kvorum scan passes on NDJSON as it is, and writes keys and values raw', async (t) => {
  const url = await fakeNode(t, answering());
  const expected = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const asLines = await kvorum(['scan', 'a', '--output', 'ndjson', '--url', url]);
  assert.deepEqual([asLines.code, asLines.stdout.toString()], [0, expected]);
  const asBytes = await kvorum(['scan', 'a', '--output', 'raw', '--url', url]);
  const parts = lines.flatMap(({ key, value, value64 }) => [
    Buffer.from(`${key}\n`),
    value64 === undefined ? Buffer.from(value) : Buffer.from(value64, 'base64'),
  ]);
  assert.deepEqual([asBytes.code, asBytes.stdout], [0, Buffer.concat(parts)]);
});

test('kvorum scan --keys shows one column, and raw one key a line', async (t) => {
  const url = await fakeNode(
    t,
    answering(complete, [
      { key: 'b', version: 1 },
      { key: 'cd', version: 2 },
    ]),
  );
  const table = await kvorumInProcess(['scan', '--keys', '--url', url]);
  assert.deepEqual([table.code, table.stdout.toString()], [0, 'KEY\nb\ncd\n']);
  const raw = await kvorumInProcess(['scan', '--keys', '--output', 'raw', '--url', url]);
  assert.deepEqual([raw.code, raw.stdout.toString()], [0, 'b\ncd\n']);
});

test('kvorum scan refuses to write a key raw that would read as two', async (t) => {
  const url = await fakeNode(t, answering(complete, [{ key: 'a\nb', version: 1, value: 'v' }]));
  const { code, stderr } = await kvorumInProcess(['scan', '--output', 'raw', '--url', url]);
  assert.deepEqual(
    [code, stderr],
    [1, 'kvorum: Key "a\\nb" has a line feed, which ends a key here; use --output ndjson\n'],
  );
});

test('kvorum scan shows a record whose line comes in many pieces', async (t) => {
  const line = Buffer.from(
    `${JSON.stringify({ key: 'ключ', version: 1, value: 'значение'.repeat(9) })}\n{"end":"complete"}\n`,
  );
  const url = await fakeNode(t, (_, response) => {
    response.writeHead(200, ndjson);
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
  const url = await fakeNode(t, answering({ end: 'complete', next: 'next key\n' }));
  const { code, stderr } = await kvorumInProcess(['scan', 'a', '--limit', '4', '--url', url]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: 'kvorum: More follow from "next key\\n"\n' });
});

test('kvorum scan fails where the node broke off, whatever came before', async (t) => {
  for (const [tail, expected, message] of [
    [
      { end: 'not-enough-replicas', detail: '2 of 3' },
      4,
      /^kvorum: http:\S+ broke off, records are missing: 2 of 3\n$/,
    ],
    [{ end: 'range-timeout', detail: 'not within 5 ms' }, 1, /broke off, records are missing: not within 5 ms\n$/],
    [{ end: 'failed' }, 1, /broke off, records are missing: failed\n$/],
  ] as const) {
    const url = await fakeNode(t, answering(tail));
    const { code, stdout, stderr } = await kvorumInProcess(['scan', 'a', '--output', 'ndjson', '--url', url]);
    assert.equal(code, expected);
    assert.match(stderr, message);
    assert.equal(stdout.toString().split('\n').length, lines.length + 1);
  }
});

test('kvorum scan fails where the connection breaks, within a record or without a last line', async (t) => {
  const broken: readonly RequestListener[] = [
    (_, response) => {
      response.writeHead(200, ndjson);
      response.write('{"key":"a"', () => response.destroy());
    },
    (_, response) => response.writeHead(200, ndjson).end('{"key":"a","version":1,"value":"v"}\n'),
  ];
  for (const listener of broken) {
    const { code, stderr } = await kvorumInProcess(['scan', 'a', '--url', await fakeNode(t, listener)]);
    assert.equal(code, 5);
    assert.match(stderr, /^kvorum: Cannot reach .*\n$/);
  }
});

test('kvorum scan tells refusals by their exit codes', async (t) => {
  const refusing = (status: number): RequestListener => {
    return (_, response) =>
      response
        .writeHead(status, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify({ detail: 'the detail' }));
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
  for (const args of [
    ['a', 'b', 'c'],
    ['a', '--limit', '0'],
    ['a', '--output', 'json'],
    ['a', '--keys=1'],
  ]) {
    const { code, stderr } = await kvorumInProcess(['scan', ...args]);
    assert.equal(code, 2, stderr);
  }
});
