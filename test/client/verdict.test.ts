import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KvorumClientError } from '../../src/client/client-error.ts';
import type { Failed } from '../../src/client/exchange.ts';
import { isUnsent, reasonOf } from '../../src/client/reasons.ts';
import { finalError, shareMs, verdictOfFailure, verdictOfRefusal, type Intent } from '../../src/client/verdict.ts';

const read: Intent = { isWrite: false, mayRepeat: true };
const write: Intent = { isWrite: true, mayRepeat: false };
const repeatable: Intent = { isWrite: true, mayRepeat: true };
const url = 'http://node';

/** `KIND CODE` for a read, a write, and a write that may take effect twice. */
function ofStatus(status: number, code: string | undefined): readonly string[] {
  const problem = code === undefined ? undefined : { code, detail: 'why' };
  return [read, write, repeatable].map((intent) => {
    const { kind, error } = verdictOfRefusal(intent, { url, status, problem });
    return `${kind} ${error.code}`;
  });
}

test('an answer of a node says whether a request goes on, and whether a write may have taken effect', () => {
  const unknown = ['failed outcome-unknown', 'again outcome-unknown'];
  const all = (verdict: string): readonly string[] => [verdict, verdict, verdict];
  for (const [status, code, expected] of [
    [400, 'bad-id', all('failed refused')],
    [413, 'value-too-large', all('failed refused')],
    [421, 'unknown-host', all('failed refused')],
    [501, 'condition-unknown', all('failed refused')],
    [401, 'unauthorized', all('failed denied')],
    [403, 'forbidden', all('failed denied')],
    [503, 'overloaded', all('again unavailable')],
    [503, 'clock-skew', all('again unavailable')],
    [504, 'not-enough-replicas', ['again quorum-not-met', ...unknown]],
    [500, 'failed', ['again node-failed', ...unknown]],
    [507, 'disk-full', ['again node-failed', ...unknown]],
    // Without a problem it is not said by a node: a proxy may have sent the write on.
    [503, undefined, ['again unavailable', ...unknown]],
    [502, undefined, ['again node-failed', ...unknown]],
    [404, undefined, all('failed not-a-node')],
    [501, undefined, all('failed not-a-node')],
    [200, undefined, all('failed not-a-node')],
    [302, undefined, all('failed not-a-node')],
  ] as const) {
    assert.deepEqual(ofStatus(status, code), expected, `${status} ${code}`);
  }
});

test('a write that may have been sent goes on only if it may take effect twice', () => {
  const failure: Failed = { kind: 'failed', url, end: 'network', isUnsent: false, reason: 'reset', cause: undefined };
  for (const [given, expected] of [
    [{ isUnsent: true }, ['again unreachable', 'again unreachable', 'again unreachable']],
    [{}, ['again unreachable', 'failed outcome-unknown', 'again outcome-unknown']],
    [{ end: 'timeout' }, ['again timeout', 'failed outcome-unknown', 'again outcome-unknown']],
    [{ end: 'aborted' }, ['failed aborted', 'failed aborted', 'failed aborted']],
  ] as const) {
    const verdicts = [read, write, repeatable].map((intent) => verdictOfFailure(intent, { ...failure, ...given }));
    assert.deepEqual(
      verdicts.map(({ kind, error }) => `${kind} ${error.code}`),
      expected,
    );
  }
});

test('a try that may have taken effect counts more than the failures after it', () => {
  const unknown = new KvorumClientError('outcome-unknown', { url, status: 504, reason: 'late' });
  const last = new KvorumClientError('unavailable', { url: 'http://other', status: 503, reason: 'full' });
  const error = finalError(last, unknown);
  assert.deepEqual([error.code, error.url, error.status, error.cause], ['outcome-unknown', url, 504, last]);
  assert.equal(finalError(last, undefined), last);
});

test('one try takes half of the time only where another node could be asked with the rest', () => {
  assert.deepEqual(
    [shareMs(8, read, true), shareMs(8, read, false), shareMs(8, write, true), shareMs(8, repeatable, true)],
    [4, 8, 8, 4],
  );
});

test('what failed before the first byte is told from what may have been sent', () => {
  const wrapped = (fields: object, message = ''): Error =>
    new TypeError('fetch failed', { cause: Object.assign(new Error(message), fields) });
  for (const [error, expected, reason] of [
    [wrapped({ code: 'ECONNREFUSED', syscall: 'connect' }), true, /^connection refused/],
    [wrapped({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }), true, /^no such host$/],
    [wrapped({ code: 'UND_ERR_CONNECT_TIMEOUT' }), true, /^no connection in time$/],
    [wrapped({ code: 'ERR_SSL_WRONG_VERSION_NUMBER' }), true, /without TLS; give http:/],
    [wrapped({ code: 'EPROTO', syscall: 'write' }, 'write EPROTO: wrong version number'), true, /give http:/],
    [wrapped({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'self-signed certificate'), true, /certificate/],
    [wrapped({ code: 'ECONNRESET', syscall: 'read' }), false, /^connection reset$/],
    [wrapped({ code: 'UND_ERR_SOCKET' }), false, /^connection closed/],
    [wrapped({ code: 'HPE_INVALID_CONSTANT' }), false, /does not speak HTTP/],
    [new TypeError('Failed to fetch'), false, /^Failed to fetch$/],
  ] as const) {
    assert.equal(isUnsent(error), expected, String(reason));
    assert.match(reasonOf(error), reason);
  }
  const [refused, sent] = [
    { code: 'ECONNREFUSED', syscall: 'connect' },
    { code: 'ECONNRESET', syscall: 'read' },
  ];
  const both = (errors: readonly object[]): Error => wrapped({ code: 'ECONNREFUSED', errors });
  assert.deepEqual([isUnsent(both([refused, refused])), isUnsent(both([refused, sent]))], [true, false]);
});
