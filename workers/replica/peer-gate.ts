/**
 * The sockets of the replica port: those of nodes that have proved the cluster secret go on to the HTTP server behind, all
 * others end here. How many there may be is bounded, those that have proved nothing by themselves, so that strangers
 * cannot take the room of peers for longer than a handshake may last.
 */
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { messageOf } from '../../src/diagnostics/errors.ts';
import type { PeerRefusals } from '../peers/peer-refusals.ts';
import { proveToAsker, type ClusterMember } from '../peers/handshake.ts';

export interface PeerGateOptions {
  readonly self: ClusterMember;
  /** Connections of peers; past it new ones are closed. */
  readonly connectionsMax: number;
  readonly refusals: Pick<PeerRefusals, 'note'>;
}

export interface PeerGate {
  /** Listens; its sockets are not the HTTP server's, so that one of them is closed by destroying it. */
  readonly server: Server;
  /** Ends every connection, upgraded or not. */
  readonly destroyAll: () => void;
  /** How many there are, those in the middle of their handshake left out. */
  readonly connections: () => number;
}

/** Connections in the middle of their handshake; a peer needs some milliseconds for it. */
const UNPROVED_MAX = 256;

/** A gate in front of `http`, which does not listen itself. */
export function peerGate(http: HttpServer, { self, connectionsMax, refusals }: PeerGateOptions): PeerGate {
  const proved = new Set<Socket>();
  const unproved = new Set<Socket>();
  const take = async (socket: Socket): Promise<void> => {
    const full = proved.size >= connectionsMax ? `${connectionsMax} connections of peers` : undefined;
    const crowded = unproved.size >= UNPROVED_MAX ? `${UNPROVED_MAX} connections without a proof` : undefined;
    const tooMany = full ?? crowded;
    if (tooMany !== undefined) {
      socket.destroy();
      return refusals.note('request', `a connection: there are ${tooMany} already`);
    }
    unproved.add(socket);
    socket.once('close', () => {
      unproved.delete(socket);
      proved.delete(socket);
    });
    try {
      await proveToAsker(socket, self);
    } catch (error) {
      return refusals.note('request', `a connection from ${socket.remoteAddress}: ${messageOf(error)}`);
    } finally {
      unproved.delete(socket);
    }
    proved.add(socket);
    http.emit('connection', socket);
    return undefined;
  };
  // TCP's own `keepAlive` ends a link whose peer's machine is gone without a word: nothing else here looks at idle links.
  const server = createServer({ keepAlive: true, noDelay: true }, (socket) => void take(socket));
  const destroyAll = (): void => {
    for (const socket of [...proved, ...unproved]) socket.destroy();
  };
  return { server, destroyAll, connections: () => proved.size };
}
