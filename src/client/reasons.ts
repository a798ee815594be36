/**
 * What an error of the network means, in words, and whether a request can have left before it. Only Node says what went
 * wrong: a browser's error has no code, so that there every request may have been sent. Pure.
 */

const plain = 'it speaks plain HTTP, without TLS; give http:// instead of https://';
const untrusted = 'its certificate is signed by nobody who is trusted here; --tls-ca names the authority of a cluster';

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; is a node running there?',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'name lookup failed',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped half-way',
  UND_ERR_SOCKET: 'connection closed before the answer was complete',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for other names than the one in the URL',
  ERR_SSL_WRONG_VERSION_NUMBER: plain,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: plain,
};

/** Faults that stand before the first byte of a request, besides those of a `connect` call. */
const beforeSending =
  /^(?:UND_ERR_CONNECT_TIMEOUT|ENOTFOUND|EAI_AGAIN|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|CERT_.*|ERR_TLS_CERT_.*|.*SELF_SIGNED_CERT.*|UNABLE_TO_.*)$/;
const callsBeforeSending = new Set(['connect', 'getaddrinfo']);

/** `fetch` hides the error of the network behind one of its own; `localhost` has two addresses, and so two errors. */
export function networkError(error: unknown): unknown {
  const cause = fieldOf(error, 'cause');
  return cause instanceof Error ? networkError(cause) : error;
}

export function reasonOf(error: unknown): string {
  const inner = networkError(error);
  const code = codeOf(inner);
  if (code.startsWith('HPE_')) return 'it does not speak HTTP; if it speaks TLS, give https:// instead of http://';
  if (isNoTls(inner)) return plain;
  return reasons[code] ?? (textOf(inner, 'message') || code || 'unknown reason');
}

/** Whether the request surely was not sent. */
export function isUnsent(error: unknown): boolean {
  const inner = networkError(error);
  const errors = fieldOf(inner, 'errors');
  if (Array.isArray(errors) && errors.length > 0) return errors.every(isUnsent);
  return callsBeforeSending.has(textOf(inner, 'syscall')) || beforeSending.test(codeOf(inner)) || isNoTls(inner);
}

/** Whether the handshake met something else: where a write notices that first, the code says only so much. */
function isNoTls(error: unknown): boolean {
  return codeOf(error) === 'EPROTO' && textOf(error, 'message').includes('wrong version number');
}

function codeOf(error: unknown): string {
  return textOf(error, 'code');
}

function textOf(error: unknown, name: string): string {
  const field = fieldOf(error, name);
  return typeof field === 'string' ? field : '';
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
