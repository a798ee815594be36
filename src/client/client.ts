/**
 * A typed client for Kvorum's HTTP protocol (docs/http.md), for Node and browsers: it needs `fetch` and nothing else.
 *
 *   const store = connect(['http://localhost:8080', 'http://localhost:8081']);
 *   await store.put('greeting', 'hello');
 *
 * Every node serves every request, so the first URL that is well is asked, and the next one if it does not do it. Nothing is
 * open between requests but what `fetch` keeps, so there is nothing to close.
 */
import { encodeKey, encodeValue, join, type Bytes } from './bytes.ts';
import { KvorumClientError } from './client-error.ts';
import type { Answered, Fetch, Request } from './exchange.ts';
import {
  keyRecordOf,
  linesOf,
  ndjson,
  rangePath,
  recordOf,
  type KeyRecord,
  type RangeBounds,
  type RangeEnd,
  type RangeRecord,
} from './range.ts';
import { isProblem, Sender, type Task } from './sender.ts';

export { KvorumClientError, clientErrorCodes, type ClientErrorCode } from './client-error.ts';
export type { Bytes } from './bytes.ts';
export type { Fetch, FetchAnswer, FetchBody, FetchInit } from './exchange.ts';
export type { KeyRecord, RangeBounds, RangeEnd, RangeRecord } from './range.ts';

/** How one request is made. What is left out is as `connect` was told, or else as the nodes are set. */
export interface CallOptions {
  /**
   * Milliseconds until the answer begins, sending the request and all tries included, and for the body of an answer without a
   * byte; default 10,000.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the request: it rejects with `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions extends CallOptions {
  /** Replicas that must answer; by default most of `from`. */
  readonly ack?: number | undefined;
  /** Replicas that hold the key; by default as the cluster is set. */
  readonly from?: number | undefined;
  /** `strict`: linearizable for the key, if all its requests are. */
  readonly consistency?: 'quorum' | 'strict' | undefined;
}

export interface WriteOptions extends ReadOptions {
  /**
   * What becomes of a write that was sent and got no answer, or an answer that leaves open what came of it (504, 507, 500).
   * `safe`, the default: it rejects with `outcome-unknown`. `idempotent`: it is sent again, to the next node; choose that only
   * where nobody else writes the key meanwhile, or where it does not matter who wins: sent again, the write gets a newer
   * version, and replaces what somebody else has written between the two.
   * Writes that surely had no effect (not sent, or refused with 503) go to the next node either way.
   */
  readonly retry?: 'safe' | 'idempotent' | undefined;
}

export interface PutOptions extends WriteOptions {
  /** Milliseconds from now, a whole number from 1, after which the key is gone by itself. */
  readonly ttlMs?: number | undefined;
}

export interface RangeOptions extends RangeBounds, CallOptions {}

export interface ConnectOptions extends WriteOptions {
  /** How often all nodes are asked before a request that may be tried again fails; default 3. */
  readonly roundsMax?: number | undefined;
  /** Fields of every request, for example `authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Instead of the global `fetch`: to bring certificates, or connections of one's own. */
  readonly fetch?: Fetch | undefined;
}

/** What is known of a key that has a value. */
export interface Head {
  /** Microseconds since 1970: the newest write of a key has the highest. */
  readonly version: number;
  /** The version's time, to the second. */
  readonly lastModified: Date;
  /** When the value is gone by itself; undefined if it is not. */
  readonly expiresAt: Date | undefined;
}

export interface Found extends Head {
  readonly value: Uint8Array;
}

/** Everything rejects with a `KvorumClientError`, whose `code` says what to do (`clientErrorCodes`). */
export interface KvorumClient {
  /** The value of a key; undefined if it has none. */
  get(key: Bytes, options?: ReadOptions): Promise<Found | undefined>;
  /** As `get`, without the value. */
  head(key: Bytes, options?: ReadOptions): Promise<Head | undefined>;
  /** Stores a value. `outcome-unknown`: it may take effect, now or later, or not at all. */
  put(key: Bytes, value: Bytes, options?: PutOptions): Promise<void>;
  /** Deletes a key; one that is not there is deleted, too. `outcome-unknown` as for `put`. */
  del(key: Bytes, options?: WriteOptions): Promise<void>;
  /**
   * The records in the order of their keys' bytes, as of one moment of each node, as they come. A range that breaks off
   * throws, so that a loop that ends has seen all; it is not begun anew, since it would be of another moment then.
   */
  range(options?: RangeOptions): AsyncGenerator<RangeRecord, RangeEnd, undefined>;
  /** As `range`, without the values. */
  keys(options?: RangeOptions): AsyncGenerator<KeyRecord, RangeEnd, undefined>;
  /**
   * As `range` or `keys`, as lines of JSON without their ends, those that came together in one array: to be passed on.
   * `key`, `version` (microseconds), `expires` (milliseconds since 1970) if the value does, and `value`, or `value64` in base64.
   */
  lines(
    options?: RangeOptions & { readonly keysOnly?: boolean },
  ): AsyncGenerator<readonly string[], RangeEnd, undefined>;
}

const timeoutMsDefault = 10_000;
const roundsMaxDefault = 3;

/** A client of the nodes at `urls`, which are asked in this order. Nothing is sent. Throws `bad-argument`. */
export function connect(urls: string | readonly string[], options: ConnectOptions = {}): KvorumClient {
  const { fetch = globalThis.fetch.bind(globalThis), headers = {}, roundsMax = roundsMaxDefault } = options;
  const sender = new Sender({ urls: [urls].flat().map(originOf), fetch, headers, roundsMax });
  const send = <T>(task: Omit<Task<T>, 'timeoutMs' | 'signal'>, { timeoutMs, signal }: CallOptions): Promise<T> => {
    const ms = timeoutMs ?? options.timeoutMs ?? timeoutMsDefault;
    if (!(ms > 0)) return Promise.reject(badArgument(`timeoutMs is ${ms}; it must be above 0`));
    return sender.send({ ...task, timeoutMs: ms, signal: signal ?? options.signal });
  };
  const read = <T>(method: 'GET' | 'HEAD', key: Bytes, given: ReadOptions, take: Task<T>['take']) =>
    send(
      { ...reading, method, path: entityPath(key, { ...options, ...given }), isGood: isFoundOrMissing, take },
      given,
    );
  const write = (request: Omit<Request, 'headers'>, given: WriteOptions, status: number): Promise<void> => {
    const mayRepeat = (given.retry ?? options.retry) === 'idempotent';
    const isGood = (answer: Answered): boolean => answer.status === status;
    return send({ ...request, accept: '*/*', isWrite: true, mayRepeat, isGood, take: finish }, given);
  };
  const range = (given: RangeOptions, keysOnly: boolean): Promise<Answered> => {
    const path = rangePath(given, keysOnly);
    const take = (answer: Answered): Promise<Answered> => Promise.resolve(answer);
    return send({ ...reading, method: 'GET', path, accept: ndjson, isGood: isRange, take }, given);
  };
  return {
    get: async (key, given = {}) => read('GET', key, given, takeFound),
    head: async (key, given = {}) => read('HEAD', key, given, takeHead),
    put: async (key, value, given = {}) => {
      const path = entityPath(key, { ...options, ...given }) + parameter('ttl', given.ttlMs);
      return write({ method: 'PUT', path, body: encodeValue(value) }, given, 201);
    },
    del: async (key, given = {}) =>
      write({ method: 'DELETE', path: entityPath(key, { ...options, ...given }) }, given, 202),
    range: (given = {}) => recordsOf(() => range(given, false), recordOf),
    keys: (given = {}) => recordsOf(() => range(given, true), keyRecordOf),
    lines: async function* (given = {}) {
      return yield* linesOf(await range(given, given.keysOnly === true));
    },
  };
}

const reading = { accept: '*/*', isWrite: false, mayRepeat: true } as const;

function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol)) return parsed.origin;
  throw badArgument(`"${url}" is no URL of a node; give one like http://localhost:8080`);
}

function badArgument(reason: string): KvorumClientError {
  return new KvorumClientError('bad-argument', { reason });
}

function entityPath(key: Bytes, { ack, from, consistency }: ReadOptions): string {
  const quorum = parameter('ack', ack) + parameter('from', from) + parameter('consistency', consistency);
  return `/v0/entity?id=${encodeKey(key)}${quorum}`;
}

function parameter(name: string, value: number | string | undefined): string {
  return value === undefined ? '' : `&${name}=${encodeURIComponent(value)}`;
}

/** A node tells the version of what it found; what says 200 without one is something else. */
function isFoundOrMissing(answer: Answered): boolean {
  return answer.status === 200 ? !Number.isNaN(versionOf(answer)) : answer.status === 404 && isProblem(answer);
}

function isRange({ status, field }: Answered): boolean {
  return status === 200 && field('content-type').startsWith(ndjson);
}

async function takeFound(answer: Answered): Promise<Found | undefined> {
  const value = await bodyOf(answer);
  return answer.status === 404 ? undefined : { value, ...headOf(answer) };
}

async function takeHead(answer: Answered): Promise<Head | undefined> {
  await finish(answer);
  return answer.status === 404 ? undefined : headOf(answer);
}

function headOf(answer: Answered): Head {
  const expires = answer.field('kvorum-expires');
  return {
    version: versionOf(answer),
    lastModified: new Date(answer.field('last-modified')),
    expiresAt: expires === '' ? undefined : new Date(Number(expires)),
  };
}

/** NaN where there is none. A proxy that compresses makes tags weak. */
function versionOf({ field }: Answered): number {
  const [, version] = /^(?:W\/)?"(\d+)"$/.exec(field('etag')) ?? [];
  return version === undefined ? NaN : Number(version);
}

/** The connection can be used again only when the whole answer has been read. */
async function finish(answer: Answered): Promise<void> {
  await bodyOf(answer);
}

async function bodyOf(answer: Answered): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.chunks()) chunks.push(chunk);
  return join(chunks);
}

async function* recordsOf<T>(
  begin: () => Promise<Answered>,
  parse: (line: string, url: string) => T,
): AsyncGenerator<T, RangeEnd, undefined> {
  const answer = await begin();
  const batches = linesOf(answer);
  try {
    for (;;) {
      const { done, value } = await batches.next();
      if (done === true) return value;
      for (const line of value) yield parse(line, answer.url);
    }
  } finally {
    await batches.return({ next: undefined });
  }
}
