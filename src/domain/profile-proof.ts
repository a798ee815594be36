/**
 * How a client proves the cluster secret to the profiling endpoint of the client port, without sending it: a node answers a
 * request without a proof with 401 and a nonce (RFC 9110 section 11.6.1), and the client asks again with an HMAC over that
 * nonce and over what it asks for. So whoever reads a proof on the wire can use it for nothing else, and not a second time.
 *
 *   www-authenticate: Kvorum nonce="..."
 *   authorization: Kvorum nonce="...", proof="64 hexadecimal digits"
 */
import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';
import { isSameProof } from './cluster-proof.ts';

/** What a proof is over. */
export interface ProvenRequest {
  /** Digest of the cluster's URLs. */
  readonly topology: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
}

const challengePattern = /^Kvorum nonce="([\w.-]{1,128})"$/;
const proofPattern = /^Kvorum nonce="([\w.-]{1,128})", proof="([0-9a-f]{64})"$/;

/** The `www-authenticate` field that asks for a proof. `nonce` is of letters, digits, points, underscores and hyphens. */
export function profileChallenge(nonce: string): string {
  return `Kvorum nonce="${nonce}"`;
}

/** The `authorization` field that answers a challenge; undefined if `challenge` is none. */
export function profileProof(secret: string, challenge: string, request: ProvenRequest): string | undefined {
  const nonce = challengePattern.exec(challenge)?.[1];
  if (nonce === undefined) return undefined;
  return `Kvorum nonce="${nonce}", proof="${proofOf(secret, nonce, request).toString('hex')}"`;
}

/** The nonce that an `authorization` field is about; undefined if it is no proof. */
export function provenNonce(authorization: string): string | undefined {
  return proofPattern.exec(authorization)?.[1];
}

/** Whether an `authorization` field proves the secret for a request. */
export function isProfileProof(authorization: string, secret: string, request: ProvenRequest): boolean {
  const [, nonce, proof] = proofPattern.exec(authorization) ?? [];
  if (nonce === undefined || proof === undefined) return false;
  return isSameProof(Buffer.from(proof, 'hex'), proofOf(secret, nonce, request));
}

function proofOf(secret: string, nonce: string, { topology, method, target }: ProvenRequest): Buffer {
  // No part can have a space, so no two requests make one text.
  return createHmac('sha256', secret).update(`profile ${nonce} ${topology} ${method} ${target}`).digest();
}
