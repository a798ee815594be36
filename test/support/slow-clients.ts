/** Clients that hold connections of a node: idle ones, ones that send slowly, and ones that do not read. */
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';

/** How many of each kind. */
export interface Crowd {
  readonly idle: number;
  /** Send the beginning of a head. */
  readonly heads: number;
  /** Announce a body of 1 MiB and send a byte of it. */
  readonly bodies: number;
  /** Ask for `largeKey` and read nothing. */
  readonly readers: number;
  /** Ask for `smallKey` as often as `pipelined` says, at once, and read nothing. */
  readonly pipeliners: number;
}

export const largeKey = 'slow-clients-large';
export const largeValue = Buffer.alloc(1024 * 1024, 'large');
export const smallKey = 'slow-clients-small';
/** The largest answer that is copied behind its head. */
export const smallValue = Buffer.alloc(16 * 1024, 'small');

const CONNECTS_AT_ONCE = 200;
const get = (key: string): string => `GET /v0/entity?id=${key} HTTP/1.1\r\nhost: localhost\r\n\r\n`;

const openings: Readonly<Record<keyof Crowd, string>> = {
  idle: '',
  heads: 'GET /v0/entity?id=slo',
  bodies: 'PUT /v0/entity?id=slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1048576\r\n\r\nx',
  readers: get(largeKey),
  pipeliners: get(smallKey),
};

/** More answers of `smallKey` than the kernel takes for a client that reads nothing: 16 MiB. */
export const pipelinedPastKernel = 1000;

/** Connects all of them; each pipeliner asks `pipelined` times. What they hold ends with `close`. */
export async function gather(url: string, crowd: Crowd, pipelined: number): Promise<{ readonly close: () => void }> {
  const { hostname, port } = new URL(url);
  const wanted = kinds.flatMap((kind) => {
    const opening = kind === 'pipeliners' ? openings[kind].repeat(pipelined) : openings[kind];
    return Array.from({ length: crowd[kind] }, () => opening);
  });
  const sockets: Socket[] = [];
  for (let at = 0; at < wanted.length; at += CONNECTS_AT_ONCE) {
    const some = wanted.slice(at, at + CONNECTS_AT_ONCE);
    sockets.push(...(await Promise.all(some.map((opening) => open(hostname, Number(port), opening)))));
  }
  return { close: () => sockets.forEach((socket) => socket.destroy()) };
}

const kinds = ['idle', 'heads', 'bodies', 'readers', 'pipeliners'] as const;

/** Resolves when it is connected and its opening is with the kernel. */
function open(host: string, port: number, opening: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.pause();
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      // The node may end it at any time.
      socket.on('error', () => {});
      socket.write(opening, () => resolve(socket));
    });
  });
}
