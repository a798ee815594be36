/** A worker's questions to the main thread about the node's standing, and what comes of them. */
import { KvorumError } from '../../src/diagnostics/errors.ts';
import type { Claim } from '../../src/domain/node-claim.ts';
import type { StandingAnswer, StandingMessage } from '../../src/protocol/workers.ts';
import type { Introducer } from '../peers/introduction.ts';

interface Waiting {
  readonly resolve: (claim: Claim) => void;
  readonly reject: (error: Error) => void;
}

export class MainThread implements Introducer {
  readonly #send: (message: StandingMessage) => void;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  constructor(send: (message: StandingMessage) => void) {
    this.#send = send;
  }

  claim(): Promise<Claim> {
    return this.#ask(undefined, false);
  }

  async met(claim: Claim): Promise<void> {
    await this.#ask(claim, true);
  }

  /** A node has introduced itself; resolves to what this one says then. */
  visited(claim: Claim): Promise<Claim> {
    return this.#ask(claim, false);
  }

  left(url: string): void {
    this.#send({ kind: 'peer-left', url });
  }

  refused(reason: string): void {
    this.#send({ kind: 'node-refused', reason });
  }

  take({ id, claim, error }: StandingAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (claim === undefined) waiting?.reject(new KvorumError('store-failed', error ?? 'no answer'));
    else waiting?.resolve(claim);
  }

  #ask(claim: Claim | undefined, isConnected: boolean): Promise<Claim> {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.#waiting.set(id, { resolve, reject });
      this.#send({ kind: 'introduction', id, claim, isConnected });
    });
  }
}
