import assert from 'node:assert/strict';
import test from 'node:test';
import { Nonces } from '../../src/http/nonces.ts';

const goodMs = 30_000;

test('a nonce is good once, for 30 s, at the node that gave it', () => {
  const nonces = new Nonces();
  const nonce = nonces.give(1000);
  assert.ok(nonces.isGood(nonce, 1000));
  assert.ok(nonces.isGood(nonce, 1000 + goodMs));
  assert.ok(!nonces.isGood(nonce, 1001 + goodMs), 'too late');
  assert.ok(!new Nonces().isGood(nonce, 1000), 'another node');
  assert.ok(nonces.use(nonce, 1000));
  assert.ok(!nonces.isGood(nonce, 1000), 'used');
  assert.ok(nonces.isGood(nonces.give(1000), 1000), 'another one');
});

test('a nonce that was changed is not good', () => {
  const nonces = new Nonces();
  const nonce = nonces.give(0);
  for (let index = 0; index < nonce.length; index++) {
    const changed = `${nonce.slice(0, index)}${nonce[index] === '9' ? '8' : '9'}${nonce.slice(index + 1)}`;
    assert.ok(!nonces.isGood(changed, 0), changed);
  }
  for (const text of ['', '-', `${nonce}0`, ` ${nonce}`, nonce.toUpperCase()]) assert.ok(!nonces.isGood(text, 0), text);
});

test('used nonces are remembered until they end, so many at most, and those that are not used not at all', () => {
  const nonces = new Nonces();
  for (let count = 0; count < 10_000; count++) nonces.give(0);
  const used = Array.from({ length: 4096 }, () => nonces.give(0));
  for (const nonce of used) assert.ok(nonces.use(nonce, 0));
  assert.ok(!nonces.use(nonces.give(0), goodMs), 'no room');
  assert.ok(used.every((nonce) => !nonces.isGood(nonce, goodMs)));
  assert.ok(nonces.use(nonces.give(goodMs), goodMs + 1), 'room again');
  assert.ok(used.every((nonce) => !nonces.isGood(nonce, goodMs + 1)));
});
