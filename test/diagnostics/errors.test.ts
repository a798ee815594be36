/** Errors: matched by code, and readable whatever was thrown. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';

test('a KvorumError carries its code, its text and its cause', () => {
  const cause = new Error('below');
  const error = new KvorumError('store-failed', 'Cannot write', { cause });
  assert.ok(error instanceof Error);
  assert.deepEqual(
    { name: error.name, code: error.code, message: error.message, cause: error.cause },
    { name: 'KvorumError', code: 'store-failed', message: 'Cannot write', cause },
  );
});

const thrown: readonly (readonly [what: string, value: unknown, code: string | undefined, message: string])[] = [
  ['a KvorumError', new KvorumError('disk-full', 'Full'), 'disk-full', 'Full'],
  ['a system error', Object.assign(new Error('no space'), { code: 'ENOSPC' }), 'ENOSPC', 'no space'],
  ['an error with a numeric code', Object.assign(new Error('odd'), { code: 7 }), undefined, 'odd'],
  ['an error without a code', new Error('plain'), undefined, 'plain'],
  ['text', 'text', undefined, 'text'],
  ['null', null, undefined, 'null'],
  ['undefined', undefined, undefined, 'undefined'],
];

for (const [what, value, code, message] of thrown) {
  test(`codeOf() and messageOf() read ${what}`, () => {
    assert.equal(codeOf(value), code);
    assert.equal(messageOf(value), message);
  });
}
