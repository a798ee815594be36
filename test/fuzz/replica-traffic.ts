/**
 * What a real node sends to a peer's replica port, recorded: the fuzzer stands at the peer's address, takes the node's
 * connections, and hands them on to the node's own replica port, so that the node is its own peer.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { nodeIdOf, parseTopology, topologyDigest } from '../../src/domain/topology.ts';
import { replicaProtocol } from '../../src/protocol/nodes.ts';
import { proveToAsker } from '../../workers/peers/handshake.ts';
import { ask } from '../support/client.ts';
import { prepareCluster, type Cluster, type ClusterOwner } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { connectAsPeer, replicaPortOf, type ReplicaPort } from '../support/peer.ts';

/** A node of two, whose peer is itself. */
export interface ReplicaTarget {
  readonly cluster: Cluster;
  readonly peer: ReplicaPort;
  /** Each is what one connection carried behind the handshake, to the node. */
  readonly streams: readonly Buffer[];
}

export const secret = 'correct horse';
const STREAM_BYTES_MAX = 512 * 1024;

/** Starts the node and has it talk to its peer. */
export async function startReplicaTarget(owner: ClusterOwner): Promise<ReplicaTarget> {
  const flags = ['--cluster-secret', secret, '--value-bytes-max', '1MiB'];
  const cluster = await prepareCluster(owner, { nodes: 2, durability: 'commit', flags });
  const [mine, other] = [cluster.node(0).url, cluster.node(1).url];
  const topology = topologyDigest(parseTopology(mine, [mine, other]), 2);
  const recorded: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const relay = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    void handOn(socket, { id: nodeIdOf(other), topology, secret }, mine, recorded);
  });
  const replicaPort = await listenOn(relay, 0);
  const description = { id: nodeIdOf(other), url: other, version: '0', protocol: replicaProtocol, topology, start: 1 };
  const front = createHttpServer((_, response) => {
    response.end(JSON.stringify({ ...description, replicaPorts: [replicaPort] }));
  });
  await listenOn(front, cluster.node(1).port);
  owner.after(async () => {
    for (const socket of sockets) socket.destroy();
    for (const server of [relay, front]) server.close();
    front.closeAllConnections();
    await Promise.resolve();
  });
  await cluster.start(0);
  await talk(cluster);
  const streams = recorded.map((chunks) => Buffer.concat(chunks).subarray(0, STREAM_BYTES_MAX));
  return { cluster, peer: await replicaPortOf(mine, secret), streams: streams.filter(({ length }) => length > 0) };
}

async function listenOn(server: Server | HttpServer, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

interface Member {
  readonly id: number;
  readonly topology: string;
  readonly secret: string;
}

/** Takes a connection as the peer, and carries it on to the node's own replica port. */
async function handOn(socket: Socket, self: Member, url: string, recorded: Buffer[][]): Promise<void> {
  try {
    await proveToAsker(socket, self);
    socket.pause();
    const own = await connectAsPeer(await replicaPortOf(url, self.secret));
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
