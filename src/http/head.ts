/**
 * Request heads of HTTP/1.1 (RFC 9112), parsed strictly: a head that two parsers could read in two ways is refused. Pure:
 * bytes in, a head or the reason for its refusal out.
 *
 * Own code, since the front is the largest single cost of a request: on the same machine in the same run node:http takes
 * 26 us of CPU per small PUT and 22 per GET, this and `connection.ts` 12 to 13 (docs/decisions/002-http-front.md).
 */
import { Buffer } from 'node:buffer';
import { trimBlanks } from './blanks.ts';
import type { Preconditions } from './preconditions.ts';
import type { ProblemCode } from './problem.ts';

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
  /** Whom the client asks, from the absolute form or the `host` field, in lower case; empty where neither says. */
  readonly authority: string;
  /** The `origin` field in lower case: which page asks; empty where none does. */
  readonly origin: string;
  /** A field by which the request is to be carried out in part or on a condition only, in lower case; empty if none. */
  readonly condition: string;
  /** Conditions that a read is to be answered on; undefined if there are none. */
  readonly preconditions: Preconditions | undefined;
}

/** Why a head is refused. */
export interface MalformedHead {
  readonly malformed: string;
  readonly problem: ProblemCode;
}

interface RequestLine {
  readonly method: string;
  readonly target: string;
  /** Of the version, HTTP/1.x. */
  readonly minor: 0 | 1;
}

interface Fields {
  contentLength: number | undefined;
  /** The `transfer-encoding` fields in lower case, joined by commas; undefined if there is none. */
  codings: string | undefined;
  /** What `connection` asks for. */
  closes: boolean;
  keepsAlive: boolean;
  host: string | undefined;
  origin: string;
  condition: string;
  preconditions: Preconditions | undefined;
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
/**
 * A target is in origin form, in absolute form, or the one that `OPTIONS` of the server has; nobody opens a tunnel here. It
 * has no fragment: what follows `#` stays with the client (RFC 9110 section 4.1).
 */
// oxlint-disable-next-line no-control-regex
const targetPattern = /^(?:\/[^\0-\x20#\x7f]*|https?:\/\/[^\0-\x20#\x7f]*|\*)$/i;
const versionPattern = /^HTTP\/\d\.\d$/;
/** A name or address, and a port (RFC 3986 section 3.2.2); no list, and no user. */
const authorityPattern = /^(?:\[[\da-f:.]+\]|[\w.~%!$&'()*+;=-]*)(?::\d{0,5})?$/i;
const absolutePattern = /^https?:\/\/([^/?]*)(.*)$/i;

/** Parses a head: its lines without the empty line at the end, one character per byte. */
export function parseHead(text: string): RequestHead | MalformedHead {
  const lineEnd = text.indexOf('\r\n');
  const requestLine = lineEnd < 0 ? text : text.slice(0, lineEnd);
  const asked = parseRequestLine(requestLine);
  if ('malformed' in asked) return asked;
  const fields = knownFields(lineEnd < 0 ? '' : text.slice(lineEnd + 2));
  if ('malformed' in fields) return fields;
  const head = finishHead(asked, fields);
  return 'malformed' in head || asked.target.startsWith('/') ? head : inOriginForm(head);
}

/** What a request line says, or what is wrong with it. */
export function parseRequestLine(line: string): RequestLine | MalformedHead {
  const methodEnd = line.indexOf(' ');
  const targetEnd = line.length - 9;
  if (methodEnd < 1 || targetEnd <= methodEnd || line[targetEnd] !== ' ') return malformed('request line');
  const method = line.slice(0, methodEnd);
  const target = line.slice(methodEnd + 1, targetEnd);
  if (!methodPattern.test(method) || !targetPattern.test(target)) return malformed('request line');
  if (line.endsWith('HTTP/1.1')) return { method, target, minor: 1 };
  if (line.endsWith('HTTP/1.0')) return { method, target, minor: 0 };
  if (!versionPattern.test(line.slice(targetEnd + 1))) return malformed('request line');
  return { malformed: 'HTTP versions 1.0 and 1.1 are known', problem: 'version-not-supported' };
}

function finishHead({ method, target, minor }: RequestLine, fields: Readonly<Fields>): RequestHead | MalformedHead {
  const isChunked = fields.codings !== undefined;
  if (isChunked && (fields.contentLength !== undefined || minor === 0)) {
    // Both at once is how requests are smuggled (RFC 9112 section 6.1).
    return malformed('framing: transfer-encoding beside content-length, or in HTTP/1.0');
  }
  const { host, accept, authorization, origin, condition, preconditions } = fields;
  if (minor === 1 && host === undefined) return malformed('host: exactly one is required');
  return {
    method,
    target,
    contentLength: isChunked ? undefined : (fields.contentLength ?? 0),
    keepAlive: !fields.closes && (minor === 1 || fields.keepsAlive),
    isHttp10: minor === 0,
    expectsContinue: fields.expectsContinue && minor === 1,
    accept,
    authorization,
    authority: host ?? '',
    origin,
    condition,
    preconditions,
  };
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
    codings: undefined,
    closes: false,
    keepsAlive: false,
    host: undefined,
    origin: '',
    condition: '',
    preconditions: undefined,
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
    if (typeof problem === 'string') return malformed(problem);
    if (problem !== undefined) return problem;
    start = end + 2;
  }
  return codingsProblem(fields.codings) ?? fields;
}

/** Whether name and value of a field may stand so. Folded lines and spaces before the colon fail the name's pattern. */
export function isField(name: string, rawValue: string): boolean {
  return namePattern.test(name) && !forbiddenInValue.test(rawValue);
}

/** Notes one field; returns what is wrong with it. */
function takeField(fields: Fields, rawName: string, rawValue: string): string | MalformedHead | undefined {
  if (!isField(rawName, rawValue)) return 'header line';
  const name = rawName.toLowerCase();
  const value = trimBlanks(rawValue);
  switch (name) {
    case 'content-length':
      return takeContentLength(fields, value);
    case 'transfer-encoding':
      fields.codings = fields.codings === undefined ? value.toLowerCase() : `${fields.codings},${value.toLowerCase()}`;
      return undefined;
    case 'connection':
      fields.closes ||= hasToken(value, 'close');
      fields.keepsAlive ||= hasToken(value, 'keep-alive');
      return undefined;
    case 'accept':
      fields.accept = fields.accept === '' ? value : `${fields.accept},${value}`;
      return undefined;
    case 'authorization':
      // Two of them are no proof of anything: joined, they match nothing.
      fields.authorization += fields.authorization === '' ? value : `, ${value}`;
      return undefined;
    case 'host':
      if (fields.host !== undefined) return 'host: exactly one is required';
      if (!authorityPattern.test(value)) return 'host';
      fields.host = value.toLowerCase();
      return undefined;
    case 'origin':
      // Two of them are no origin that is known.
      fields.origin += fields.origin === '' ? value.toLowerCase() : `, ${value.toLowerCase()}`;
      return undefined;
    case 'expect':
      if (!listOf(value).every((one) => one === '100-continue')) return unknownExpectation;
      fields.expectsContinue = true;
      return undefined;
    case 'content-range':
      fields.condition = name;
      return undefined;
    case 'if-match':
    case 'if-none-match':
    case 'if-unmodified-since':
      fields.condition = name;
      return takePrecondition(fields, name, value);
    case 'if-modified-since':
      return takePrecondition(fields, name, value);
    default:
      return undefined;
  }
}

const preconditionNames = {
  'if-match': 'ifMatch',
  'if-none-match': 'ifNoneMatch',
  'if-unmodified-since': 'ifUnmodifiedSince',
  'if-modified-since': 'ifModifiedSince',
} as const;
const noPreconditions: Preconditions = { ifMatch: '', ifNoneMatch: '', ifModifiedSince: '', ifUnmodifiedSince: '' };

function takePrecondition(fields: Fields, field: keyof typeof preconditionNames, value: string): undefined {
  const name = preconditionNames[field];
  const before = fields.preconditions ?? noPreconditions;
  fields.preconditions = { ...before, [name]: before[name] === '' ? value : `${before[name]},${value}` };
}

const unknownExpectation: MalformedHead = {
  malformed: 'Expectation "100-continue" is the only one that is known',
  problem: 'expectation-failed',
};

const unknownCoding: MalformedHead = {
  malformed: 'Transfer coding "chunked" is the only one that is known',
  problem: 'coding-unknown',
};

/**
 * What is wrong with the transfer codings of a request. Without chunked at their end, and nowhere else, nobody knows where
 * its body ends (RFC 9112 section 6.3); with it that is known, but not what the body means (section 6.1).
 */
function codingsProblem(codings: string | undefined): MalformedHead | undefined {
  if (codings === undefined || codings === 'chunked') return undefined;
  const names = listOf(codings);
  const isFramed = names.indexOf('chunked') === names.length - 1 && !names.includes('');
  return isFramed ? unknownCoding : malformed('transfer-encoding: chunked, once and last');
}

function takeContentLength(fields: Fields, value: string): string | undefined {
  if (!/^\d{1,15}$/.test(value)) return 'content-length';
  if (fields.contentLength !== undefined) return 'content-length: more than one';
  fields.contentLength = Number(value);
  return undefined;
}

function hasToken(list: string, token: string): boolean {
  return listOf(list).includes(token);
}

/** The members of a list, in lower case. */
function listOf(list: string): string[] {
  return list.toLowerCase().split(',').map(trimBlanks);
}

/** The absolute form, which proxies send (RFC 9112 section 3.2.2), without its origin; that counts, not `host`. */
function inOriginForm(head: RequestHead): RequestHead | MalformedHead {
  const [, authority, rest] = absolutePattern.exec(head.target) ?? [];
  if (authority === undefined || rest === undefined) return head;
  if (authority === '' || !authorityPattern.test(authority)) return malformed('request target');
  return { ...head, authority: authority.toLowerCase(), target: rest.startsWith('/') ? rest : `/${rest}` };
}

function malformed(what: string): MalformedHead {
  return { malformed: `Malformed ${what}`, problem: 'bad-request' };
}
