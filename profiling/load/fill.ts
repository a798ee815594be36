/**
 * Puts every key of a key space once, as fast as a bounded number of connections allows, so that reads find something.
 * What a node refuses for now is tried again; what it refuses for good ends the fill.
 */
import { KvorumError } from '../../src/domain/errors.ts';
import { HttpConnection, type Address, type ConnectionEvents } from './http-connection.ts';
import { reach } from './reach.ts';
import { pathOf, sender } from './requests.ts';
import type { Workload } from './result.ts';

export type FillWorkload = Pick<Workload, 'targets' | 'connections' | 'keys' | 'valueBytes' | 'ack' | 'from' | 'seed'>;

export interface FillOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (filled: number, keys: number) => void;
}

/** Overloaded, quorum not met, connection lost: a moment later it may go. */
const triesMax = 10;
const retryMs = 200;
const timeoutMs = 15_000;
const progressMs = 100;

/** Resolves with whether all keys were put; false where the signal ended it. Throws `KvorumError` where a node refuses. */
export async function fillKeys(workload: FillWorkload, options: FillOptions = {}): Promise<boolean> {
  const addresses = await Promise.all(workload.targets.map(reach));
  return new Fill(workload, options, addresses).run();
}

interface Attempt {
  readonly key: number;
  readonly tries: number;
}

class Fill {
  readonly #workload: FillWorkload;
  readonly #options: FillOptions;
  readonly #addresses: readonly Address[];
  readonly #inFlight = new Map<HttpConnection, Attempt>();
  readonly #retries: Attempt[] = [];
  #next = 0;
  #filled = 0;

  constructor(workload: FillWorkload, options: FillOptions, addresses: readonly Address[]) {
    this.#workload = workload;
    this.#options = options;
    this.#addresses = addresses;
  }

  async run(): Promise<boolean> {
    const { connections: count, keys } = this.#workload;
    const { signal, onProgress } = this.#options;
    const connections: HttpConnection[] = [];
    const telling = setInterval(() => onProgress?.(this.#filled, keys), progressMs);
    const watching = setInterval(() => giveUpOld(connections), progressMs);
    try {
      return await new Promise<boolean>((resolve, reject) => {
        const stop = (): void => resolve(false);
        signal?.addEventListener('abort', stop, { once: true });
        if (signal?.aborted === true) stop();
        const events = this.#events(resolve, reject);
        for (let index = 0; index < Math.min(count, keys); index++) {
          const target = index % this.#addresses.length;
          connections.push(new HttpConnection(target, this.#addresses[target] as Address, events));
        }
      });
    } finally {
      clearInterval(telling);
      clearInterval(watching);
      for (const connection of connections) connection.close();
      onProgress?.(this.#filled, keys);
    }
  }

  #events(resolve: (isWhole: boolean) => void, reject: (error: Error) => void): ConnectionEvents {
    const { keys } = this.#workload;
    const path = pathOf(this.#workload);
    const send = sender(this.#workload);
    const again = (connection: HttpConnection, why: string): void => {
      const { key, tries } = this.#inFlight.get(connection) as Attempt;
      if (tries >= triesMax) reject(refusal(this.#workload.targets[connection.target], why));
      else setTimeout(() => this.#retries.push({ key, tries: tries + 1 }), retryMs);
    };
    const onFree = (connection: HttpConnection): void => {
      const attempt = this.#retries.pop() ?? (this.#next < keys ? { key: this.#next++, tries: 1 } : undefined);
      // A failed key may come back while other connections have nothing left to do.
      if (attempt === undefined) return void setTimeout(() => this.#filled < keys && onFree(connection), retryMs);
      this.#inFlight.set(connection, attempt);
      connection.sentUs = performance.now() * 1000;
      return send(connection, { method: 'PUT', path: path(attempt.key) });
    };
    const onAnswer = (connection: HttpConnection, status: number): void => {
      if (status === 503 || status === 504) return again(connection, `${status}`);
      if (status !== 201) return reject(refusal(this.#workload.targets[connection.target], `${status}`));
      if (++this.#filled === keys) resolve(true);
    };
    return { onFree, onAnswer, onLost: again, onIdleLost: () => {} };
  }
}

function giveUpOld(connections: readonly HttpConnection[]): void {
  const oldestUs = (performance.now() - timeoutMs) * 1000;
  for (const connection of connections) {
    if (connection.isInFlight && connection.sentUs < oldestUs) connection.giveUp('no answer in time');
  }
}

function refusal(url: string | undefined, why: string): KvorumError {
  if (why === '507') return new KvorumError('disk-full', `Cannot fill: ${url} answers 507, its disk is full`);
  return new KvorumError('worker-failed', `Cannot fill: ${url}: ${/^\d+$/.test(why) ? `answers ${why}` : why}`);
}
