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
  ['on an address of IPv6 with a list, by that address', 'fd00::1', ['kv.example'], '[fd00::1]:8080', true],
  ['on all addresses with an address of IPv6 in the list', undefined, ['[FD00::2]', 'fd00::3'], '[fd00::3]', true],
  ['on all addresses with an address of IPv6 in brackets', undefined, ['[FD00::2]'], '[fd00::2]:1', true],
  ['on loopback, by its address of IPv4 as one of IPv6', '127.0.0.1', [], '[::ffff:127.0.0.1]:8080', true],
  ['on loopback, by a long spelling of its address', '::1', [], '[0:0:0:0:0:0:0:1]', true],
  ['on loopback, by another address of IPv6', '::1', [], '[::2]', false],
  ['on loopback, by what is no address', '::1', [], '[:::1]', false],
  ['on loopback, by a name of digits and dots', '127.0.0.1', [], '127.0.0.1.1', false],
  ['on loopback, by a port alone', '127.0.0.1', [], ':8080', false],
] as const) {
  test(`${what}: ${expected ? 'answers' : 'does not answer'}`, () => {
    const guard = new HostGuard({ bindHost, selfUrl, allowedHosts });
    for (let time = 0; time < 2; time++) assert.equal(guard.answersTo(authority), expected);
  });
}

for (const [what, self, origin, authority, expected] of [
  ['the place that is asked', 'http://localhost:8080', 'http://localhost:8080', 'localhost:8080', true],
  ['the place that is asked, behind a proxy', selfUrl, 'https://front.example', 'front.example', true],
  [
    'the same name of loopback on another port',
    'http://localhost:8080',
    'http://localhost:3000',
    'localhost:8080',
    false,
  ],
  ['another address of loopback', 'http://localhost:8080', 'http://127.0.0.1:8080', 'localhost:8080', false],
  ['the name of the node on another port', selfUrl, 'http://node-1:3000', 'node-1:8080', true],
  ['an allowed host', selfUrl, 'https://kv.example', 'node-1:8080', true],
  ['a name that ends like an allowed host', selfUrl, 'https://evil-kv.example', 'node-1:8080', false],
  ['a file', selfUrl, 'null', 'node-1:8080', false],
  ['an extension of the browser', selfUrl, 'chrome-extension://kv.example', 'node-1:8080', false],
] as const) {
  test(`a page of ${what} ${expected ? 'may' : 'may not'} write`, () => {
    const guard = new HostGuard({ bindHost: undefined, selfUrl: self, allowedHosts: ['kv.example'] });
    assert.equal(guard.mayWrite(origin, authority), expected);
  });
}
