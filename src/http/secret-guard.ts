/**
 * Who may do what changes or shows a node as a whole: those who prove the cluster secret, for each request anew, over a nonce of
 * this node's, the method and the target (src/domain/profile-proof.ts). On a node with client tokens one with the scope `admin`
 * does as well (token-guard.ts).
 */
import { isProfileProof, profileChallenge, provenNonce } from '../domain/profile-proof.ts';
import type { RequestHead } from './head.ts';
import { Nonces } from './nonces.ts';
import { retryAfter } from './outcome.ts';
import { problemFields, problemResponse } from './problem.ts';
import type { Response } from './reply.ts';

export interface ClusterSecret {
  /** Empty if the node has none. */
  readonly clusterSecret: string;
  /** Digest of the cluster's URLs. */
  readonly topology: string;
}

export class SecretGuard {
  readonly #secret: ClusterSecret;
  readonly #nonces = new Nonces();

  constructor(secret: ClusterSecret) {
    this.#secret = secret;
  }

  /** Why a request is refused, or undefined; `now` in milliseconds of a clock that does not jump. */
  refusal({ authorization, method, target }: RequestHead, now: number): Response | undefined {
    const { clusterSecret, topology } = this.#secret;
    if (clusterSecret === '') {
      return problemResponse('forbidden', 'This node has no cluster secret, so nobody can prove it; give it one');
    }
    if (authorization === '') return this.#challenge('The proof of the cluster secret is missing', now);
    const nonce = provenNonce(authorization);
    if (nonce === undefined || !this.#nonces.isGood(nonce, now)) {
      return this.#challenge('The proof is for none of the nonces that may be used, each once', now);
    }
    if (!isProfileProof(authorization, clusterSecret, { topology, method, target })) {
      return problemResponse('forbidden', 'The cluster secret does not match');
    }
    if (this.#nonces.use(nonce, now)) return undefined;
    return problemResponse('overloaded', 'Too many proofs came at once', retryAfter);
  }

  #challenge(detail: string, now: number): Response {
    const field = `www-authenticate: ${profileChallenge(this.#nonces.give(now))}\r\n`;
    return { ...problemResponse('unauthorized', detail), fields: `${problemFields}${field}` };
  }
}

/** Whether a request offers a proof of the secret, or nothing, which is how the client of such proofs begins. */
export function isOfferedProof({ authorization }: RequestHead): boolean {
  return authorization === '' || provenNonce(authorization) !== undefined;
}
