/** The one way from the page to its node. */

/** Milliseconds that the node has for an answer; a peer's comes through it. */
const ANSWER_MS_MAX = 4000;

export interface Answered {
  readonly status: number;
  /** Undefined where it is no JSON. */
  readonly json: unknown;
}

/** Asks the page's node. Rejects, in words, where it does not answer. */
export async function ask(path: string): Promise<Answered> {
  const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS_MAX) }).catch(
    (error: unknown) => {
      const isLate = error instanceof DOMException && error.name === 'TimeoutError';
      throw new Error(isLate ? `no answer within ${ANSWER_MS_MAX / 1000} s` : 'the page’s node does not answer', {
        cause: error,
      });
    },
  );
  const text = await answer.text();
  try {
    return { status: answer.status, json: JSON.parse(text) };
  } catch {
    return { status: answer.status, json: undefined };
  }
}
