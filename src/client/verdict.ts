/**
 * What becomes of a request after one try: it is done, it may go to another node, or it has failed. Pure: the one place
 * that knows which failures leave a write's outcome unknown.
 *
 * A write is tried again only if nothing can have come of it: it was not sent, or a node says by its problem that nothing
 * was done. Sent again blindly it could overwrite a newer write of somebody else, since it would get a newer version.
 */
import { fieldOf, parseJson } from '../formats/foreign-json.ts';
import { KvorumClientError, type ClientErrorCode } from './client-error.ts';
import type { Failed } from './exchange.ts';

/** What a request may do when it fails. */
export interface Intent {
  readonly isWrite: boolean;
  /** Whether it may take effect twice. */
  readonly mayRepeat: boolean;
}

/** An answer that is not what was asked for. */
export interface Refusal {
  readonly url: string;
  readonly status: number;
  /** As of RFC 9457; undefined if the answer has none, so that it need not be a node's. */
  readonly problem: Problem | undefined;
}

export interface Problem {
  readonly code: string;
  readonly detail: string;
}

export type Verdict = { readonly kind: 'again' | 'failed'; readonly error: KvorumClientError };

export const problemType = 'application/problem+json';
export const seeUrl = 'it is no Kvorum node; is the URL right?';

export function parseProblem(text: string, status: number): Problem {
  const json = parseJson(text);
  const words = ['detail', 'title'].map((name) => fieldOf(json, name)).find((one) => typeof one === 'string');
  const code = fieldOf(json, 'code');
  return { code: typeof code === 'string' ? code : '', detail: words ?? `HTTP ${status}` };
}

/** After a try that got no answer. */
export function verdictOfFailure(intent: Intent, failure: Failed): Verdict {
  const { url, end, isUnsent, reason, cause } = failure;
  const because = (code: ClientErrorCode): KvorumClientError => new KvorumClientError(code, { url, reason, cause });
  if (end === 'aborted') return { kind: 'failed', error: because('aborted') };
  if (isUnsent) return { kind: 'again', error: because('unreachable') };
  if (!intent.isWrite) return { kind: 'again', error: because(end === 'timeout' ? 'timeout' : 'unreachable') };
  return { kind: intent.mayRepeat ? 'again' : 'failed', error: because('outcome-unknown') };
}

/** After an answer that is not what was asked for. */
export function verdictOfRefusal(intent: Intent, { url, status, problem }: Refusal): Verdict {
  const reason = problem?.detail ?? (status >= 500 && status !== 501 ? `HTTP ${status}` : seeUrl);
  const because = (code: ClientErrorCode): KvorumClientError =>
    new KvorumClientError(code, { url, status, problem: problem?.code, reason });
  if (problem !== undefined && status === 503) return { kind: 'again', error: because('unavailable') };
  if (status === 401 || status === 403) return { kind: 'failed', error: because('denied') };
  // A server that does not know the method, either: nodes do, and what stands in front of one passes it on.
  if (problem === undefined && (status < 500 || status === 501))
    return { kind: 'failed', error: because('not-a-node') };
  if (status < 500 || status === 501 || status === 505) return { kind: 'failed', error: because('refused') };
  if (intent.isWrite) return { kind: intent.mayRepeat ? 'again' : 'failed', error: because('outcome-unknown') };
  return { kind: 'again', error: because(codeOfRead(status)) };
}

function codeOfRead(status: number): ClientErrorCode {
  if (status === 503) return 'unavailable';
  return status === 504 ? 'quorum-not-met' : 'node-failed';
}

/** Why a request has failed for good: a try that may have taken effect counts more than what came after it. */
export function finalError(last: KvorumClientError, unknown: KvorumClientError | undefined): KvorumClientError {
  if (unknown === undefined || last.code === 'outcome-unknown' || last.code === 'aborted') return last;
  const { url, status, problem, reason } = unknown;
  return new KvorumClientError('outcome-unknown', { url, status, problem, reason, cause: last });
}

/** How much of the time that is left one try may take: half of it if another node could be asked with the rest. */
export function shareMs(leftMs: number, intent: Intent, hasOthers: boolean): number {
  return hasOthers && (intent.mayRepeat || !intent.isWrite) ? leftMs / 2 : leftMs;
}

const PAUSE_MS = 50;

/** How long to wait before all nodes are asked once more; `chance` from 0 to 1, `restMs` until the first is well again. */
export function pauseMs(round: number, restMs: number, chance: number): number {
  return Math.max(PAUSE_MS * 2 ** round * (1 - chance / 2), restMs);
}
