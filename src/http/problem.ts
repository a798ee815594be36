/**
 * Error answers: `application/problem+json` (RFC 9457) with a stable `code` beside the standard members.
 */
import { Buffer } from 'node:buffer';
import type { Response } from './reply.ts';

/** Every code that an error answer can carry, with its status and title. */
export const problems = {
  'unknown-path': { status: 400, title: 'Unknown path' },
  'bad-id': { status: 400, title: 'Bad id' },
  'bad-quorum': { status: 400, title: 'Bad quorum' },
  'bad-ttl': { status: 400, title: 'Bad ttl' },
  'bad-parameter': { status: 400, title: 'Bad parameter' },
  'bad-request': { status: 400, title: 'Bad request' },
  unauthorized: { status: 401, title: 'Unauthorized' },
  forbidden: { status: 403, title: 'Forbidden' },
  'not-found': { status: 404, title: 'Not Found' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'not-acceptable': { status: 406, title: 'Not acceptable' },
  'request-timeout': { status: 408, title: 'Request timeout' },
  'profile-busy': { status: 409, title: 'Recording already' },
  'profile-off': { status: 409, title: 'No recording' },
  'precondition-failed': { status: 412, title: 'Precondition failed' },
  'value-too-large': { status: 413, title: 'Value too large' },
  'target-too-long': { status: 414, title: 'Target too long' },
  'expectation-failed': { status: 417, title: 'Expectation failed' },
  'unknown-host': { status: 421, title: 'Unknown host' },
  'headers-too-large': { status: 431, title: 'Headers too large' },
  'range-timeout': { status: 503, title: 'Range timeout' },
  failed: { status: 500, title: 'Internal failure' },
  'condition-unknown': { status: 501, title: 'Not implemented' },
  'coding-unknown': { status: 501, title: 'Not implemented' },
  'clock-skew': { status: 503, title: 'Clock skew' },
  overloaded: { status: 503, title: 'Overloaded' },
  draining: { status: 503, title: 'Stopping' },
  recovering: { status: 503, title: 'Recovering' },
  refused: { status: 503, title: 'Refused by a peer' },
  starting: { status: 503, title: 'Starting' },
  'not-enough-replicas': { status: 504, title: 'Not Enough Replicas' },
  timeout: { status: 504, title: 'Not Enough Replicas' },
  'version-not-supported': { status: 505, title: 'HTTP version not supported' },
  'disk-full': { status: 507, title: 'Insufficient Storage' },
} as const;

export type ProblemCode = keyof typeof problems;

/** What every problem's answer says. */
export const problemFields = 'content-type: application/problem+json\r\n';

/** So many different answers are kept; more are made anew, since details may quote the request. */
const CACHED_MAX = 256;
const cached = new Map<string, Response>();

/**
 * The answer for a problem; `fields` are further header lines, each ended by CRLF. An overloaded node refuses many
 * requests, so an answer that quotes nothing of the request is made once and kept.
 */
export function problemResponse(code: ProblemCode, detail?: string, fields = ''): Response {
  const key = `${code}\n${detail}\n${fields}`;
  const known = cached.get(key);
  if (known !== undefined) return known;
  const response = problemWith(code, detail, {}, fields);
  if (cached.size < CACHED_MAX) cached.set(key, response);
  return response;
}

/** The answer for a problem with members of its own besides (RFC 9457 section 3.2). */
export function problemWith(
  code: ProblemCode,
  detail: string | undefined,
  members: Readonly<Record<string, unknown>>,
  fields = '',
): Response {
  const { status, title } = problems[code];
  const body = Buffer.from(`${JSON.stringify({ type: 'about:blank', title, status, code, detail, ...members })}\n`);
  return { status, fields: problemFields + fields, body };
}
