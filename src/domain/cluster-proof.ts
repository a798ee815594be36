/**
 * How nodes prove the cluster secret to each other without sending it: HMACs over the topology, so that two clusters never
 * mix by accident, in another wording than for the profiling endpoint of the client port (profile-proof.ts). Who reads one
 * of them on the wire has not got the other.
 *
 * It is a challenge in both directions: each proof is over both ends' fresh nonces, their ids, the end that
 * gives it and the protocol, so that none is of any use a second time, at another node, or sent back to who gave it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Buffer } from 'node:buffer';

/** Where `kvorum up` keeps the secret of its cluster, in the cluster's directory. */
export const clusterSecretFile = 'cluster-secret';

export const NONCE_BYTES = 32;
export const PROOF_BYTES = 32;

/** What two nodes agree on before they talk. The asker opened the connection, the listener took it. */
export interface PeerHandshake {
  readonly topology: string;
  readonly protocol: number;
  readonly askerId: number;
  readonly listenerId: number;
  readonly askerNonce: Buffer;
  readonly listenerNonce: Buffer;
}

/** What the end `role` of a connection sends to prove the secret to the other one. */
export function peerProof(secret: string, role: 'asker' | 'listener', handshake: PeerHandshake): Buffer {
  const { topology, protocol, askerId, listenerId, askerNonce, listenerNonce } = handshake;
  // No part can have a space, so no two handshakes make one text.
  const parts = ['peer', role, protocol, topology, askerId, listenerId];
  const text = [...parts, askerNonce.toString('hex'), listenerNonce.toString('hex')].join(' ');
  return createHmac('sha256', secret).update(text).digest();
}

/** Compares in a time that does not depend on where they differ. */
export function isSameProof(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}
