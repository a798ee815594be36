/** Request heads: what is understood, and that whatever two readers could read differently is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseHead } from '../../src/http/head.ts';

const lines = (...all: string[]): string => all.join('\r\n');

test('a plain request is understood', () => {
  assert.deepEqual(parseHead(lines('GET /v0/entity?id=a HTTP/1.1', 'Host: x')), {
    method: 'GET',
    target: '/v0/entity?id=a',
    contentLength: 0,
    keepAlive: true,
    isHttp10: false,
    expectsContinue: false,
    accept: '',
    authorization: '',
    authority: 'x',
    origin: '',
    condition: '',
    preconditions: undefined,
  });
});

for (const [what, text, expected] of [
  ['content-length', lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length:  12 '), { contentLength: 12 }],
  ['chunked', lines('PUT /a HTTP/1.1', 'Host: x', 'Transfer-Encoding: Chunked'), { contentLength: undefined }],
  ['connection: close', lines('GET /a HTTP/1.1', 'Host: x', 'Connection: foo, Close'), { keepAlive: false }],
  ['HTTP/1.0', 'GET /a HTTP/1.0', { keepAlive: false, isHttp10: true }],
  ['HTTP/1.0 that stays', lines('GET /a HTTP/1.0', 'Connection: keep-alive'), { keepAlive: true }],
  ['HTTP/1.0 that stays and does not', lines('GET /a HTTP/1.0', 'Connection: keep-alive, close'), { keepAlive: false }],
  ['100-continue', lines('PUT /a HTTP/1.1', 'Host: x', 'Expect: 100-continue'), { expectsContinue: true }],
  ['the absolute form', lines('GET http://other/a?id=b HTTP/1.1', 'Host: x'), { target: '/a?id=b' }],
  ['the absolute form without a path', lines('GET http://other HTTP/1.1', 'Host: x'), { target: '/' }],
  [
    'bytes above ASCII in the target',
    lines('GET /a?id=\u00c3\u00a9 HTTP/1.1', 'Host: x'),
    { target: '/a?id=\u00c3\u00a9' },
  ],
  ['authorization', lines('GET /a HTTP/1.1', 'Host: x', 'Authorization:  Bearer a '), { authorization: 'Bearer a' }],
  [
    'authorization twice',
    lines('GET /a HTTP/1.1', 'Host: x', 'authorization: a', 'authorization: a'),
    { authorization: 'a, a' },
  ],
  ['accept', lines('GET /a HTTP/1.1', 'Host: x', 'Accept: a/b', 'accept: c/d;q=0'), { accept: 'a/b,c/d;q=0' }],
  ['the authority', lines('GET /a HTTP/1.1', 'Host: \tExample.org:80 '), { authority: 'example.org:80' }],
  ['an address of IPv6', lines('GET /a HTTP/1.1', 'Host: [::1]:80'), { authority: '[::1]:80' }],
  ['whom the absolute form asks', lines('GET http://Other:1/a HTTP/1.1', 'Host: x'), { authority: 'other:1' }],
  ['a query right behind the authority', lines('GET http://a?x=/b HTTP/1.1', 'Host: x'), { target: '/?x=/b' }],
  ['an origin', lines('GET /a HTTP/1.1', 'Host: x', 'Origin: http://Page'), { origin: 'http://page' }],
  ['a condition', lines('PUT /a HTTP/1.1', 'Host: x', 'If-None-Match: *'), { condition: 'if-none-match' }],
  ['an empty field value', lines('GET /a HTTP/1.1', 'Host:'), { authority: '' }],
  ['a host with an empty port', lines('GET /a HTTP/1.1', 'Host: x:'), { authority: 'x:' }],
  [
    'no coding but chunked',
    lines('PUT /a HTTP/1.1', 'Host: x', 'transfer-encoding:\tCHUNKED '),
    { contentLength: undefined },
  ],
  [
    '100-continue twice',
    lines('PUT /a HTTP/1.1', 'Host: x', 'Expect: 100-continue, 100-Continue', 'expect: 100-continue'),
    { expectsContinue: true },
  ],
  ['100-continue in HTTP/1.0', lines('PUT /a HTTP/1.0', 'Expect: 100-continue'), { expectsContinue: false }],
] as const) {
  test(`${what} is understood`, () => {
    const head = parseHead(text);
    assert.ok(!('malformed' in head), 'malformed' in head ? head.malformed : '');
    for (const [name, value] of Object.entries(expected)) assert.equal(head[name as keyof typeof head], value, name);
  });
}

for (const [what, text] of [
  ['an empty line', ''],
  ['the same content-length twice', lines('PUT /a HTTP/1.1', 'host:x', 'content-length:1', 'content-length:1')],
  ['an empty target', lines('GET  HTTP/1.1', 'Host: x')],
  ['a target without a slash', lines('GET a HTTP/1.1', 'Host: x')],
  ['a target of another scheme', lines('GET ftp://x/a HTTP/1.1', 'Host: x')],
  ['a tunnel', lines('CONNECT x:80 HTTP/1.1', 'Host: x')],
  ['no target', lines('GET HTTP/1.1', 'Host: x')],
  ['two spaces', lines('GET  /a HTTP/1.1', 'Host: x')],
  ['a space in the target', lines('GET /a b HTTP/1.1', 'Host: x')],
  ['a tab in the target', lines('GET /a\tb HTTP/1.1', 'Host: x')],
  ['HTTP/2.0', lines('PRI * HTTP/2.0', 'Host: x')],
  ['HTTP/1.2', lines('GET /a HTTP/1.2', 'Host: x')],
  ['HTTP/0.9', 'GET /a'],
  ['a method with a colon', lines('G:T /a HTTP/1.1', 'Host: x')],
  ['no host', 'GET /a HTTP/1.1'],
  ['two hosts', lines('GET /a HTTP/1.1', 'Host: x', 'Host: x')],
  ['a header without a colon', lines('GET /a HTTP/1.1', 'Host: x', 'nonsense')],
  ['a header without a name', lines('GET /a HTTP/1.1', 'Host: x', ': value')],
  ['a space before the colon', lines('GET /a HTTP/1.1', 'Host: x', 'Content-Length : 5')],
  ['a folded line', lines('GET /a HTTP/1.1', 'Host: x', 'a: b', '\tfolded')],
  ['a folded first line', lines('GET /a HTTP/1.1', ' folded', 'Host: x')],
  ['a bare line feed in a value', lines('GET /a HTTP/1.1', 'Host: x', 'a: b\nContent-Length: 5')],
  ['a bare carriage return in a value', lines('GET /a HTTP/1.1', 'Host: x', 'a: b\rc')],
  ['a NUL in a value', lines('GET /a HTTP/1.1', 'Host: x', 'a: \0')],
  ['content-length of no digits', lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length: ')],
  ['a signed content-length', lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length: +5')],
  ['a hexadecimal content-length', lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length: 0x5')],
  ['a content-length of 16 digits', lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length: 1000000000000000')],
  ['a list of content-lengths', lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length: 5, 5')],
  ['two content-lengths', lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length: 5', 'Content-Length: 6')],
  [
    'content-length beside chunked',
    lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
  ],
  ['chunked in HTTP/1.0', lines('PUT /a HTTP/1.0', 'Transfer-Encoding: chunked')],
  ['content-length before a no-break space', lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length:\xa05')],
  ['content-length before a vertical tab', lines('PUT /a HTTP/1.1', 'Host: x', 'Content-Length:\x0b5')],
  ['chunked and a no-break space', lines('PUT /a HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked\xa0')],
  ['a fragment', lines('GET /a#b HTTP/1.1', 'Host: x')],
  ['a host with a path', lines('GET /a HTTP/1.1', 'Host: a/b?c@d')],
  ['a host with a user', lines('GET /a HTTP/1.1', 'Host: a@b')],
  ['a list of hosts', lines('GET /a HTTP/1.1', 'Host: a, b')],
  ['an absolute form without an authority', lines('GET http:///a HTTP/1.1', 'Host: x')],
  ['an absolute form with a user', lines('GET http://a@b/a HTTP/1.1', 'Host: x')],
  ['an expectation that is not known', lines('PUT /a HTTP/1.1', 'Host: x', 'Expect: tea')],
  ['one that is not known beside another', lines('PUT /a HTTP/1.1', 'Host: x', 'Expect: 100-continue, tea')],
  ['an address of IPv6 without brackets', lines('GET /a HTTP/1.1', 'Host: ::1')],
  ['a host with a port of no digits', lines('GET /a HTTP/1.1', 'Host: x:a')],
] as const) {
  test(`${what} is refused`, () => assert.ok('malformed' in parseHead(text)));
}

/** The fields of `transfer-encoding`, and why they are refused (RFC 9112 sections 6.1 and 6.3). */
for (const [codings, problem] of [
  [['gzip, chunked'], 'coding-unknown'],
  [['gzip', 'chunked'], 'coding-unknown'],
  [['x;a=b,\tChunked'], 'coding-unknown'],
  [['identity, chunked'], 'coding-unknown'],
  [['gzip'], 'bad-request'],
  [['identity'], 'bad-request'],
  [['chunked, gzip'], 'bad-request'],
  [['chunked', 'gzip'], 'bad-request'],
  [['chunked, chunked'], 'bad-request'],
  [['chunked', 'chunked'], 'bad-request'],
  [['chunked, gzip, chunked'], 'bad-request'],
  [['chunked;a=b'], 'bad-request'],
  [['xchunked'], 'bad-request'],
  [['"chunked"'], 'bad-request'],
  [[', chunked'], 'bad-request'],
  [['chunked,'], 'bad-request'],
  [[''], 'bad-request'],
] as const) {
  test(`transfer codings ${codings.map((one) => JSON.stringify(one)).join(' and ')} are refused: ${problem}`, () => {
    const head = parseHead(lines('PUT /a HTTP/1.1', 'Host: x', ...codings.map((one) => `Transfer-Encoding: ${one}`)));
    assert.equal('malformed' in head && head.problem, problem);
  });
}

test('parseHead() answers every text, and never throws', () => {
  const piece = fc.constantFrom(
    'GET',
    ' ',
    '/a',
    'HTTP/1.1',
    '\r\n',
    ':',
    'Host',
    'content-length',
    '5',
    'chunked',
    '\n',
  );
  const texts = fc.oneof(
    fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join('')),
    fc.string(),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const head = parseHead(text);
      assert.ok('malformed' in head || head.method.length > 0);
    }),
  );
});
