import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { bearerToken, formatGrant, grantFor, grantOf, grantsMax, parseGrants } from '../../src/domain/tokens.ts';

const hash = (token: string): string => createHash('sha256').update(token).digest('hex');

test('parseGrants() reads a line each, and skips comments and empty lines', () => {
  const grants = parseGrants(`# who\n\nread,write ${hash('a')} app\r\n  read   ${hash('b')}  prometheus \n`);
  assert.deepEqual(
    grants.map(({ name, scopes }) => [name, scopes]),
    [
      ['app', ['read', 'write']],
      ['prometheus', ['read']],
    ],
  );
  assert.deepEqual(parseGrants(grants.map(formatGrant).join('\n')), grants);
});

for (const [what, text, message] of [
  ['a line of something else', 'secret', /^line 1 is not "SCOPE/],
  ['a token instead of its hash', '\nread kvorum_abcdef app', /^line 2 is not/],
  [
    'a scope that is none',
    `# a\nread,root ${hash('a')} app`,
    /^line 2 has scope "root"; there are read, write, admin$/,
  ],
  ['a name twice', `read ${hash('a')} app\nwrite ${hash('b')} app`, /^two tokens are named "app"$/],
  ['no name', `read ${hash('a')}`, /^line 1/],
] as const) {
  test(`parseGrants() refuses ${what}`, () => {
    assert.throws(() => parseGrants(text), { name: 'KvorumError', code: 'bad-setting', message });
  });
}

test('parseGrants() bounds how many tokens there are, and no message has what a line holds', () => {
  const lines = Array.from({ length: grantsMax + 1 }, (_, index) => `read ${hash(String(index))} n${index}`);
  assert.equal(parseGrants(lines.slice(1).join('\n')).length, grantsMax);
  assert.throws(() => parseGrants(lines.join('\n')), /more than 1000 tokens/);
  assert.throws(
    () => parseGrants('read kvorum_tokenInPlaceOfHash app'),
    (error: Error) => !error.message.includes('InPlace'),
  );
});

test('grantOf() finds the grant of a token, and of nothing else', () => {
  const grants = [grantFor('one', 'read', 'a'), grantFor('two', 'write,admin', 'b')];
  assert.equal(grantOf(grants, 'two')?.name, 'b');
  for (const other of ['', 'tw', 'twoo', hash('two')]) assert.equal(grantOf(grants, other), undefined);
  assert.equal(grantOf([], 'one'), undefined);
});

for (const [field, token] of [
  ['Bearer abc', 'abc'],
  ['bearer  a.b-c_d~e+f/g==', 'a.b-c_d~e+f/g=='],
  ['Bearer', undefined],
  ['Bearer a b', undefined],
  ['Bearer a, Bearer b', undefined],
  ['Basic abc', undefined],
  ['Kvorum nonce="a", proof="b"', undefined],
  ['', undefined],
] as const) {
  test(`bearerToken() of "${field}" is ${token}`, () => assert.equal(bearerToken(field), token));
}
