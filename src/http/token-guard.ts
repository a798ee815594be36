/**
 * Who may ask what, for a node with a file of tokens: `authorization: Bearer TOKEN` (RFC 6750), and a scope for each path.
 *
 * A token is hashed and looked up once a connection, and again when the file has been read anew: what a connection has shown
 * is kept with it (`Bearer`) and compared with what the same client sends next, so no comparison tells one client of
 * another's token.
 */
import { bearerToken, grantOf, type Grant, type Scope } from '../domain/tokens.ts';
import { family, type MetricFamily } from '../metrics/metrics.ts';
import { problemResponse } from './problem.ts';
import type { Response } from './reply.ts';
import { isSafe, type Request } from './request.ts';

/** Why a request is refused. */
const reasons = ['missing', 'unknown', 'scope'] as const;
type Reason = (typeof reasons)[number];

/**
 * Open to all: what says that a node lives, what peers must know before they can prove anything, and what holds no data: the
 * page and the description of this protocol.
 */
const openPaths: ReadonlySet<string> = new Set(['/livez', '/readyz', '/v0/node', '/v0/openapi.json', '/', '*']);
/** Paths, with all below them, that slow the node as a whole or give all of it, also where they only look. */
const adminPaths = ['/v0/profile', '/v0/backup'];

/** What a request needs; undefined where it needs nothing. Whatever is no reading, and no write of a key, is for admins. */
export function scopeOf(path: string, method: string): Scope | undefined {
  if (openPaths.has(path)) return undefined;
  if (adminPaths.some((one) => path === one || path.startsWith(`${one}/`))) return 'admin';
  if (isSafe(method)) return 'read';
  return path === '/v0/entity' ? 'write' : 'admin';
}

export class TokenGuard {
  #grants: readonly Grant[];
  readonly #refused: Record<Reason, number> = { missing: 0, unknown: 0, scope: 0 };

  constructor(grants: readonly Grant[]) {
    this.#grants = grants;
  }

  /** Other tokens from now on, for connections that there are as well. */
  use(grants: readonly Grant[]): void {
    this.#grants = grants;
  }

  /** Why a request may not have what needs `scope`, or undefined where it may. */
  refusal(request: Request, scope: Scope): Response | undefined {
    const { authorization } = request.head;
    if (authorization === '') return this.#refuse('missing', 'unauthorized', 'This node asks for a token', challenge);
    const grant = this.#grantOf(request);
    if (grant === undefined) {
      const field = `${challenge}, error="invalid_token"`;
      return this.#refuse('unknown', 'unauthorized', 'This node does not know the token', field);
    }
    if (grant.scopes.includes(scope)) return undefined;
    const field = `${challenge}, error="insufficient_scope", scope="${scope}"`;
    return this.#refuse('scope', 'forbidden', `Token "${grant.name}" lacks the scope "${scope}"`, field);
  }

  families(): MetricFamily[] {
    return [
      {
        ...family('counter', 'kvorum_http_refused_tokens_total', 'Requests that were refused for their token', 0),
        samples: reasons.map((reason) => ({ labels: { reason }, value: this.#refused[reason] })),
      },
      family('gauge', 'kvorum_tokens', 'Client tokens that this node knows', this.#grants.length),
    ];
  }

  #grantOf({ head: { authorization }, bearer }: Request): Grant | undefined {
    if (bearer.grants === this.#grants && bearer.authorization === authorization) return bearer.grant;
    const token = bearerToken(authorization);
    bearer.grant = token === undefined ? undefined : grantOf(this.#grants, token);
    bearer.authorization = authorization;
    bearer.grants = this.#grants;
    return bearer.grant;
  }

  #refuse(reason: Reason, code: 'unauthorized' | 'forbidden', detail: string, field: string): Response {
    this.#refused[reason]++;
    return problemResponse(code, detail, `www-authenticate: ${field}\r\n`);
  }
}

const challenge = 'Bearer realm="kvorum"';
