/**
 * The one error that the client rejects with, and the one table of its codes. Callers match on `code`; the text is for
 * people. "Nothing was done" is a promise; "outcome unknown" is the lack of one.
 */

/** Every code that a `KvorumClientError` can carry, and what it means. */
export const clientErrorCodes = {
  'bad-argument': 'an argument is wrong; nothing was sent',
  unreachable: 'no node could be reached, or the connection to it broke; of a write nothing was sent',
  unavailable: 'every node that was asked refuses for now (503); nothing was done',
  timeout: 'no answer came in time; of a write nothing was sent',
  aborted: 'the caller gave up; a write may have taken effect',
  'quorum-not-met': 'too few replicas answered a read or hold a range between them (504)',
  'outcome-unknown': 'a write was sent and not acknowledged: it may take effect, now or later, or not at all',
  'answer-cut': 'an answer or a range broke off: what has come is not all',
  refused: 'the node will not do it, and would not if it were asked again (4xx); nothing was done',
  denied: 'the node does not let this caller do it (401, 403); nothing was done',
  'node-failed': 'a node failed at a read (500, 507)',
  'not-a-node': 'what answers at the URL is no Kvorum node',
} as const;

export type ClientErrorCode = keyof typeof clientErrorCodes;

/** What is known of a failure besides its code. */
export interface ClientErrorFacts {
  /** The node that failed last. */
  readonly url?: string | undefined;
  /** Status of its answer; undefined if none came. */
  readonly status?: number | undefined;
  /** The `code` of the node's problem (RFC 9457), for example `clock-skew`. */
  readonly problem?: string | undefined;
  /** Why, in a few words: the node's own, or the network's. */
  readonly reason: string;
  readonly cause?: unknown;
}

export class KvorumClientError extends Error {
  readonly code: ClientErrorCode;
  readonly url: string | undefined;
  readonly status: number | undefined;
  readonly problem: string | undefined;
  readonly reason: string;

  constructor(code: ClientErrorCode, facts: ClientErrorFacts) {
    super(messageOf(code, facts), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'KvorumClientError';
    this.code = code;
    this.url = facts.url;
    this.status = facts.status;
    this.problem = facts.problem;
    this.reason = facts.reason;
  }
}

function messageOf(code: ClientErrorCode, { url, status, reason }: ClientErrorFacts): string {
  const answer = status === undefined ? '' : ` answered ${status}`;
  const who = url === undefined ? '' : `${url}${answer}: `;
  return `${who}${reason} (${code})`;
}
