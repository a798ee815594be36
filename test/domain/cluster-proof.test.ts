import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { isSameProof, peerProof, PROOF_BYTES, type PeerHandshake } from '../../src/domain/cluster-proof.ts';

const handshake: PeerHandshake = {
  topology: 'abc',
  protocol: 5,
  askerId: 1,
  listenerId: 2,
  askerNonce: Buffer.alloc(32, 3),
  listenerNonce: Buffer.alloc(32, 4),
};

test('peerProof() is the same for both ends, and another one if anything about the connection differs', () => {
  const proof = peerProof('secret', 'asker', handshake);
  assert.equal(proof.length, PROOF_BYTES);
  assert.ok(isSameProof(proof, peerProof('secret', 'asker', { ...handshake })));
  const others: readonly Partial<PeerHandshake>[] = [
    { topology: 'abd' },
    { protocol: 6 },
    { askerId: 3 },
    { listenerId: 3 },
    { askerId: 2, listenerId: 1 },
    { askerNonce: Buffer.alloc(32, 4) },
    { listenerNonce: Buffer.alloc(32, 3) },
    { askerNonce: handshake.listenerNonce, listenerNonce: handshake.askerNonce },
  ];
  for (const other of others) assert.ok(!isSameProof(proof, peerProof('secret', 'asker', { ...handshake, ...other })));
  assert.ok(!isSameProof(proof, peerProof('secret', 'listener', handshake)), 'no proof can be sent back to its giver');
  assert.ok(!isSameProof(proof, peerProof('other', 'asker', handshake)));
  assert.ok(!isSameProof(proof.subarray(1), proof));
});
