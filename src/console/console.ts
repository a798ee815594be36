/**
 * What the page at `/` asks its node for: the node's status with what it measured in the last quarter of an hour, of this
 * node or, through it, of a peer. A browser that reaches one node of a cluster need not reach the others, and may not read
 * what they answer.
 *
 * The node takes a sample each 5 s, whether or not a page is open, and keeps the last 180.
 */
import { messageOf } from '../diagnostics/errors.ts';
import { latencyBounds, type MetricFamily } from '../metrics/metrics.ts';
import { consolePath, sampleMs, samplesMax } from './bounds.ts';
import { reading, sampleBetween, type Reading, type Sample } from './figures.ts';

export interface ConsoleOptions {
  readonly node: {
    status(): Promise<Record<string, unknown>>;
    metrics(): Promise<readonly MetricFamily[]>;
  };
  /** URLs of the other nodes: nobody else is asked. */
  readonly peers: readonly string[];
  /** Asks a node; resolves to the body, rejects with why there is none. */
  readonly askPeer: (url: string, path: string, authorization: string) => Promise<string>;
}

export class Console {
  readonly #options: ConsoleOptions;
  readonly #samples: Sample[] = [];
  #last: Reading | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: ConsoleOptions) {
    this.#options = options;
  }

  /** Takes the first reading, and goes on. */
  async start(): Promise<void> {
    if (this.#isStopped) return;
    await this.#measure();
    this.#timer = setTimeout(() => void this.start(), sampleMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /**
   * The JSON for a query: `node` names a peer to ask instead, `after` when the newest sample ended that the asker has, as it
   * was told. A peer is asked as whoever asks here. What it does not answer is an `error` in words.
   */
  async answer(query: string, authorization: string): Promise<string> {
    const parameters = new URLSearchParams(query);
    const node = parameters.get('node');
    const after = Number(parameters.get('after') ?? 0) || 0;
    if (node === null) return this.#own(after);
    if (!this.#options.peers.includes(node)) return failure('The cluster has no such node');
    try {
      return await this.#options.askPeer(node, `${consolePath}?after=${after}`, authorization);
    } catch (error) {
      return failure(messageOf(error));
    }
  }

  async #own(after: number): Promise<string> {
    const status = await this.#options.node.status();
    const samples = this.#samples.filter(({ at }) => at > after);
    return JSON.stringify({ now: Date.now(), status, bounds: latencyBounds, samples });
  }

  async #measure(): Promise<void> {
    const families = await this.#options.node.metrics();
    const next = reading(families, { at: Date.now(), monotonicMs: performance.now() });
    if (this.#last !== undefined) this.#samples.push(sampleBetween(this.#last, next));
    this.#samples.splice(0, this.#samples.length - samplesMax);
    this.#last = next;
  }
}

function failure(error: string): string {
  return JSON.stringify({ error });
}
