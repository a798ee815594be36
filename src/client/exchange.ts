/** One request to one node by `fetch`, and its answer or why there is none, as data. */
import { KvorumClientError } from './client-error.ts';
import { Patience } from './patience.ts';
import { isUnsent, networkError, reasonOf } from './reasons.ts';

/** What the client needs of `fetch`: that of Node, of browsers, or one of the caller's. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>;

export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: Uint8Array<ArrayBuffer>;
  signal: AbortSignal;
  /** A node never redirects. */
  redirect: 'manual';
  cache: 'no-store';
}

export interface FetchAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: FetchBody | null;
}

export interface FetchBody {
  getReader(): {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
}

export interface Bounds {
  /** Until the answer begins. */
  readonly answerMs: number;
  /** Until its next bytes come. */
  readonly idleMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface Answered {
  readonly kind: 'answered';
  readonly url: string;
  readonly status: number;
  /** A field of the head, empty if it is not there. */
  readonly field: (name: string) => string;
  /**
   * The body as it comes, to be read once; leaving the loop ends the request. Nothing is read ahead of the reader but what
   * sockets hold. Throws `answer-cut`, `aborted`.
   */
  readonly chunks: () => AsyncGenerator<Uint8Array, void, undefined>;
  /** Nobody reads the body. */
  readonly drop: () => Promise<void>;
}

export interface Failed {
  readonly kind: 'failed';
  readonly url: string;
  readonly end: 'timeout' | 'aborted' | 'network';
  /** Whether the request surely was not sent. */
  readonly isUnsent: boolean;
  readonly reason: string;
  readonly cause: unknown;
}

export async function exchange(
  fetch: Fetch,
  url: string,
  request: Request,
  bounds: Bounds,
): Promise<Answered | Failed> {
  const { method, path, headers, body } = request;
  const patience = new Patience(bounds.answerMs, bounds.signal);
  try {
    const answer = await fetch(url + path, {
      method,
      headers: { ...headers },
      ...(body !== undefined && { body }),
      signal: patience.signal,
      redirect: 'manual',
      cache: 'no-store',
    });
    return answered(url, answer, patience, bounds.idleMs);
  } catch (error) {
    patience.release();
    return failed(url, error, patience);
  }
}

function failed(url: string, error: unknown, patience: Patience): Failed {
  const cause = networkError(error);
  const { end } = patience;
  if (end === undefined) {
    return { kind: 'failed', url, end: 'network', isUnsent: isUnsent(error), reason: reasonOf(error), cause };
  }
  const reason = end === 'timeout' ? 'no answer in time' : 'given up by the caller';
  return { kind: 'failed', url, end, isUnsent: false, reason, cause };
}

function answered(url: string, answer: FetchAnswer, patience: Patience, idleMs: number): Answered {
  patience.pause();
  const chunks = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = answer.body?.getReader();
    try {
      for (;;) {
        patience.wait(idleMs);
        const { done, value } = (await reader?.read()) ?? { done: true };
        patience.pause();
        if (done) return;
        if (value !== undefined) yield value;
      }
    } catch (error) {
      throw cut(url, error, patience);
    } finally {
      patience.release();
      await reader?.cancel().catch(() => {});
    }
  };
  const drop = async (): Promise<void> => {
    patience.release();
    await answer.body
      ?.getReader()
      .cancel()
      .catch(() => {});
  };
  return {
    kind: 'answered',
    url,
    status: answer.status,
    field: (name) => answer.headers.get(name) ?? '',
    chunks,
    drop,
  };
}

function cut(url: string, error: unknown, { end }: Patience): KvorumClientError {
  const cause = networkError(error);
  if (end === 'aborted') return new KvorumClientError('aborted', { url, reason: 'given up by the caller', cause });
  const reason = end === 'timeout' ? 'the answer stopped half-way' : reasonOf(error);
  return new KvorumClientError('answer-cut', { url, reason, cause });
}
