/**
 * Request heads of HTTP/1.1 (RFC 9112), parsed strictly: a head that two parsers could read in two ways is refused. Pure:
 * bytes in, a head or the reason for its refusal out.
 *
 * Own code, since the front is the largest single cost of a request: on the same machine in the same run node:http takes
 * 26 us of CPU per small PUT and 22 per GET, this and `connection.ts` 12 to 13 (docs/decisions/002-http-front.md).
 */
import { Buffer } from 'node:buffer';

/** What a head says that the server acts on. */
export interface RequestHead {
  readonly method: string;
  /** The request target in origin form, one character per byte. */
  readonly target: string;
  /** Body bytes; 0 if there is no body, undefined if it is chunked. */
  readonly contentLength: number | undefined;
  readonly keepAlive: boolean;
  /** HTTP/1.0 clients must be told that the connection stays open. */
  readonly isHttp10: boolean;
  readonly expectsContinue: boolean;
  /** The `accept` fields as they came, joined by commas; empty if there is none. */
  readonly accept: string;
  /** The `authorization` field; empty if there is none. */
  readonly authorization: string;
}

/** Why a head is refused. */
export interface MalformedHead {
  readonly malformed: string;
}

interface Fields {
  contentLength: number | undefined;
  chunked: boolean;
  connection: string;
  hosts: number;
  expectsContinue: boolean;
  accept: string;
  authorization: string;
}

/** A client sends the same fields with each request: how many field sections are remembered, and how long each may be. */
const KNOWN_FIELDS_MAX = 256;
const KNOWN_FIELDS_CHARACTERS = 512;
const known = new Map<string, Readonly<Fields>>();

const methodPattern = /^[A-Z!#$%&'*+.^_`|~0-9a-z-]{1,32}$/;
const namePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Field values may hold tabs and any visible byte, and no other control character. */
// oxlint-disable-next-line no-control-regex
const forbiddenInValue = /[\0-\x08\x0a-\x1f\x7f]/;
// oxlint-disable-next-line no-control-regex
const forbiddenInTarget = /[\0-\x20\x7f]/;

/** Parses a head: its lines without the empty line at the end, one character per byte. */
export function parseHead(text: string): RequestHead | MalformedHead {
  const lineEnd = text.indexOf('\r\n');
  const requestLine = lineEnd < 0 ? text : text.slice(0, lineEnd);
  const methodEnd = requestLine.indexOf(' ');
  const targetEnd = requestLine.length - 9;
  if (methodEnd < 1 || targetEnd <= methodEnd || requestLine[targetEnd] !== ' ') return malformed('request line');
  const minor = minorVersion(requestLine.slice(targetEnd + 1));
  if (minor === undefined) return malformed('HTTP version: 1.0 and 1.1 are known');
  const method = requestLine.slice(0, methodEnd);
  const target = requestLine.slice(methodEnd + 1, targetEnd);
  if (!methodPattern.test(method) || forbiddenInTarget.test(target)) return malformed('request line');
  const fields = knownFields(lineEnd < 0 ? '' : text.slice(lineEnd + 2));
  if ('malformed' in fields) return fields;
  return finishHead(method, originForm(target), minor, fields);
}

function minorVersion(version: string): 0 | 1 | undefined {
  if (version === 'HTTP/1.1') return 1;
  return version === 'HTTP/1.0' ? 0 : undefined;
}

function finishHead(
  method: string,
  target: string,
  minor: 0 | 1,
  fields: Readonly<Fields>,
): RequestHead | MalformedHead {
  if (fields.chunked && (fields.contentLength !== undefined || minor === 0)) {
    // Both at once is how requests are smuggled (RFC 9112 section 6.1).
    return malformed('framing: transfer-encoding beside content-length, or in HTTP/1.0');
  }
  if (fields.hosts > 1 || (minor === 1 && fields.hosts === 0)) return malformed('host: exactly one is required');
  const keepAlive = minor === 1 ? !hasToken(fields.connection, 'close') : hasToken(fields.connection, 'keep-alive');
  const contentLength = fields.chunked ? undefined : (fields.contentLength ?? 0);
  const expectsContinue = fields.expectsContinue && minor === 1;
  const { accept, authorization } = fields;
  return { method, target, contentLength, keepAlive, isHttp10: minor === 0, expectsContinue, accept, authorization };
}

/** `parseFields`, remembered. */
function knownFields(text: string): Readonly<Fields> | MalformedHead {
  const before = known.get(text);
  if (before !== undefined) return before;
  if (text.length > KNOWN_FIELDS_CHARACTERS) return parseFields(text);
  // A copy, since a slice, and what is sliced of it, would keep the whole head.
  const own = Buffer.from(text, 'latin1').toString('latin1');
  const fields = parseFields(own);
  if ('malformed' in fields) return fields;
  if (known.size >= KNOWN_FIELDS_MAX) known.clear();
  known.set(own, fields);
  return fields;
}

function parseFields(text: string): Fields | MalformedHead {
  const fields: Fields = {
    contentLength: undefined,
    chunked: false,
    connection: '',
    hosts: 0,
    expectsContinue: false,
    accept: '',
    authorization: '',
  };
  for (let start = 0; start < text.length;) {
    let end = text.indexOf('\r\n', start);
    if (end < 0) end = text.length;
    const colon = text.indexOf(':', start);
    if (colon < 0 || colon >= end) return malformed('header line');
    const problem = takeField(fields, text.slice(start, colon), text.slice(colon + 1, end));
    if (problem !== undefined) return malformed(problem);
    start = end + 2;
  }
  return fields;
}

/** Notes one field; returns what is wrong with it. Folded lines and spaces before the colon fail the name pattern. */
function takeField(fields: Fields, name: string, rawValue: string): string | undefined {
  if (!namePattern.test(name) || forbiddenInValue.test(rawValue)) return 'header line';
  switch (name.toLowerCase()) {
    case 'content-length':
      return takeContentLength(fields, rawValue.trim());
    case 'transfer-encoding':
      if (fields.chunked || rawValue.trim().toLowerCase() !== 'chunked') return 'transfer-encoding: only chunked, once';
      fields.chunked = true;
      return undefined;
    case 'connection':
      fields.connection += `,${rawValue}`;
      return undefined;
    case 'accept':
      fields.accept = fields.accept === '' ? rawValue : `${fields.accept},${rawValue}`;
      return undefined;
    case 'authorization':
      // Two of them are no proof of anything: joined, they match nothing.
      fields.authorization += fields.authorization === '' ? rawValue.trim() : `, ${rawValue.trim()}`;
      return undefined;
    case 'host':
      fields.hosts++;
      return undefined;
    case 'expect':
      if (rawValue.trim().toLowerCase() !== '100-continue') return 'expect: only 100-continue is known';
      fields.expectsContinue = true;
      return undefined;
    default:
      return undefined;
  }
}

function takeContentLength(fields: Fields, value: string): string | undefined {
  if (!/^\d{1,15}$/.test(value)) return 'content-length';
  if (fields.contentLength !== undefined && fields.contentLength !== Number(value)) return 'content-length: two values';
  fields.contentLength = Number(value);
  return undefined;
}

function hasToken(list: string, token: string): boolean {
  return (
    list !== '' &&
    list
      .toLowerCase()
      .split(',')
      .some((part) => part.trim() === token)
  );
}

/** The absolute form, which proxies send (RFC 9112 section 3.2.2), without its origin. */
function originForm(target: string): string {
  if (target.startsWith('/') || !/^https?:\/\//i.test(target)) return target;
  const slash = target.indexOf('/', target.indexOf('//') + 2);
  return slash < 0 ? '/' : target.slice(slash);
}

function malformed(what: string): MalformedHead {
  return { malformed: `Malformed ${what}` };
}
