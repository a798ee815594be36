/**
 * From outcomes to answers: the one table that knows both.
 */
import type { ServerResponse } from 'node:http';
import type { Outcome } from '../domain/operation.ts';
import type { ProblemCode } from './problem.ts';
import { sendProblem } from './problem.ts';

export type EntityMethod = 'GET' | 'PUT' | 'DELETE';

/** What an entity request waits with for its outcome. */
export interface EntityExchange {
  readonly method: EntityMethod;
  readonly response: ServerResponse;
  /** `performance.now()` when the headers had come. */
  readonly startedAt: number;
  /** Body bytes that the request holds until it is answered. */
  readonly bodyBytes: number;
  readonly acksRequired: number;
}

const noContent: readonly string[] = ['content-length', '0'];
const retryAfter: readonly string[] = ['retry-after', '1'];

/** Answers a request with its outcome. */
export function sendOutcome(exchange: EntityExchange, outcome: Outcome): void {
  const { response } = exchange;
  switch (outcome.kind) {
    case 'found':
      response.writeHead(200, [
        'content-type',
        'application/octet-stream',
        'content-length',
        String(outcome.value.length),
      ]);
      response.end(outcome.value);
      return;
    case 'missing':
      return sendProblem(response, 'not-found');
    case 'written':
      response.writeHead(exchange.method === 'PUT' ? 201 : 202, noContent as string[]);
      response.end();
      return;
    case 'unreachable':
      return sendProblem(response, 'not-enough-replicas', shortfall(exchange, outcome));
    case 'timedOut':
      return sendProblem(response, 'timeout', shortfall(exchange, outcome));
    case 'full':
      return sendProblem(response, 'disk-full', shortfall(exchange, outcome));
    case 'overloaded':
      return sendProblem(response, 'overloaded', 'The worker queue is full; nothing was done', retryAfter);
    case 'failed':
      return sendProblem(response, 'failed', `A worker thread failed${unknown(exchange)}`);
    default:
      return outcome satisfies never;
  }
}

/** Refuses a request before anything was done for it, and asks the client to come back. */
export function sendRefusal(response: ServerResponse, code: ProblemCode, detail: string): void {
  sendProblem(response, code, detail, retryAfter);
}

function shortfall(exchange: EntityExchange, outcome: { acks: number; failures: number }): string {
  const acks = `${outcome.acks} of ${exchange.acksRequired} replicas answered`;
  const failures = outcome.failures > 0 ? `, ${outcome.failures} failed` : '';
  return `${acks}${failures}${unknown(exchange)}`;
}

/** A write that was not acknowledged may have happened all the same. */
function unknown(exchange: EntityExchange): string {
  return exchange.method === 'GET' ? '' : '; outcome unknown: the write may still take effect';
}
