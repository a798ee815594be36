/**
 * Redis's protocol (RESP2), as far as it is needed to put load on a server and to ask what it is.
 *
 * Own code, since the generator shares the machine with what it measures. CPU of the client's process for a SET of 64 bytes,
 * 64 connections with one command in flight on each, against redis-server 7.0 on 2 cores, Node 20.20, two turns: 9.8 and
 * 9.9 us, the package `redis` 6.3 30.1 and 33.2 us, `ioredis` 6.0 16.4 and 20.6 us.
 */
import { Buffer } from 'node:buffer';
import type { AnswerParser, LoadConnection } from './connection.ts';
import type { AnswerEnd } from './response-parser.ts';

export type Reply =
  | { readonly kind: 'text' | 'error'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number }
  /** Null: there is no such key. */
  | { readonly kind: 'bulk'; readonly bytes: Buffer | null }
  | { readonly kind: 'list'; readonly items: readonly Reply[] };

export interface ReadReply {
  readonly reply: Reply;
  readonly next: number;
}

const bulkBytesMax = 512 * 1024 * 1024;
const itemsMax = 100_000;
const depthMax = 8;
const lineBytesMax = 64 * 1024;

/** A command as an array of bulk strings; arguments are one byte a character. */
export function command(...args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

/** The reply that begins at `at`; undefined where it has not come whole. Throws `Error` on what is none. */
export function readReply(bytes: Buffer, at: number, depth = 0): ReadReply | undefined {
  const end = bytes.indexOf('\r\n', at, 'latin1');
  if (end < 0) {
    if (bytes.length - at > lineBytesMax) throw new Error('a line without an end');
    return undefined;
  }
  const text = bytes.toString('utf8', at + 1, end);
  const next = end + 2;
  switch (bytes.readUInt8(at)) {
    case 0x2b: // +
      return { reply: { kind: 'text', text }, next };
    case 0x2d: // -
      return { reply: { kind: 'error', text }, next };
    case 0x3a: // :
      return { reply: { kind: 'integer', value: integerOf(text, Number.MAX_SAFE_INTEGER) }, next };
    case 0x24: // $
      return readBulk(bytes, next, integerOf(text, bulkBytesMax));
    case 0x2a: // *
      if (depth >= depthMax) throw new Error('lists within lists within lists');
      return readList(bytes, { at: next, count: integerOf(text, itemsMax), depth: depth + 1 });
    default:
      throw new Error(`no reply of Redis: ${JSON.stringify(text.slice(0, 40))}`);
  }
}

function readBulk(bytes: Buffer, at: number, length: number): ReadReply | undefined {
  if (length < 0) return { reply: { kind: 'bulk', bytes: null }, next: at };
  const end = at + length;
  if (bytes.length < end + 2) return undefined;
  if (bytes[end] !== 0x0d || bytes[end + 1] !== 0x0a) throw new Error('a string longer than it says');
  return { reply: { kind: 'bulk', bytes: bytes.subarray(at, end) }, next: end + 2 };
}

interface ListPlace {
  readonly at: number;
  readonly count: number;
  readonly depth: number;
}

function readList(bytes: Buffer, { at, count, depth }: ListPlace): ReadReply | undefined {
  const items: Reply[] = [];
  let next = at;
  while (items.length < count) {
    const item = readReply(bytes, next, depth);
    if (item === undefined) return undefined;
    items.push(item.reply);
    next = item.next;
  }
  return { reply: { kind: 'list', items }, next };
}

function integerOf(text: string, max: number): number {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= -max && value <= max) return value;
  throw new Error(`not a number: ${JSON.stringify(text.slice(0, 40))}`);
}

/**
 * The replies of one connection under load, as statuses that Kvorum's nodes would give: 201 stored, 504 by too few
 * replicas, 200 found, 404 not there, 500 an error. A SET that is waited for has two replies.
 */
export class RespParser implements AnswerParser {
  readonly #connection: Pick<LoadConnection, 'isRead'>;
  readonly #waitReplicas: number;
  #rest: Buffer | undefined;
  #replies: Reply[] = [];

  constructor(connection: Pick<LoadConnection, 'isRead'>, waitReplicas: number) {
    this.#connection = connection;
    this.#waitReplicas = waitReplicas;
  }

  take(bytes: Buffer, length: number): AnswerEnd | undefined {
    const fresh = bytes.subarray(0, length);
    const buffer = this.#rest === undefined ? fresh : Buffer.concat([this.#rest, fresh]);
    const wanted = this.#connection.isRead || this.#waitReplicas === 0 ? 1 : 2;
    let at = 0;
    while (this.#replies.length < wanted && at < buffer.length) {
      const read = readReply(buffer, at);
      if (read === undefined) break;
      this.#replies.push(read.reply);
      at = read.next;
    }
    if (this.#replies.length < wanted) {
      this.#rest = Buffer.from(buffer.subarray(at));
      return undefined;
    }
    if (at < buffer.length) throw new Error('more replies than commands');
    const status = this.#statusOf(this.#replies);
    this.#rest = undefined;
    this.#replies = [];
    return { status, keepAlive: true, retryAfterMs: null };
  }

  close(): undefined {}

  #statusOf([first, waited]: readonly Reply[]): number {
    if (first?.kind === 'bulk') return first.bytes === null ? 404 : 200;
    if (first?.kind !== 'text') return 500;
    if (waited === undefined) return 201;
    return waited.kind === 'integer' && waited.value >= this.#waitReplicas ? 201 : 504;
  }
}
