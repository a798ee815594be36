import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  CHALLENGE_BYTES,
  decodeChallenge,
  decodeHello,
  encodeChallenge,
  encodeHello,
  HELLO_BYTES,
  startsAsPeer,
} from '../../src/formats/peer-handshake.ts';

const [nonce, proof] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const hello = { protocol: 5, askerId: 0xfffffffe, nonce };
const challenge = { protocol: 5, nonce, proof };

test('a hello and a challenge are read as they were written, in as many bytes as are said', () => {
  assert.deepEqual([encodeHello(hello).length, encodeChallenge(challenge).length], [HELLO_BYTES, CHALLENGE_BYTES]);
  assert.deepEqual(decodeHello(encodeHello(hello)), hello);
  assert.deepEqual(decodeChallenge(encodeChallenge(challenge)), challenge);
});

test('bytes of another length or beginning are neither', () => {
  for (const bytes of [encodeHello(hello).subarray(1), encodeHello(hello).subarray(0, -1), Buffer.alloc(HELLO_BYTES)]) {
    assert.equal(decodeHello(bytes), undefined);
  }
  assert.equal(decodeChallenge(encodeChallenge(challenge).subarray(0, -1)), undefined);
  assert.equal(decodeChallenge(Buffer.alloc(CHALLENGE_BYTES)), undefined);
});

test('startsAsPeer() tells at the first byte that differs', () => {
  for (const start of ['', 'k', 'kvpeer', 'kvpeer and more']) assert.ok(startsAsPeer(Buffer.from(start)), start);
  for (const start of ['G', 'kvPeer', 'POST / HTTP/1.1']) assert.ok(!startsAsPeer(Buffer.from(start)), start);
});
