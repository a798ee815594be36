/** Who may ask what: the scope of each path, what is refused and how, and that a connection's token is looked up once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grantFor, type Grant } from '../../src/domain/tokens.ts';
import { parseHead } from '../../src/http/head.ts';
import { Reply } from '../../src/http/reply.ts';
import type { Bearer, Request } from '../../src/http/request.ts';
import { scopeOf, TokenGuard } from '../../src/http/token-guard.ts';

for (const [method, path, scope] of [
  ['GET', '/livez', undefined],
  ['GET', '/readyz', undefined],
  ['GET', '/v0/node', undefined],
  ['GET', '/', undefined],
  ['GET', '/metrics', 'read'],
  ['GET', '/v0/status', 'read'],
  ['GET', '/v0/entity', 'read'],
  ['HEAD', '/v0/entity', 'read'],
  ['PUT', '/v0/entity', 'write'],
  ['DELETE', '/v0/entity', 'write'],
  ['PATCH', '/v0/entity', 'write'],
  ['GET', '/v0/entities', 'read'],
  ['GET', '/v0/inspect', 'read'],
  ['GET', '/v0/profile', 'admin'],
  ['POST', '/v0/profile/start', 'admin'],
  ['GET', '/v0/backup', 'admin'],
  ['POST', '/v0/inspect', 'admin'],
  ['POST', '/v0/restore', 'admin'],
  ['GET', '/v0/profiles', 'read'],
  ['GET', '/elsewhere', 'read'],
  ['POST', '/elsewhere', 'admin'],
] as const) {
  test(`${method} ${path} needs ${scope ?? 'no token'}`, () => assert.equal(scopeOf(path, method), scope));
}

const noBearer = (): Bearer => ({ authorization: '', grants: undefined, grant: undefined });

function requestWith(authorization: string, bearer = noBearer()): Request {
  const field = authorization === '' ? '' : `\r\nauthorization: ${authorization}`;
  const head = parseHead(`GET /v0/entity?id=a HTTP/1.1\r\nhost: a${field}`);
  if ('malformed' in head) assert.fail(head.malformed);
  const reply = new Reply({ method: 'GET', keepAlive: true, isHttp10: false }, () => {});
  return { head, reply, bearer, arrivedAt: 0, heldSince: 0, takeBody: () => {} };
}

const grants: readonly Grant[] = [grantFor('reader', 'read', 'r'), grantFor('writer', 'write', 'w')];

for (const [what, authorization, scope, status, field] of [
  ['no token', '', 'read', 401, /^www-authenticate: Bearer realm="kvorum"\r\n$/m],
  ['a token that is unknown', 'Bearer other', 'read', 401, /Bearer realm="kvorum", error="invalid_token"/],
  ['another scheme', 'Basic cmVhZGVy', 'read', 401, /error="invalid_token"/],
  ['a scope that the token lacks', 'Bearer reader', 'write', 403, /error="insufficient_scope", scope="write"/],
  ['a scope that a writer lacks', 'Bearer writer', 'read', 403, /scope="read"/],
] as const) {
  test(`refusal() of ${what} is ${status} and says what to do`, () => {
    const refusal = new TokenGuard(grants).refusal(requestWith(authorization), scope);
    assert.equal(refusal?.status, status);
    assert.match(refusal?.fields ?? '', field);
    assert.doesNotMatch(String(refusal?.body), /reader|writer|other/);
  });
}

test('refusal() lets a token do what it is for', () => {
  const guard = new TokenGuard(grants);
  assert.equal(guard.refusal(requestWith('Bearer reader'), 'read'), undefined);
  assert.equal(guard.refusal(requestWith('bearer writer'), 'write'), undefined);
});

test('a connection keeps what its token is good for, until it shows another one or the tokens are others', () => {
  const guard = new TokenGuard(grants);
  const bearer = noBearer();
  const statusOf = (authorization: string): number | undefined =>
    guard.refusal(requestWith(authorization, bearer), 'read')?.status;
  assert.equal(statusOf('Bearer reader'), undefined);
  // What is kept is what counts: put in its place, another grant would do as well.
  bearer.grant = undefined;
  assert.equal(statusOf('Bearer reader'), 401);
  assert.equal(statusOf('Bearer other'), 401);
  assert.equal(statusOf('Bearer reader'), undefined);
  guard.use([grantFor('another', 'read', 'r')]);
  assert.equal(statusOf('Bearer reader'), 401);
  assert.equal(statusOf('Bearer another'), undefined);
});

test('families() counts refusals by reason', () => {
  const guard = new TokenGuard(grants);
  for (const authorization of ['', 'Bearer other', 'Bearer other', 'Bearer writer']) {
    guard.refusal(requestWith(authorization), 'read');
  }
  const [refused, known] = guard.families();
  assert.deepEqual(
    refused?.samples.map(({ labels, value }) => [labels['reason'], value]),
    [
      ['missing', 1],
      ['unknown', 2],
      ['scope', 1],
    ],
  );
  assert.equal(known?.samples[0]?.value, 2);
});
