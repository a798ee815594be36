/** Beginnings of heads: refused as soon as they can no longer become a request, however they are cut. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { beginningProblem, refusedMethod, tooLongProblem } from '../../src/http/head-beginning.ts';

/** How many bytes of `text` had come, one by one, when it was refused; undefined if it was not. */
function refusedAfter(text: string): number | undefined {
  const bytes = Buffer.from(text, 'latin1');
  for (let length = 1; length <= bytes.length; length++) {
    if (beginningProblem(bytes.subarray(0, length), 0, length - 1) !== undefined) return length;
  }
  return undefined;
}

for (const [what, text, expected] of [
  ['a request', 'GET /a?b=\u00e9 HTTP/1.1\r\nhost: a\r\nx:\ty\r\n', undefined],
  ['half a line', 'GET /a', undefined],
  ['a TLS hello', '\x16\x03\x01\x02\0', 1],
  ['a banner of SSH', 'SSH-2.0-OpenSSH_9.2\r\n', 21],
  ['HTTP/0.9', 'GET /\r\n', 7],
  ['a bare line feed', 'GET / HTTP/1.1\nhost: a\n\n', 15],
  ['a bare line feed in a later line', 'GET / HTTP/1.1\r\nhost: a\n\n', 24],
  ['a bare carriage return', 'GET / HTTP/1.1\r\nhost: a\rb', 25],
  ['a version that is not known', 'GET / HTTP/3.0\r\n', 16],
  ['a line feed at the start', '\nGET', 1],
] as const) {
  test(`${what} is ${expected === undefined ? 'not refused' : `refused after ${expected} bytes`}`, () => {
    assert.equal(refusedAfter(text), expected);
    assert.equal(beginningProblem(Buffer.from(text, 'latin1'), 0, 0) !== undefined, expected !== undefined);
  });
}

for (const [what, text, expected] of [
  ['a line without end', 'GET /aaaaaaaaaaaaaaa', 'target-too-long'],
  ['a long line', 'GET /aaaaaa HTTP/1.1\r\nhost: a\r\n\r\n', 'target-too-long'],
  ['many fields', 'GET / 1.1\r\nhost: a\r\nb: c\r\n\r\n', 'headers-too-large'],
] as const) {
  test(`a head of more than 10 bytes by ${what} is refused: ${expected}`, () => {
    assert.equal(tooLongProblem(Buffer.from(`\r\n${text}`), 2, 10).problem, expected);
  });
}

test('what is refused before it is parsed is answered as HEAD where it begins so', () => {
  for (const [text, expected] of [
    ['HEAD /', 'HEAD'],
    ['\r\n\r\nHEAD /', 'HEAD'],
    ['HEADER /', 'GET'],
    ['HEA', 'GET'],
    ['head /', 'GET'],
    ['', 'GET'],
  ] as const) {
    assert.equal(refusedMethod(Buffer.from(text), 0), expected, text);
  }
});
