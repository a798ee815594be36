/** Who may ask for what is not for every client: those who prove the cluster secret, each request by a proof of its own (profile-proof.ts). */
import { isProfileProof, profileChallenge, provenNonce } from '../domain/profile-proof.ts';
import type { RequestHead } from './head.ts';
import { Nonces } from './nonces.ts';
import { retryAfter } from './outcome.ts';
import { problemFields, problemResponse } from './problem.ts';
import type { Response } from './reply.ts';

export interface GuardOptions {
  /** Empty if the node has none. */
  readonly clusterSecret: string;
  /** Digest of the cluster's URLs. */
  readonly topology: string;
}

export class SecretGuard {
  readonly #options: GuardOptions;
  readonly #nonces = new Nonces();

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** Why a request is refused at `now`, milliseconds; undefined where it proves the secret. */
  refusal({ authorization, method, target }: RequestHead, now: number): Response | undefined {
    const { clusterSecret, topology } = this.#options;
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
