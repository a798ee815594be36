/**
 * Turns outcomes into answers: the one table that knows both.
 */
import type { Buffer } from 'node:buffer';
import type { Outcome } from '../domain/outcome.ts';
import { evaluate, validatorFields, type Preconditions, type ReadVerdict } from './preconditions.ts';
import { describeFaults, type NodeUrls } from './faults.ts';
import { problemResponse, problemWith, type ProblemCode } from './problem.ts';
import type { Reply, Response } from './reply.ts';
import { isSafe } from './request.ts';

export type EntityMethod = 'GET' | 'HEAD' | 'PUT' | 'DELETE';

/** What is kept of an entity request until its outcome comes. */
export interface EntityExchange {
  readonly method: EntityMethod;
  readonly reply: Reply;
  /** `performance.now()` when the first bytes came, while `Arrivals` are noted. */
  readonly arrivedAt: number;
  /** `performance.now()` when the head had come. */
  readonly startedAt: number;
  /** Body bytes that have come, which the request holds until it is answered. */
  bodyBytes: number;
  readonly acksRequired: number;
  readonly preconditions: Preconditions | undefined;
  /** Of a GET on a condition: asks for the value, once it is known that the answer needs it. */
  readonly readValue?: () => void;
  /** Of one record of many: takes its outcome, and the request is answered when all have theirs. */
  readonly onOutcome?: (outcome: Outcome) => void;
}

/** Asks a client to come back in a second. */
export const retryAfter = 'retry-after: 1\r\n';

const clocksDiffer = "Replicas refuse this node's time, see the clocks in /v0/status";
const created: Response = { status: 201, fields: '', body: undefined };
const accepted: Response = { status: 202, fields: '', body: undefined };
const missing = problemResponse('not-found');
const valueFields = 'content-type: application/octet-stream\r\n';

/** The answer to a request for its outcome. `nodes` are the URLs of the nodes in the topology. */
export function outcomeResponse(exchange: EntityExchange, outcome: Outcome, nodes: NodeUrls): Response {
  switch (outcome.kind) {
    case 'found':
    case 'announced':
      return foundResponse(exchange, outcome);
    case 'missing':
      return missing;
    case 'written':
      return exchange.method === 'PUT' ? created : accepted;
    case 'unreachable':
      return shortfall('not-enough-replicas', exchange, outcome, nodes);
    case 'refusedClock':
      return shortfall('not-enough-replicas', exchange, outcome, nodes);
    case 'timedOut':
      return shortfall('timeout', exchange, outcome, nodes);
    case 'full':
      return shortfall('disk-full', exchange, outcome, nodes);
    case 'overloaded':
      return problemResponse('overloaded', 'The worker queue is full; nothing was done', retryAfter);
    case 'clockSkew':
      return clockSkewed(outcome.detail);
    case 'failed':
      return problemResponse('failed', `A worker thread failed${unknown(exchange)}`);
    default:
      return outcome satisfies never;
  }
}

type Found = Extract<Outcome, { readonly version: number }>;

/** Whether an answer has the bytes of a value that was announced only. */
export function needsValue(exchange: EntityExchange, outcome: Outcome): boolean {
  if (outcome.kind !== 'announced' || exchange.method === 'HEAD') return false;
  return verdictOf(exchange, outcome, Math.floor(Date.now() / 1000)) === 'send';
}

function verdictOf({ preconditions }: EntityExchange, { version }: Found, nowSeconds: number): ReadVerdict {
  return preconditions === undefined ? 'send' : evaluate(preconditions, version, nowSeconds);
}

function foundResponse(exchange: EntityExchange, found: Found): Response {
  const { version, expiresAt } = found;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const verdict = verdictOf(exchange, found, nowSeconds);
  if (verdict === 'failed') return problemResponse('precondition-failed', 'The key has another version');
  const expires = expiresAt === 0 ? '' : `kvorum-expires: ${expiresAt}\r\n`;
  const fields = validatorFields(version, nowSeconds) + expires;
  if (verdict === 'not-modified') return { status: 304, fields, body: undefined };
  if (found.kind === 'found') return { status: 200, fields: valueFields + fields, body: found.value as Buffer };
  return { status: 200, fields: valueFields + fields, body: undefined, bodyBytes: found.valueBytes };
}

/** The answer to a write that this node's clock is too wrong for. */
export function clockSkewed(detail: string): Response {
  return problemResponse('clock-skew', `${detail}; nothing was done`);
}

type Shortfall = Extract<Outcome, { readonly faults: unknown }>;

/** A quorum that was not reached: which replicas failed, and why. */
function shortfall(code: ProblemCode, exchange: EntityExchange, outcome: Shortfall, nodes: NodeUrls): Response {
  const replicas = describeFaults(outcome.faults, nodes);
  const why = replicas.map(({ url, detail }) => `${url} ${detail}`).join(', ');
  const counts = countReplies(exchange, outcome);
  const detail = `${outcome.kind === 'refusedClock' ? `${clocksDiffer}: ` : ''}${counts}`;
  return problemWith(code, `${detail}${why === '' ? '' : `: ${why}`}${unknown(exchange)}`, { replicas });
}

function countReplies(exchange: EntityExchange, outcome: { acks: number; failures: number }): string {
  const acks = `${outcome.acks} of ${exchange.acksRequired} replicas answered`;
  const failures = outcome.failures > 0 ? `, ${outcome.failures} failed` : '';
  // A large value comes after the quorum has answered which one it is.
  const late = outcome.acks >= exchange.acksRequired ? '; the value did not come in time' : '';
  return `${acks}${failures}${late}`;
}

/** A write that was not acknowledged may have taken effect all the same. */
function unknown(exchange: EntityExchange): string {
  return isSafe(exchange.method) ? '' : '; outcome unknown: the write may still take effect';
}
