/** The one way from the page to its node. */

/** Milliseconds that the node has for an answer; a peer's comes through it. */
const ANSWER_MS_MAX = 4000;

export interface Answered {
  readonly status: number;
  /** Undefined where it is no JSON. */
  readonly json: unknown;
}

/** Where this tab keeps the token; nobody else's page sees it. */
const tokenName = 'kvorum-token';
let token = sessionStorage.getItem(tokenName) ?? '';
let tellRefusal: (why: string | undefined) => void = () => {};

/** From now on the node is shown this token. */
export function useToken(given: string): void {
  token = given;
  sessionStorage.setItem(tokenName, given);
}

/** Calls `tell` with each answer: why it is refused for its token, or undefined where it is not. */
export function onTokenAnswer(tell: (why: string | undefined) => void): void {
  tellRefusal = tell;
}

/** Asks the page's node. Rejects, in words, where it does not answer. */
export async function ask(path: string): Promise<Answered> {
  const answer = await fetch(path, {
    cache: 'no-store',
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
  }).catch((error: unknown) => {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    throw new Error(isLate ? `no answer within ${ANSWER_MS_MAX / 1000} s` : 'the page’s node does not answer', {
      cause: error,
    });
  });
  const text = await answer.text();
  const refusal = token === '' ? 'This node asks for a token.' : 'This node does not take the token.';
  tellRefusal(answer.headers.has('www-authenticate') ? refusal : undefined);
  try {
    return { status: answer.status, json: JSON.parse(text) };
  } catch {
    return { status: answer.status, json: undefined };
  }
}
