/** Methods that a path does not carry out, answered alike on every path. */
import { problemResponse } from './problem.ts';
import type { Response } from './reply.ts';

/**
 * The answer to a method that is none of `known`: which there are. For `OPTIONS` that is what was asked, for any other
 * method it is why the request is refused (RFC 9110 sections 9.3.7 and 15.5.6).
 */
export function otherMethod(known: readonly string[], method: string): Response {
  const allow = `allow: ${[...known, 'OPTIONS'].join(', ')}\r\n`;
  if (method === 'OPTIONS') return { status: 204, fields: allow, body: undefined };
  return problemResponse('method-not-allowed', `Method ${method} is not known here`, allow);
}
