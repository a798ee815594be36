/** The bytes of each request: which operation, on which key, with what value. */
import { Buffer } from 'node:buffer';
import { largeValueBytes, type HttpConnection } from './http-connection.ts';
import { keyName, keyPicker, keyWidth } from './keys.ts';
import { seededRandom } from './random.ts';
import type { Workload } from './result.ts';

export interface DrawnRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Path and query. */
  readonly path: string;
}

/** Draws the operation and the key of the next request. The same workload draws the same row. */
export function requestDrawer(workload: Workload): () => DrawnRequest {
  const { op, readShare, keys, distribution, seed } = workload;
  const pick = keyPicker(distribution, keys, seededRandom(seed, 1));
  const random = seededRandom(seed, 2);
  const path = pathOf(workload);
  return () => {
    if (op !== 'mixed') return { method: methods[op], path: path(pick(false)) };
    const isGet = random() < readShare;
    return { method: isGet ? 'GET' : 'PUT', path: path(pick(!isGet)) };
  };
}

const methods = { get: 'GET', put: 'PUT', delete: 'DELETE' } as const;

/** The path of a key by its number. */
export function pathOf({ keys, ack, from }: Pick<Workload, 'keys' | 'ack' | 'from'>): (key: number) => string {
  const width = keyWidth(keys);
  const quorum = (ack === null ? '' : `&ack=${ack}`) + (from === null ? '' : `&from=${from}`);
  return (key) => `/v0/entity?id=${keyName(key, width)}${quorum}`;
}

/** A value of printable characters, one byte each. All requests of a run write the same one. */
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

/** Sends a request on a connection. Small values stand behind the head in one string, which costs one write. */
export function sender(
  workload: Pick<Workload, 'valueBytes' | 'seed' | 'targets'>,
): (connection: HttpConnection, request: DrawnRequest) => void {
  const { valueBytes, seed, targets } = workload;
  const value = valueOf(valueBytes, seed);
  const large = valueBytes >= largeValueBytes ? Buffer.from(value, 'latin1') : undefined;
  const ends = targets.map((url) => ` HTTP/1.1\r\nhost: ${new URL(url).host}\r\n`);
  const putEnd = `content-length: ${valueBytes}\r\n\r\n${large === undefined ? value : ''}`;
  return (connection, { method, path }) => {
    const start = `${method} ${path}${ends[connection.target]}`;
    if (method === 'PUT') connection.send(start + putEnd, large);
    else connection.send(`${start}\r\n`);
  };
}
