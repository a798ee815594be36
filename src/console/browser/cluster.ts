/** What the page knows of the cluster: asks the page's node, and through it the others, every 2 s while somebody looks. */
import { consolePath, sampleMs, samplesMax } from '../bounds.ts';
import type { NodeSeen } from '../health.ts';
import { readAnswer, type NodeAnswer } from '../seen.ts';
import type { NodeSamples } from '../timeline.ts';
import { ask } from './ask.ts';

const PAUSE_MS = 2000;

interface Known extends NodeSeen {
  readonly history: NodeSamples;
}

/** The node is there and does not tell, for want of a token that it knows. */
interface Refused {
  readonly refusal: string;
}

const noHistory: NodeSamples = { samples: [], bounds: [], shiftMs: 0 };

export class Cluster {
  readonly #onChange: () => void;
  /** By URL; of the page's own node under the empty one until it has said its own. */
  #nodes = new Map<string, Known>();
  #own = '';
  /** Since when the page's node has been silent, milliseconds since 1970; undefined while it answers. */
  silentSince: number | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Never ends. */
  async follow(): Promise<void> {
    for (;;) {
      if (!document.hidden) await this.#round();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** URL of the page's own node, empty until it has answered. */
  get own(): string {
    return this.#own;
  }

  /** In the order of the cluster's list. */
  get nodes(): readonly NodeSeen[] {
    return [...this.#nodes.values()];
  }

  /** What was measured of one node, or of all. */
  history(url: string | undefined): readonly NodeSamples[] {
    const nodes = url === undefined ? [...this.#nodes.values()] : [this.#nodes.get(url)];
    return nodes.flatMap((node) => (node === undefined || node.history.samples.length === 0 ? [] : [node.history]));
  }

  async #round(): Promise<void> {
    const own = await this.#hear(undefined);
    if (typeof own === 'object' && 'refusal' in own) {
      // It is there, and the page asks for a token.
      this.silentSince = undefined;
      return this.#onChange();
    }
    if (typeof own === 'string') {
      this.silentSince ??= Date.now();
      // Nobody can say how the others are: they were asked through this one.
      for (const [url, node] of this.#nodes) {
        this.#nodes.set(url, url === this.#own ? { ...node, silence: own } : { ...node, isStale: true });
      }
      return this.#onChange();
    }
    this.silentSince = undefined;
    this.#own = own.status.url;
    const urls = own.status.nodes.map(({ url }) => url);
    const known = this.#nodes;
    this.#nodes = new Map(urls.map((url) => [url, known.get(url) ?? unheard(url)]));
    this.#take(this.#own, own);
    this.#onChange();
    const others = urls.filter((url) => url !== this.#own);
    await Promise.all(
      others.map(async (url) => {
        const answer = await this.#hear(url);
        this.#take(url, typeof answer === 'object' && 'refusal' in answer ? answer.refusal : answer);
      }),
    );
    return this.#onChange();
  }

  async #hear(url: string | undefined): Promise<NodeAnswer | Refused | string> {
    const newest = this.#nodes.get(url ?? this.#own)?.history.samples.at(-1)?.at ?? 0;
    const node = url === undefined ? '' : `&node=${encodeURIComponent(url)}`;
    try {
      const { status, json } = await ask(`${consolePath}?after=${newest}${node}`);
      if (status === 401 || status === 403) return { refusal: 'it does not take the page’s token' };
      return readAnswer(json);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #take(url: string, answer: NodeAnswer | string): void {
    const node = this.#nodes.get(url);
    if (node === undefined) return;
    if (typeof answer === 'string') {
      this.#nodes.set(url, { ...node, silence: answer, isStale: false });
      return;
    }
    const since = Date.now() - samplesMax * sampleMs;
    const shiftMs = Date.now() - answer.now;
    const samples = [...node.history.samples, ...answer.samples].filter(({ at }) => at + shiftMs > since);
    const history = { samples, bounds: answer.bounds, shiftMs };
    this.#nodes.set(url, { url, status: answer.status, silence: undefined, isStale: false, history });
  }
}

function unheard(url: string): Known {
  return { url, status: undefined, silence: undefined, isStale: false, history: noHistory };
}
