/**
 * Streams of requests as no well-behaved client sends them: messages by a grammar in which every part has odd forms, then
 * mutations of their bytes, then cuts. All of it follows from a seed.
 */
import { Buffer } from 'node:buffer';
import { seededRandom } from '../../profiling/load/random.ts';

/** Choices out of one sequence of random numbers. */
export class Choices {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed >>> 0);
  }

  /** A whole number from 0 up to and without `end`. */
  below(end: number): number {
    return Math.floor(this.#next() * end);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** One of the usual items, or once in `times` one of the odd ones. */
  rarely<Item>(times: number, odd: readonly Item[], usual: readonly Item[]): Item {
    return this.pick(this.once(times) ? odd : usual);
  }
}

/** The seed of one case of a run. */
export function caseSeed(seed: number, index: number): number {
  return (seed + Math.imul(index + 1, 0x9e3779b1)) >>> 0;
}

/** Bytes to send, one character a byte, and where they are cut. */
export interface RequestStream {
  readonly text: string;
  readonly cuts: readonly number[];
}

const MESSAGES_MAX = 4;

/** A stream; what stands at its end is a well-formed request for `canary`. */
export function requestStream(choices: Choices, canary: string): RequestStream {
  let text = '';
  for (let count = choices.below(MESSAGES_MAX) + 1; count > 0; count--) text += message(choices);
  if (choices.once(2)) text = mutated(choices, text);
  text += `GET ${canary} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
  return { text, cuts: cutsOf(choices, text.length) };
}

const methods = ['GET', 'GET', 'PUT', 'PUT', 'DELETE', 'HEAD', 'POST', 'OPTIONS'];
const oddMethods = [
  'get',
  'PATCH',
  'QUERY',
  'TRACE',
  'M-SEARCH',
  'FOO',
  'G:T',
  '',
  'GET\t',
  'PRI',
  '\x16\x03',
  'G\xe9T',
];
const paths = ['/v0/entity?id=a', '/v0/entity?id=b&ack=1&from=1', '/livez', '/v0/entities?start=a&limit=2', '/v0/node'];
const oddTargets = [
  '*',
  '/',
  '',
  'http://localhost/livez',
  'http://localhost?x=/v0/entity?id=a',
  'HTTP://LOCALHOST:80/v0/entity?id=a',
  'ftp://localhost/a',
  'http://a b/',
  'http://',
  'http://me@localhost/',
  'livez',
  '/a#b',
  '/a b',
  '/a\tb',
  '/v0/entity?id=\xc3\xa9',
  '/v0/entity?id=\xff',
  '/v0/entity?id=%zz',
  '//livez',
  '/a\x7f',
  '/a\0b',
  '/"<>\\^`{|}',
];
const oddVersions = [
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'HTTP/1.10',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/1',
  'ICE/1.0',
  '',
];
const oddLineEnds = ['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n'];
/** What other parsers may take for white space, and HTTP does not, between what HTTP does. */
const blanks = ['', ' ', '\t', '  ', ' \t', '\x0b', '\x0c', '\xa0', '\x85', '\r', '\0', '\x1f'];

function message(choices: Choices): string {
  const lineEnd = (): string => choices.rarely(60, oddLineEnds, ['\r\n']);
  const method = choices.rarely(10, oddMethods, methods);
  const target = choices.rarely(6, oddTargets, paths);
  const version = choices.rarely(8, oddVersions, ['HTTP/1.1']);
  const { fields, body } = framedBody(choices, method);
  const all = shuffled(choices, [...hosts(choices), ...fields, ...others(choices)]);
  const space = (): string => choices.rarely(80, ['  ', '\t', '', '\x0b'], [' ']);
  const emptyLines = choices.rarely(15, ['\r\n', '\n', '\r', '\r\n\r\n', ' \r\n'], ['']);
  const requestLine = `${emptyLines}${method}${space()}${target}${space()}${version}${lineEnd()}`;
  return `${requestLine}${all.map((field) => field + lineEnd()).join('')}${lineEnd()}${body}`;
}

function hosts(choices: Choices): string[] {
  if (!choices.once(12)) return ['host: localhost'];
  const odd = ['Host: 127.0.0.1:80', 'host:', 'host: a b', 'host: a, b', 'host: a/b', 'host: \x80', 'host : localhost'];
  return choices.pick([
    [],
    ['host: localhost', 'host: localhost'],
    ['host: localhost', 'Host: other'],
    [choices.pick(odd)],
  ]);
}

/** Fields that say how long a body is, and a body that is so long, or not. */
function framedBody(choices: Choices, method: string): { fields: string[]; body: string } {
  const hasBody = choices.rarely(8, [true], [method === 'PUT' || method === 'POST']);
  if (!hasBody) return { fields: choices.once(20) ? [lengthField(choices, '0')] : [], body: '' };
  const value = 'x'.repeat(choices.pick([0, 1, 3, 5, 16, 200]));
  if (choices.once(2)) return { fields: chunkedFields(choices), body: chunks(choices, value) };
  const fields = [lengthField(choices, String(value.length))];
  if (choices.once(12)) fields.push(lengthField(choices, String(choices.pick([value.length, value.length + 1, 0]))));
  if (choices.once(20)) fields.push(...chunkedFields(choices));
  return { fields, body: choices.once(25) ? value.slice(1) : value };
}

function lengthField(choices: Choices, length: string): string {
  const forms = [
    `+${length}`,
    `-${length}`,
    `0x${length}`,
    `${length}, ${length}`,
    `${length} ${length}`,
    `00${length}`,
  ];
  const odd = [...forms, '', '1e1', '99999999999999999999', `${length},`, `"${length}"`, `${length}.0`];
  const value = choices.rarely(10, odd, [length]);
  const name = choices.rarely(
    10,
    ['Content-length', 'CONTENT-LENGTH', 'content-length ', 'content_length'],
    ['content-length'],
  );
  return `${name}:${blank(choices)}${value}${blank(choices)}`;
}

function chunkedFields(choices: Choices): string[] {
  const odd = [
    'Chunked',
    'gzip, chunked',
    'chunked, chunked',
    'chunked, gzip',
    'identity',
    'chunked;q=1',
    ',chunked',
    'xchunked',
    '',
    '"chunked"',
  ];
  const field = `${choices.rarely(20, ['Transfer-Encoding', 'transfer-encoding '], ['transfer-encoding'])}:${blank(choices)}`;
  const one = `${field}${choices.rarely(8, odd, ['chunked'])}${blank(choices)}`;
  return choices.once(25) ? [one, `transfer-encoding: ${choices.pick(['chunked', 'gzip', 'identity'])}`] : [one];
}

function chunks(choices: Choices, value: string): string {
  const end = (): string => choices.rarely(40, ['\n', '\r', '', '\r\r\n', ' \r\n'], ['\r\n']);
  const extensions = [
    ';a',
    ';a=b',
    ';a="b;c"',
    '; a',
    ' ;a',
    ' ',
    '\t',
    ';',
    ';\0',
    ';\x7f',
    ';\xe9',
    ';a="\n"',
    'x',
    ';a\rb',
  ];
  const size = (bytes: number): string => {
    const hex = bytes.toString(16);
    const forms = [
      hex.toUpperCase(),
      `0${hex}`,
      `0x${hex}`,
      `+${hex}`,
      ` ${hex}`,
      `${'0'.repeat(14)}${hex}`,
      `-${hex}`,
      'g',
      '',
    ];
    return choices.rarely(20, forms, [hex]) + choices.rarely(12, extensions, ['']);
  };
  let body = '';
  for (let at = 0; at < value.length;) {
    const length = Math.min(value.length - at, 1 + choices.below(16));
    body += `${size(length)}${end()}${value.slice(at, at + length)}${end()}`;
    at += length;
  }
  const trailers = choices.rarely(
    8,
    ['a: b\r\n', 'a: b\r\nc: d\r\n', 'what\r\n', 'a : b\r\n', 'a: \0\r\n', 'content-length: 9\r\n', ' a\r\n'],
    [''],
  );
  return choices.once(30) ? body : `${body}${size(0)}${end()}${trailers}${end()}`;
}

function others(choices: Choices): string[] {
  const odd = [
    'connection: close',
    'Connection: keep-alive',
    'connection: close, keep-alive',
    'connection: keep-alive,\tClose ',
    `connection: close${blank(choices)}`,
    'connection: upgrade\r\nupgrade: h2c',
    'upgrade: websocket',
    'expect: 100-continue',
    'Expect: 100-Continue',
    'expect: tea',
    'a: b\r\n c',
    'a: b\r\n\tcontent-length: 5',
    ' a: b',
    'no colon',
    ': empty name',
    'a b: c',
    'a\x0b: c',
    'a: \x0b',
    'a: \0',
    'a: \x7f',
    'a: \xff\xe9',
    'a:',
    `a:${blank(choices)}b${blank(choices)}`,
    '"a": b',
    'a\xe9: b',
    `a: ${'y'.repeat(choices.pick([100, 4000, 16_000, 17_000]))}`,
    'if-none-match: *',
    'accept: application/x-ndjson',
    'te: trailers',
    'proxy-connection: close',
  ];
  return Array.from({ length: choices.rarely(3, [1, 2, 3], [0]) }, () => choices.pick(odd));
}

function blank(choices: Choices): string {
  return choices.rarely(10, blanks, ['', ' ']);
}

function shuffled(choices: Choices, items: readonly string[]): string[] {
  const rest = [...items];
  return items.map(() => rest.splice(choices.below(rest.length), 1)[0] as string);
}

const bytesThatMean = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\0',
  '\x7f',
  '\x80',
  '\xff',
  '0',
  '1',
  'a',
  '/',
  '#',
  '"',
  '\x0b',
];

/** Some bytes changed, left out, doubled or moved. */
function mutated(choices: Choices, text: string): string {
  let bytes = text;
  for (let count = 1 + choices.below(3); count > 0; count--) {
    const at = choices.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + choices.below(choices.pick([1, 1, 4, 40])));
    const [before, slice, after] = [bytes.slice(0, at), bytes.slice(at, end), bytes.slice(end)];
    const changed = [choices.pick(bytesThatMean), choices.pick(bytesThatMean) + slice, '', slice + slice];
    bytes = before + choices.pick(changed) + after;
  }
  return bytes;
}

/** Where a stream is cut: nowhere, at some places, or after every byte. */
function cutsOf(choices: Choices, length: number): number[] {
  const kind = choices.below(4);
  if (kind === 0) return [];
  if (kind === 1 && length < 1500) return Array.from({ length: length - 1 }, (_, index) => index + 1);
  const cuts = Array.from({ length: 1 + choices.below(6) }, () => 1 + choices.below(length - 1));
  return [...new Set(cuts)].sort((one, other) => one - other);
}

/** The pieces of a stream. */
export function piecesOf({ text, cuts }: RequestStream): Buffer[] {
  const starts = [0, ...cuts];
  return starts.map((start, index) => Buffer.from(text.slice(start, cuts[index] ?? text.length), 'latin1'));
}
