/**
 * Nonces that a node gives out and takes back once. A nonce says itself until when it is good and carries a MAC of the
 * node's, so that the node keeps nothing of those it gives to strangers; it remembers only those that came back with a
 * proof of the secret, until they would have ended anyway.
 */
import { Buffer } from 'node:buffer';
import { createHmac, randomBytes } from 'node:crypto';
import { isSameProof } from '../domain/cluster-proof.ts';

/** From the challenge to the proof, milliseconds: a round trip, and the longest pause of one of both. */
const GOOD_MS = 30_000;
/** Used nonces that are remembered: past it none is taken until some end. */
const USED_MAX = 4096;

export class Nonces {
  readonly #key = randomBytes(32);
  /** Until when each that was used is remembered, the oldest first. */
  readonly #used = new Map<string, number>();

  /** A new one. `now` in milliseconds of a clock that does not jump. */
  give(now: number): string {
    const nonce = `${Math.ceil(now + GOOD_MS)}-${randomBytes(16).toString('hex')}`;
    return `${nonce}-${this.#mac(nonce).toString('hex')}`;
  }

  /** Whether a nonce is one of this node's, still good, and not used. */
  isGood(nonce: string, now: number): boolean {
    const [, text = '', end = '', mac = ''] = /^((\d+)-[0-9a-f]{32})-([0-9a-f]{64})$/.exec(nonce) ?? [];
    if (Number(end) < now || this.#used.has(nonce)) return false;
    return isSameProof(Buffer.from(mac, 'hex'), this.#mac(text));
  }

  /** Takes a good nonce back; false if too many are remembered. */
  use(nonce: string, now: number): boolean {
    for (const [used, until] of this.#used) {
      if (until >= now) break;
      this.#used.delete(used);
    }
    if (this.#used.size >= USED_MAX) return false;
    this.#used.set(nonce, now + GOOD_MS);
    return true;
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}
