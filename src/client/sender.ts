/**
 * Sends a request to one node after another until one has done it: `verdict.ts` says whether it may go on, `health.ts` who
 * is next, this file asks and waits. One deadline holds for all tries together.
 */
import { KvorumClientError } from './client-error.ts';
import { exchange, type Answered, type Bounds, type Failed, type Fetch, type Request } from './exchange.ts';
import { afterAnswer, afterFailure, afterRefusal, askedRestMs, inOrder, unknownHealth, type Health } from './health.ts';
import { join } from './bytes.ts';
import { pause } from './patience.ts';
import {
  finalError,
  parseProblem,
  pauseMs,
  problemType,
  seeUrl,
  shareMs,
  verdictOfFailure,
  verdictOfRefusal,
  type Intent,
  type Verdict,
} from './verdict.ts';

export interface SenderOptions {
  readonly urls: readonly string[];
  readonly fetch: Fetch;
  readonly headers: Readonly<Record<string, string>>;
  /** How often all nodes are asked. */
  readonly roundsMax: number;
}

export interface Task<T> extends Intent, Omit<Request, 'headers'> {
  readonly accept: string;
  /** Whether an answer is what was asked for; any other is a refusal. */
  readonly isGood: (answer: Answered) => boolean;
  /** Makes the result of a good answer. */
  readonly take: (answer: Answered) => Promise<T>;
  /** From the beginning to the answer's, over all tries; and each time until the next bytes come. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

type Tried<T> = { readonly kind: 'done'; readonly result: T } | Verdict;

/** As much of a problem is read; a node's are shorter than 1 KiB. */
const PROBLEM_BYTES_MAX = 64 * 1024;
/** Every process that serves answers it, whoever asks. */
const greetingPath = '/livez';

export class Sender {
  readonly #options: SenderOptions;
  #nodes: readonly Health[];

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#nodes = options.urls.map(unknownHealth);
  }

  /** Rejects with a `KvorumClientError`. */
  async send<T>(task: Task<T>): Promise<T> {
    const deadlineMs = performance.now() + task.timeoutMs;
    let unknown: KvorumClientError | undefined;
    for (let round = 0; ; round++) {
      const nodes = inOrder(this.#nodes, performance.now());
      let last: KvorumClientError | undefined;
      for (const [index, node] of nodes.entries()) {
        const leftMs = deadlineMs - performance.now();
        if (last !== undefined && leftMs <= 0) break;
        const tried = await this.#try(node, task, shareMs(leftMs, task, index + 1 < nodes.length));
        if (tried.kind === 'done') return tried.result;
        last = tried.error;
        if (last.code === 'outcome-unknown') unknown = last;
        if (tried.kind === 'failed') throw finalError(last, unknown);
      }
      const error = finalError(last ?? noNodes(), unknown);
      const waitMs = pauseMs(round, askedRestMs(this.#nodes, performance.now()), Math.random());
      if (round + 1 >= this.#options.roundsMax || performance.now() + waitMs >= deadlineMs) throw error;
      await pause(waitMs, task.signal);
    }
  }

  /** `answerMs`: until the answer begins. */
  async #try<T>({ url, hasAnswered }: Health, task: Task<T>, answerMs: number): Promise<Tried<T>> {
    const bounds = { answerMs, idleMs: task.timeoutMs, signal: task.signal };
    // A write that gets no answer may not go elsewhere: who may be gone is asked something harmless first.
    if (task.isWrite && !task.mayRepeat && !hasAnswered && this.#nodes.length > 1) {
      const failure = await this.#greet(url, { ...bounds, answerMs: answerMs / 2 });
      if (failure !== undefined) return failure;
    }
    const { method, path, body, accept } = task;
    const headers = { accept, ...this.#options.headers };
    const answer = await exchange(this.#options.fetch, url, { method, path, headers, body }, bounds);
    if (answer.kind === 'failed') return this.#failed(task, answer);
    this.#note(url, answer.status === 503 ? restOf(answer) : undefined);
    if (!task.isGood(answer)) return refused(task, answer);
    try {
      return { kind: 'done', result: await task.take(answer) };
    } catch (error) {
      if (error instanceof KvorumClientError && error.code === 'answer-cut') return { kind: 'again', error };
      throw error;
    }
  }

  /** Whether a node is there at all; undefined if it is. */
  async #greet(url: string, bounds: Bounds): Promise<Verdict | undefined> {
    const { fetch, headers } = this.#options;
    const answer = await exchange(fetch, url, { method: 'GET', path: greetingPath, headers }, bounds);
    if (answer.kind === 'failed') return this.#failed({ isWrite: false, mayRepeat: true }, answer);
    await readText(answer);
    const { status } = answer;
    if (status === 200 || status === 401 || status >= 500 || isProblem(answer)) return undefined;
    return { kind: 'failed', error: new KvorumClientError('not-a-node', { url, status, reason: seeUrl }) };
  }

  #failed(intent: Intent, failure: Failed): Verdict {
    if (failure.end !== 'aborted') {
      this.#change(failure.url, (node) => afterFailure(node, performance.now(), Math.random()));
    }
    return verdictOfFailure(intent, failure);
  }

  #note(url: string, restMs: number | undefined): void {
    this.#change(url, (node) => {
      return restMs === undefined ? afterAnswer(node) : afterRefusal(node, performance.now(), restMs);
    });
  }

  #change(url: string, change: (node: Health) => Health): void {
    this.#nodes = this.#nodes.map((node) => (node.url === url ? change(node) : node));
  }
}

async function refused(task: Task<unknown>, answer: Answered): Promise<Verdict> {
  const { url, status } = answer;
  if (!isProblem(answer)) {
    await answer.drop();
    return verdictOfRefusal(task, { url, status, problem: undefined });
  }
  return verdictOfRefusal(task, { url, status, problem: parseProblem(await readText(answer), status) });
}

/** What a node says of a failure; what of it has not come is not worth another failure. */
async function readText(answer: Answered): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.chunks()) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > PROBLEM_BYTES_MAX) break;
    }
  } catch {
    return '';
  }
  return new TextDecoder().decode(join(chunks));
}

export function isProblem({ field }: Answered): boolean {
  return field('content-type').startsWith(problemType);
}

/** How long a node asks to be left alone; a second where it does not say. */
function restOf({ field }: Answered): number {
  const seconds = field('retry-after');
  return /^\d{1,5}$/.test(seconds) ? Number(seconds) * 1000 : 1000;
}

function noNodes(): KvorumClientError {
  return new KvorumClientError('bad-argument', { reason: 'No URL of a node is given' });
}
