/** Which names a node answers to, by where it listens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostGuard } from '../../src/http/host-guard.ts';

const selfUrl = 'http://node-1:8080';

for (const [what, bindHost, allowedHosts, authority, expected] of [
  ['on loopback, by a strange name', '127.0.0.1', [], 'attacker.example', false],
  ['on loopback, by its own name', '127.0.0.1', [], 'node-1:8080', true],
  ['on loopback, by its own name through a proxy of another port', '::1', [], 'node-1:80', true],
  ['on loopback, by an allowed name', '127.0.0.1', ['KV.example'], 'kv.example:443', true],
  ['on all addresses, by any name', undefined, [], 'anything', true],
  ['on all addresses with a list, by a name outside it', undefined, ['kv.example'], 'anything', false],
  ['on all addresses with a list, by loopback', undefined, ['kv.example'], '[::1]:8080', true],
  ['on one address with a list, by that address', '10.0.0.1', ['kv.example'], '10.0.0.1:8080', true],
] as const) {
  test(`${what}: ${expected ? 'answers' : 'does not answer'}`, () => {
    const guard = new HostGuard({ bindHost, selfUrl, allowedHosts });
    for (let time = 0; time < 2; time++) assert.equal(guard.answersTo(authority), expected);
  });
}
