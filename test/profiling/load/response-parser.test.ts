/** Answers of HTTP/1.1 are told apart wherever the network cuts them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import { ResponseParser, type AnswerEnd } from '../../../profiling/load/response-parser.ts';

const bodyless = 'HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n';

const answers: readonly (readonly [what: string, bytes: string, status: number, keepAlive: boolean])[] = [
  ['no body', bodyless, 201, true],
  ['a body with its length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200, true],
  [
    'a body that looks like an answer',
    `HTTP/1.1 200 OK\r\ncontent-length: ${bodyless.length}\r\n\r\n${bodyless}`,
    200,
    true,
  ],
  [
    'chunks',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n',
    200,
    true,
  ],
  [
    'chunks with trailers',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\na: b\r\nc: d\r\n\r\n',
    200,
    true,
  ],
  [
    'an interim answer before',
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\na: b\r\n\r\n${bodyless}`,
    201,
    true,
  ],
  ['no content', 'HTTP/1.1 204 No Content\r\n\r\n', 204, true],
  [
    'the end of the connection said',
    'HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno',
    503,
    false,
  ],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n', 200, false],
];

for (const [what, bytes, status, keepAlive] of answers) {
  test(`an answer with ${what} ends where it ends, however it is cut`, () => {
    const whole = Buffer.from(bytes);
    for (let cut = 0; cut <= whole.length; cut++) {
      const ends = take(new ResponseParser(), [whole.subarray(0, cut), whole.subarray(cut)]);
      assert.deepEqual(ends, [[status, keepAlive]], `cut at ${cut}`);
    }
    const single = Array.from(whole, (_, index) => whole.subarray(index, index + 1));
    assert.deepEqual(take(new ResponseParser(), single), [[status, keepAlive]]);
  });
}

test('answers follow one another on a connection', () => {
  const parser = new ResponseParser();
  for (const [, bytes, status, keepAlive] of answers) {
    assert.deepEqual(take(parser, [Buffer.from(bytes)]), [[status, keepAlive]]);
  }
});

test('an answer without a length ends with the connection', () => {
  const parser = new ResponseParser();
  assert.deepEqual(take(parser, [Buffer.from('HTTP/1.1 200 OK\r\n\r\nabc')]), []);
  assert.deepEqual(parser.close()?.status, 200);
  assert.equal(new ResponseParser().close(), undefined);
});

test('an answer says when to come again, in seconds', () => {
  for (const [field, retryAfterMs] of [
    ['retry-after: 2\r\n', 2000],
    ['Retry-After: soon\r\n', null],
    ['', null],
  ] as const) {
    const bytes = Buffer.from(`HTTP/1.1 503 Service Unavailable\r\n${field}content-length: 0\r\n\r\n`);
    assert.equal(new ResponseParser().take(bytes, bytes.length)?.retryAfterMs, retryAfterMs, field);
  }
});

const broken: readonly (readonly [what: string, bytes: string])[] = [
  ['another protocol', 'SSH-2.0-x\r\n\r\n'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n'],
  ['a chunk without a size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n'],
  ['more bytes than were said', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab'],
  ['a head without an end', 'x'.repeat(70_000)],
];

for (const [what, bytes] of broken) {
  test(`${what} is refused`, () => {
    assert.throws(() => take(new ResponseParser(), [Buffer.from(bytes)]));
  });
}

function take(parser: ResponseParser, parts: readonly Buffer[]): [number, boolean][] {
  const ends: AnswerEnd[] = [];
  for (const part of parts) {
    const end = part.length === 0 ? undefined : parser.take(part, part.length);
    if (end !== undefined) ends.push(end);
  }
  return ends.map(({ status, keepAlive }) => [status, keepAlive]);
}

test('a range that broke off says so in its trailer', () => {
  const whole = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n';
  const parser = new ResponseParser();
  const cut = Buffer.from(`${whole}kvorum-error: range-too-long; ended\r\n\r\n`);
  assert.equal(parser.take(cut, cut.length)?.isBroken, true);
  const good = Buffer.from(`${whole}link: </v0>; rel="next"\r\n\r\n`);
  assert.equal(parser.take(good, good.length)?.isBroken, undefined);
});
