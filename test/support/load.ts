/** Workloads and servers for tests of the load bench. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { LatencyHistogram } from '../../profiling/load/histogram.ts';
import {
  benchSchema,
  type BenchResult,
  type Totals,
  type Verdict,
  type Workload,
} from '../../profiling/load/result.ts';

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

/** What a run at `rate` came to, where only some figures matter. */
export function resultOf(
  rate: number,
  figures: { totals?: Partial<Totals>; p99Us?: number; kind?: Verdict['kind']; cutShort?: boolean } = {},
): BenchResult {
  const latency = new LatencyHistogram();
  latency.record(figures.p99Us ?? 1000);
  return {
    schema: benchSchema,
    startedAt: '2026-01-01T00:00:00.000Z',
    command: 'kvorum bench',
    label: 'a run',
    workload: workloadOf({ rate, targets: ['http://a'] }),
    verdict: { kind: figures.kind ?? 'held', sentence: 'said' },
    cutShort: figures.cutShort ?? false,
    totals: {
      due: rate,
      completed: rate,
      failed: 0,
      unanswered: 0,
      lateStarts: 0,
      pendingMax: 1,
      seconds: 1,
      rate,
      ...figures.totals,
    },
    latency: latency.snapshot(),
    service: null,
    statuses: [],
    targets: [],
    seconds: [],
    generator: { engine: 'built-in', version: '0', cpuSeconds: 0, utilization: 0, delayMsP99: 0, delayMsMax: 0 },
    nodes: [],
    environment: {
      machine: 'a machine',
      cores: 1,
      memoryBytes: 1,
      kernel: 'Linux',
      node: 'v20',
      kvorum: '0',
      commit: null,
      cluster: {},
      nodeCount: 1,
    },
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
