/** Workloads and servers for tests of the load bench. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { Workload } from '../../profiling/load/result.ts';

export function workloadOf(changes: Partial<Workload> = {}): Workload {
  return {
    op: 'put',
    readShare: 0.5,
    rate: 200,
    arrival: 'constant',
    connections: 8,
    durationMs: 500,
    warmupMs: 0,
    keys: 100,
    distribution: 'uniform',
    valueBytes: 8,
    ack: null,
    from: null,
    targets: [],
    seed: 1,
    ...changes,
  };
}

/** One request of a `RequestServer`; `reply` sends bytes back. */
export interface SeenRequest {
  readonly line: string;
  readonly body: string;
  readonly socket: Socket;
  readonly reply: (bytes?: string) => void;
}

const created = 'HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n';

/** A server over plain sockets that hands out whole requests; their bodies have a content-length. */
export async function requestServer(t: TestContext, onRequest: (request: SeenRequest) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    let received = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      for (;;) {
        const end = received.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = received.slice(0, end);
        const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
        if (received.length < end + 4 + length) return;
        const body = received.slice(end + 4, end + 4 + length);
        received = received.slice(end + 4 + length);
        const line = head.slice(0, head.indexOf('\r\n'));
        onRequest({ line, body, socket, reply: (bytes = created) => void socket.write(bytes) });
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
