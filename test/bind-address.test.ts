import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KvorumError } from '../src/diagnostics/errors.ts';
import { assertSafeBind, bindAddress, isOpenToAll } from '../src/bind-address.ts';

const cases: readonly (readonly [
  self: string,
  host: string | undefined,
  address: string | undefined,
  open: boolean,
])[] = [
  ['http://localhost:8080', undefined, '127.0.0.1', false],
  ['http://127.0.0.9:8080', undefined, '127.0.0.9', false],
  ['http://[::1]:8080', undefined, '::1', false],
  ['http://node-1:8080', undefined, undefined, true],
  ['http://127.example:8080', undefined, undefined, true],
  ['http://10.0.0.1:8080', undefined, undefined, true],
  ['http://node-1:8080', '127.0.0.1', '127.0.0.1', false],
  ['http://node-1:8080', 'localhost', 'localhost', false],
  ['http://localhost:8080', '0.0.0.0', '0.0.0.0', true],
  ['http://localhost:8080', '::', '::', true],
  ['http://localhost:8080', '127.example', '127.example', true],
];

for (const [self, host, address, open] of cases) {
  test(`a node at ${self} with host ${host} listens on ${address ?? 'all interfaces'}`, () => {
    assert.equal(bindAddress({ self, host }), address);
    assert.equal(isOpenToAll({ self, host, clusterSecret: '' }), open);
    assert.equal(isOpenToAll({ self, host, clusterSecret: 's' }), false);
  });
}

test('assertSafeBind() refuses a node that is open to all, naming both ways on, unless it is told to be', () => {
  const node = { self: 'http://node-1:8080', host: undefined, clusterSecret: '' };
  assert.throws(
    () => assertSafeBind({ ...node, insecure: false }),
    (error) =>
      error instanceof KvorumError &&
      error.code === 'bad-setting' &&
      ['all interfaces', 'KVORUM_CLUSTER_SECRET', '--insecure'].every((word) => error.message.includes(word)),
  );
  assertSafeBind({ ...node, insecure: true });
  assertSafeBind({ ...node, clusterSecret: 's', insecure: false });
});
