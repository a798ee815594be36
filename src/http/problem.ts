/**
 * Error answers: `application/problem+json` (RFC 9457) with a stable `code` beside the standard members. The answer to
 * a request depends on the code alone, so each is made once and kept as bytes where it has no detail of its own.
 */
import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';

/** Every code that an error answer can carry, with its status and title. */
export const problems = {
  'unknown-path': { status: 400, title: 'Unknown path' },
  'bad-id': { status: 400, title: 'Bad id' },
  'bad-quorum': { status: 400, title: 'Bad quorum' },
  'bad-parameter': { status: 400, title: 'Bad parameter' },
  'bad-request': { status: 400, title: 'Bad request' },
  'not-found': { status: 404, title: 'Not Found' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'request-timeout': { status: 408, title: 'Request timeout' },
  'value-too-large': { status: 413, title: 'Value too large' },
  'headers-too-large': { status: 431, title: 'Headers too large' },
  failed: { status: 500, title: 'Internal failure' },
  overloaded: { status: 503, title: 'Overloaded' },
  draining: { status: 503, title: 'Stopping' },
  starting: { status: 503, title: 'Starting' },
  'not-enough-replicas': { status: 504, title: 'Not Enough Replicas' },
  timeout: { status: 504, title: 'Not Enough Replicas' },
  'disk-full': { status: 507, title: 'Insufficient Storage' },
} as const;

export type ProblemCode = keyof typeof problems;

/** The status line's reason where it is not the standard one for the status. */
const reasons: Partial<Record<number, string>> = { 504: 'Not Enough Replicas' };

/** The body of a problem. */
export function problemBody(code: ProblemCode, detail?: string): Buffer {
  const { status, title } = problems[code];
  return Buffer.from(`${JSON.stringify({ type: 'about:blank', title, status, code, detail })}\n`);
}

/** Answers a request with a problem; `headers` are name and value in turn. */
export function sendProblem(
  response: ServerResponse,
  code: ProblemCode,
  detail?: string,
  headers: readonly string[] = [],
): void {
  const { status } = problems[code];
  const body = problemBody(code, detail);
  const all = ['content-type', 'application/problem+json', 'content-length', String(body.length), ...headers];
  const reason = reasons[status];
  if (reason === undefined) response.writeHead(status, all);
  else response.writeHead(status, reason, all);
  response.end(body);
}
