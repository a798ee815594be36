/**
 * What our front may do otherwise than node:http, each with its reason. A difference that no row of the table explains is a
 * failure: two servers that read one stream in two ways are how requests are smuggled.
 *
 * Of a message that both take they may not read two things; a row only allows that one of them takes what the other
 * refuses, or that node:http has lost its place.
 */
import { METHODS } from 'node:http';
import { BODY_BYTES_MAX, type Framing, type SeenRequest } from './framing.ts';

/** The message at which two readings part. */
export interface Parting {
  /** What both have read. */
  readonly before: string;
  /** Its head as far as it came, lines ended as they came. */
  readonly head: string;
  readonly requestLine: string;
  /** Whole lines behind the request line. */
  readonly fields: readonly string[];
  /** What came behind the head. */
  readonly body: string;
}

export interface Difference {
  readonly name: string;
  /**
   * `refuses`: our front refuses what node:http takes, or waits for the rest of, or ends the connection before it; `takes`:
   * the other way round. `anything`: what node:http reads means nothing.
   */
  readonly front: 'refuses' | 'takes' | 'either' | 'anything';
  readonly why: string;
  readonly applies: (parting: Parting) => boolean;
}

const fieldNamed = (name: string): RegExp => new RegExp(`^${name}:`, 'i');
const named = ({ fields }: Parting, name: string): string[] => fields.filter((line) => fieldNamed(name).test(line));
const valueOf = (line: string): string => line.slice(line.indexOf(':') + 1);

const authority = /^[ \t]*(?:\[[\da-f:.]+\]|[\w.~%!$&'()*+;=-]*)(?::\d{0,5})?[ \t]*$/i;
const targetOf = ({ requestLine }: Parting): string => requestLine.split(' ')[1] ?? '';
const methodOf = ({ requestLine }: Parting): string => requestLine.split(' ')[0] ?? '';

export const differences: readonly Difference[] = [
  {
    name: 'another version',
    front: 'refuses',
    why: 'Only HTTP/1.0 and 1.1 are understood; node:http also takes 0.9 and 2.0 for versions of such messages',
    applies: ({ requestLine }) => / HTTP\/(?:0\.9|2\.0)$/.test(requestLine),
  },
  {
    name: 'a request line of other parts',
    front: 'refuses',
    why: 'RFC 9112 section 3: one space between three parts; node:http skips further ones, and takes two parts for HTTP/0.9',
    applies: ({ requestLine }) => !/^[^ ]+ [^ ]+ HTTP\/\d\.\d$/.test(requestLine),
  },
  {
    name: 'hosts',
    front: 'refuses',
    why: 'RFC 9112 section 3.2: there must be one host, an authority; node:http takes the first as it is, and after none reads on',
    applies: (parting) => {
      const hosts = named(parting, 'host');
      return hosts.length !== 1 || hosts.some((line) => !authority.test(valueOf(line)));
    },
  },
  {
    name: 'targets',
    front: 'refuses',
    why: 'RFC 9112 section 3.2: fragments, users and other schemes stand in no target; node:http hands them on',
    applies: (parting) => /#|^[^/*]/.test(targetOf(parting)),
  },
  {
    name: 'transfer codings',
    front: 'refuses',
    why: 'Only chunked is known, once and not in HTTP/1.0; node:http looks for it at the end of a list',
    applies: (parting) => named(parting, 'transfer-encoding').length > 0,
  },
  {
    name: 'an expectation that is not known',
    front: 'refuses',
    why: 'After 417 the body may come or not, so the connection ends; node:http reads on',
    applies: (parting) => named(parting, 'expect').some((line) => !/^[ \t]*100-continue[ \t]*$/i.test(valueOf(line))),
  },
  {
    name: 'a body over the bound',
    front: 'refuses',
    why: 'What is announced above the bound is refused before it comes; node:http leaves bounds to its handlers',
    applies: (parting) =>
      named(parting, 'content-length').some((line) => Number(valueOf(line)) > BODY_BYTES_MAX) ||
      /\r\n0*[1-9a-f][\da-f]{4,}/i.test(parting.body),
  },
  {
    name: 'a bare line end before a request',
    front: 'refuses',
    why: 'RFC 9112 section 2.2 lets servers skip empty lines, which end with CRLF; node:http also skips a lone CR or LF',
    applies: ({ head }) => /^[\r\n]/.test(head),
  },
  {
    name: 'methods that node:http does not know',
    front: 'takes',
    why: 'Any token is a method (RFC 9110 section 9.1), and 405 says which are known; node:http has a list',
    applies: (parting) => !METHODS.includes(methodOf(parting)),
  },
  {
    name: 'bytes above ASCII in a target',
    front: 'takes',
    why: 'Clients send keys as they are typed, and these bytes end no part of a request; node:http refuses them',
    applies: (parting) => /[\x80-\xff]/.test(targetOf(parting)),
  },
  {
    name: 'blanks around the extension of a chunk',
    front: 'takes',
    why: 'RFC 9112 section 7.1.1: they must be skipped; node:http refuses them',
    applies: ({ body }) => /\r\n[\da-f]+(?:[ \t]+;|[^\r\n]*;[ \t]|[^\r\n]*[ \t]=|[^\r\n]*=[ \t])/i.test(body),
  },
  {
    name: 'tabs behind a value that frames',
    front: 'either',
    why: 'RFC 9110 section 5.6.3: white space around a value is spaces and tabs; node:http refuses tabs behind these lengths, and overlooks options of connection beside one',
    applies: ({ before, fields }) =>
      fields.some((line) => /^(?:content-length|transfer-encoding):.*\t *$/i.test(line)) ||
      /\nconnection:[^\r]*\t/i.test(before),
  },
  {
    name: 'close beside keep-alive in HTTP/1.0',
    front: 'refuses',
    why: 'RFC 9112 section 9.3: close is looked at first; node:http goes on',
    applies: ({ before }) => /HTTP\/1\.0\r\n/.test(before) && /\nconnection:[^\r]*close/i.test(before),
  },
  {
    name: 'proxy-connection',
    front: 'either',
    why: 'It is no field of HTTP (RFC 9112 appendix C.2.2); node:http takes it for connection',
    applies: ({ before }) => /\nproxy-connection:/i.test(before),
  },
  {
    name: 'an upgrade',
    front: 'anything',
    why: 'An upgrade that is not done is a request like others; node:http loses what came behind it in the same piece',
    applies: ({ before, head }) => /\nupgrade:/i.test(before + head),
  },
];

/** How two readings part; undefined where they are the same. */
export interface Divergence {
  readonly front: 'refuses' | 'takes' | 'reads otherwise';
  /** Requests that both read. */
  readonly common: number;
}

export function divergence(front: Framing, oracle: Framing): Divergence | undefined {
  const common = commonCount(front.requests, oracle.requests);
  const [frontMore, oracleMore] = [front.requests.length > common, oracle.requests.length > common];
  if (frontMore && oracleMore) return { front: 'reads otherwise', common };
  // Behind a request that ends the connection nothing is read; node:http then calls what follows a fault.
  if (!frontMore && !oracleMore && isEnded(front) && isEnded(oracle)) return undefined;
  if (frontMore) return { front: 'takes', common };
  if (front.isRefused && !oracle.isRefused) return { front: 'refuses', common };
  if (oracleMore) return { front: front.isRefused || isEnded(front) ? 'refuses' : 'reads otherwise', common };
  return oracle.isRefused && !front.isRefused ? { front: 'takes', common } : undefined;
}

function commonCount(one: readonly SeenRequest[], other: readonly SeenRequest[]): number {
  let count = 0;
  while (count < one.length && isSame(one[count], other[count])) count++;
  return count;
}

function isSame(one: SeenRequest | undefined, other: SeenRequest | undefined): boolean {
  return one?.method === other?.method && one?.target === other?.target && one?.body === other?.body;
}

/** Whether the last request that was read was answered with the end of the connection. */
function isEnded({ answers }: Framing): boolean {
  const [, ...read] = answers.split('HTTP/1.1 200 ');
  const [head = ''] = (read.at(-1) ?? '').split('\r\n\r\n');
  return /\r\nconnection: close$|\r\nconnection: close\r\n/i.test(head);
}

/** The message that begins at `start`. */
export function partingAt(text: string, start: number): Parting {
  const rest = text.slice(start).replace(/^(?:\r\n)+/, '');
  const end = rest.search(/\r?\n\r?\n/);
  const head = end < 0 ? rest : rest.slice(0, end);
  const [requestLine = '', ...fields] = head.split(/\r\n/);
  return { before: text.slice(0, start), head, requestLine, fields, body: end < 0 ? '' : rest.slice(end) };
}

/** The row that allows a divergence; undefined if none does. */
export function allowed({ front }: Divergence, parting: Parting): Difference | undefined {
  return differences.find((row) => isFor(row, front) && row.applies(parting));
}

function isFor(row: Difference, front: Divergence['front']): boolean {
  if (row.front === 'anything' || row.front === front) return true;
  return row.front === 'either' && front !== 'reads otherwise';
}
