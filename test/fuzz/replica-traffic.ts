/**
 * What a real node sends to a peer's replica port, recorded: the fuzzer stands where the peer is looked for, takes the node's
 * connections, and hands them on to the peer.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer, type ServerResponse } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeIdOf } from '../../src/domain/topology.ts';
import { freePorts } from '../../src/free-ports.ts';
import type { NodeDescription } from '../../src/protocol/nodes.ts';
import { proveToAsker } from '../../workers/peers/handshake.ts';
import { ask } from '../support/client.ts';
import { Cluster, type ClusterOwner } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { NodeProcess } from '../support/node-process.ts';
import { connectAsPeer, replicaPortOf, type ReplicaPort } from '../support/peer.ts';

/** Two nodes, the first of which is attacked. */
export interface ReplicaTarget {
  readonly cluster: Cluster;
  readonly peer: ReplicaPort;
  /** Each is what one connection carried behind the handshake, to the second node. */
  readonly streams: readonly Buffer[];
}

export const secret = 'correct horse';
const flags = [
  '--durability',
  'commit',
  '--timeout-ms',
  '30s',
  '--cluster-secret',
  secret,
  '--value-bytes-max',
  '1MiB',
];
const STREAM_BYTES_MAX = 512 * 1024;

/** Starts the nodes, and has the first one talk to the second. */
export async function startReplicaTarget(owner: ClusterOwner): Promise<ReplicaTarget> {
  const [minePort, frontPort, otherPort] = (await freePorts(3)) as [number, number, number];
  const [mine, other] = [minePort, frontPort].map((port) => `http://127.0.0.1:${port}`) as [string, string];
  const directory = mkdtempSync(join(tmpdir(), 'kvorum-fuzz-'));
  const start = (port: number, self: string): NodeProcess => {
    const dataDirectory = join(directory, String(port));
    return new NodeProcess({ port, self, cluster: [mine, other], dataDirectory, flags, environment: {} });
  };
  const cluster = new Cluster([start(minePort, mine), start(otherPort, other)]);
  const recorded: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const relay = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    void handOn(socket, cluster.node(1).url, nodeIdOf(mine), recorded);
  });
  const relayPort = await listenOn(relay, 0);
  const front = createHttpServer((_, response) => void describe(response, cluster.node(1).url, relayPort));
  await listenOn(front, frontPort);
  owner.after(async () => {
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    for (const socket of sockets) socket.destroy();
    for (const server of [relay, front]) server.close();
    front.closeAllConnections();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });
  await cluster.startAll();
  await talk(cluster);
  const streams = recorded.map((chunks) => Buffer.concat(chunks).subarray(0, STREAM_BYTES_MAX));
  return { cluster, peer: await replicaPortOf(mine, secret), streams: streams.filter(({ length }) => length > 0) };
}

/** What the second node says of itself, with the port at which it is listened in on. */
async function describe(response: ServerResponse, url: string, relayPort: number): Promise<void> {
  try {
    const { body } = await ask(url, '/v0/node');
    response.end(JSON.stringify({ ...(JSON.parse(body.toString()) as NodeDescription), replicaPorts: [relayPort] }));
  } catch {
    response.destroy();
  }
}

async function listenOn(server: Server | HttpServer, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

/** Takes a connection of the first node's as the second one, and carries it on to that one. */
async function handOn(socket: Socket, url: string, askerId: number, recorded: Buffer[][]): Promise<void> {
  try {
    const target = await replicaPortOf(url, secret);
    await proveToAsker(socket, { ...target.as, id: target.listenerId });
    socket.pause();
    const own = await connectAsPeer({ ...target, as: { ...target.as, id: askerId } });
    const chunks: Buffer[] = [];
    recorded.push(chunks);
    socket.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
    socket.pipe(own).pipe(socket);
    socket.on('close', () => own.destroy());
    own.on('close', () => socket.destroy());
  } catch {
    socket.destroy();
  }
}

/** Every kind of request that goes to a peer: reads and writes, small and large, and a range. */
async function talk(cluster: Cluster): Promise<void> {
  const quorum = { ack: 2, from: 2 };
  await eventually(async () => {
    const { status } = await cluster.put(0, 'first', 'v', quorum);
    if (status !== 201) throw new Error(`the peer is not found: ${status}`);
  });
  for (let count = 0; count < 20; count++) {
    await Promise.all([
      cluster.put(0, `key ${count}`, 'value '.repeat(count * 20), quorum),
      cluster.get(0, `key ${count - 1}`, quorum),
      cluster.del(0, `key ${count - 2}`, quorum),
    ]);
  }
  await cluster.put(0, 'large', Buffer.alloc(200_000, 'large '), quorum);
  await cluster.get(0, 'large', quorum);
  await ask(cluster.node(0).url, '/v0/entities?start=a&cluster=1');
}
