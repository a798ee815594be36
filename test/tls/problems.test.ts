import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tlsProblem } from '../../src/tls/problems.ts';

const failed = (code: string, message = ''): Error & { readonly code: string } =>
  Object.assign(new Error(message), { code });

for (const [error, expected] of [
  [failed('ERR_SSL_WRONG_VERSION_NUMBER'), /speaks HTTP/],
  [
    failed('EPROTO', 'write EPROTO 80:error:0A00010B:ssl3_get_record:wrong version number:ssl3_record.c:350:'),
    /speaks HTTP/,
  ],
  [failed('EPROTO', 'write EPROTO'), undefined],
  [failed('ECONNRESET'), undefined],
] as const) {
  test(`${error.message || error.code} is ${expected === undefined ? 'no word on TLS' : 'told in words'}`, () => {
    if (expected === undefined) assert.equal(tlsProblem(error), undefined);
    else assert.match(tlsProblem(error) ?? '', expected);
  });
}
