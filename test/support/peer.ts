/** A peer's side of the replica port: connections that have proved the cluster secret, or try to. */
import { once } from 'node:events';
import { Agent, type Server as HttpServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Claim } from '../../src/domain/node-claim.ts';
import type { NodeDescription } from '../../src/protocol/nodes.ts';
import { proveToListener, type ClusterMember } from '../../workers/peers/handshake.ts';
import { peerGate } from '../../workers/replica/peer-gate.ts';
import { ask } from './client.ts';

/** A node's replica port, and who must be proved to be whom there. */
export interface ReplicaPort {
  readonly origin: string;
  readonly port: number;
  readonly topology: string;
  readonly listenerId: number;
  readonly as: ClusterMember;
}

export async function replicaPortOf(url: string, secret: string): Promise<ReplicaPort> {
  const answer = await ask(url, '/v0/node');
  const { id, replicaPorts, topology } = JSON.parse(answer.body.toString()) as NodeDescription;
  const port = replicaPorts[0] ?? 0;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    topology,
    listenerId: id,
    as: { id: 1, topology, secret },
  };
}

/** What a node says of itself that is as new as the one beside it: the two form a cluster. */
export function claimOfNewNode(url: string): Claim {
  const store = { storeId: 'new', counter: 1, counterFound: 0, startId: 'new', replaces: [] };
  return { ...store, url, standing: { kind: 'forming' }, knows: {}, newest: 0, serial: 1 };
}

/** Connects and proves the secret; rejects where the node does not prove it or refuses our proof. */
export async function connectAsPeer({ port, as, listenerId }: ReplicaPort): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  await proveToListener(socket, as, listenerId);
  return socket;
}

/** An agent for `ask` whose connections have proved the secret. */
export function peerAgent(target: ReplicaPort): Agent {
  const agent = new Agent({ keepAlive: true });
  const connectAndGive = async (done: (error: unknown, socket?: Socket) => void): Promise<void> => {
    try {
      done(null, await connectAsPeer(target));
    } catch (error) {
      done(error);
    }
  };
  return Object.assign(agent, {
    createConnection: (_options: unknown, done: (error: unknown, socket?: Socket) => void): undefined => {
      void connectAndGive(done);
      return undefined;
    },
  });
}

/** Puts an HTTP server that plays a peer behind the gate of a replica port; resolves to the port. */
export async function gateFor(
  http: HttpServer,
  self: ClusterMember,
): Promise<{ port: number; close: () => void; destroyAll: () => void }> {
  const { server, destroyAll } = peerGate(http, {
    self,
    connectionsMax: 1000,
    refusals: { note: () => {} },
    tls: undefined,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const close = (): void => {
    server.close();
    destroyAll();
  };
  return { port, close, destroyAll };
}
