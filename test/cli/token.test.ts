import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grantOf, parseGrants } from '../../src/domain/tokens.ts';
import { kvorumInProcess } from './in-process.ts';

test('kvorum token makes a token and the line that lets it in, each time others', async () => {
  const { code, stdout } = await kvorumInProcess(['token', '--scopes', 'read,write', '--name', 'app']);
  const [token = '', line = '', ...rest] = stdout.toString().split('\n');
  assert.equal(code, 0);
  assert.deepEqual(rest, ['']);
  const grant = grantOf(parseGrants(line), token);
  assert.deepEqual([grant?.name, grant?.scopes], ['app', ['read', 'write']]);
  assert.ok(!line.includes(token), 'the line lets nobody in');
  assert.ok(token.length > 43, 'as long as its hash');
  const again = await kvorumInProcess(['token', '--output', 'json']);
  const other = JSON.parse(again.stdout.toString()) as { token: string; line: string };
  assert.notEqual(other.token, token);
  assert.deepEqual(grantOf(parseGrants(other.line), other.token)?.scopes, ['read']);
});

for (const [args, message] of [
  [['--scopes', 'read,root'], /Bad --scopes "read,root": expected some of read, write, admin/],
  [['--name', 'a b'], /Bad --name "a b"/],
] as const) {
  test(`kvorum token ${args.join(' ')} is refused`, async () => {
    const { code, stderr } = await kvorumInProcess(['token', ...args]);
    assert.equal(code, 2);
    assert.match(stderr, message);
  });
}
