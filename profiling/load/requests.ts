/** What each request is about: which operation, on which key, with how large a value; and its bytes over HTTP. */
import { Buffer } from 'node:buffer';
import { largeValueBytes, type LoadConnection } from './connection.ts';
import { keyName, keyPicker, keyWidth, type Frontier } from './keys.ts';
import { rangeRecordsMaxDefault, sharesOf, type OperationKind, type ValueSize } from './load-shape.ts';
import { accessFields, nodeAccess } from '../../src/tls/access.ts';
import { seededRandom } from './random.ts';
import type { Workload } from './result.ts';

/** One request of an operation; `modify` is two, a GET and a PUT. */
export interface LoadRequest {
  readonly method: 'get' | 'put' | 'delete' | 'range';
  readonly key: number;
  /** Records of a range; 0 elsewhere. */
  readonly limit: number;
}

/** An operation, as its first request. */
export interface DrawnRequest extends LoadRequest {
  readonly kind: OperationKind;
}

export interface RequestSource {
  /** Draws the operation and the key of the next request. The same workload draws the same row. */
  draw(): DrawnRequest;
  /** A new key is in: `latest` may read it from now on. */
  inserted(key: number): void;
}

const firstMethod = { get: 'get', put: 'put', insert: 'put', modify: 'get', delete: 'delete', range: 'range' } as const;

export function requestSource(workload: Workload): RequestSource {
  const { keys, distribution, seed, rangeRecordsMax = rangeRecordsMaxDefault } = workload;
  const frontier: Frontier = { newest: keys - 1 };
  const pick = keyPicker(distribution, keys, seededRandom(seed, 1), frontier);
  const drawKind = kindDrawer(workload);
  const length = seededRandom(seed, 5);
  let last = keys - 1;
  return {
    draw: () => {
      const kind = drawKind();
      const key = kind === 'insert' ? ++last : pick(kind === 'put' && workload.op === 'mixed');
      const limit = kind === 'range' ? 1 + Math.floor(length() * rangeRecordsMax) : 0;
      return { kind, method: firstMethod[kind], key, limit };
    },
    inserted: (key) => {
      if (key > frontier.newest) frontier.newest = key;
    },
  };
}

/** The kinds of operations that a workload has. */
export function kindsOf({ op, readShare, mix }: Pick<Workload, 'op' | 'readShare' | 'mix'>): readonly OperationKind[] {
  return op === 'mixed' ? sharesOf(mix ?? { get: readShare, put: 1 - readShare }).map(({ kind }) => kind) : [op];
}

function kindDrawer({ op, readShare, mix, seed }: Workload): () => OperationKind {
  if (op !== 'mixed') return () => op;
  const random = seededRandom(seed, 2);
  const shares = sharesOf(mix ?? { get: readShare, put: 1 - readShare });
  const last = shares.at(-1)?.kind ?? 'get';
  return () => {
    let left = random();
    for (const { kind, share } of shares) {
      if (left < share) return kind;
      left -= share;
    }
    return last;
  };
}

/** Path and query of a request on a key by its number. */
export function pathOf({
  keys,
  ack,
  from,
}: Pick<Workload, 'keys' | 'ack' | 'from'>): (request: Omit<LoadRequest, 'method'>) => string {
  const width = keyWidth(keys);
  const quorum = (ack === null ? '' : `&ack=${ack}`) + (from === null ? '' : `&from=${from}`);
  return ({ key, limit }) =>
    limit === 0
      ? `/v0/entity?id=${keyName(key, width)}${quorum}`
      : `/v0/entities?start=${keyName(key, width)}&limit=${limit}&cluster=1`;
}

/** A value of printable characters, one byte each. All requests of a run write the same one, or one for each size. */
export function valueOf(valueBytes: number, seed: number): string {
  const random = seededRandom(seed, 3);
  const characters = Array.from({ length: Math.min(valueBytes, 4096) }, () =>
    String.fromCharCode(97 + Math.floor(random() * 26)),
  );
  return characters
    .join('')
    .repeat(Math.ceil(valueBytes / 4096))
    .slice(0, valueBytes);
}

type Values = Pick<Workload, 'valueBytes' | 'valueSizes' | 'seed'>;

/** Draws one of what `make` made of each size, by the sizes' weights. */
export function valueDrawer<T>({ valueBytes, valueSizes, seed }: Values, make: (bytes: number) => T): () => T {
  const sizes: readonly ValueSize[] = valueSizes ?? [{ bytes: valueBytes, weight: 1 }];
  const made = sizes.map(({ bytes }) => make(bytes));
  const total = sizes.reduce((sum, { weight }) => sum + weight, 0);
  const random = seededRandom(seed, 4);
  if (made.length === 1) return () => made[0] as T;
  return () => {
    let left = random() * total;
    const index = sizes.findIndex(({ weight }) => (left -= weight) < 0);
    return made.at(index) as T;
  };
}

const verbs = { get: 'GET', put: 'PUT', delete: 'DELETE', range: 'GET' } as const;

/** Sends a request on a connection. Small values stand behind the head in one string, which costs one write. */
export function sender(
  workload: Values & Pick<Workload, 'targets' | 'keys' | 'ack' | 'from'>,
): (connection: LoadConnection, request: LoadRequest) => void {
  const path = pathOf(workload);
  const fields = Object.entries(accessFields(nodeAccess())).map(([name, value]) => `${name}: ${value}\r\n`);
  const ends = workload.targets.map((url) => ` HTTP/1.1\r\nhost: ${new URL(url).host}\r\n${fields.join('')}`);
  const drawValue = valueDrawer(workload, (bytes) => {
    const value = valueOf(bytes, workload.seed);
    const large = bytes >= largeValueBytes ? Buffer.from(value, 'latin1') : undefined;
    return { end: `content-length: ${bytes}\r\n\r\n${large === undefined ? value : ''}`, large };
  });
  return (connection, request) => {
    const start = `${verbs[request.method]} ${path(request)}${ends[connection.target]}`;
    if (request.method !== 'put') return connection.send(`${start}\r\n`);
    const { end, large } = drawValue();
    return connection.send(start + end, large);
  };
}
