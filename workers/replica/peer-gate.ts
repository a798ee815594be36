/**
 * The sockets of the replica port: with TLS they must come with a certificate that the authority has signed; then those of
 * nodes that have proved the cluster secret go on to the HTTP server behind, all
 * others end here. How many there may be is bounded, those that have proved nothing by themselves, so that strangers
 * cannot take the room of peers for longer than a handshake may last.
 */
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { messageOf } from '../../src/diagnostics/errors.ts';
import type { PeerRefusals } from '../peers/peer-refusals.ts';
import { TlsGate } from '../../src/tls/gate.ts';
import type { TlsMaterial } from '../../src/tls/material.ts';
import { notAPeerAnswer, proveToAsker, type ClusterMember } from '../peers/handshake.ts';

export interface PeerGateOptions {
  readonly self: ClusterMember;
  /** Connections of peers; past it new ones are closed. */
  readonly connectionsMax: number;
  readonly refusals: Pick<PeerRefusals, 'note'>;
  /** Undefined: peers speak without TLS. */
  readonly tls: TlsMaterial | undefined;
}

export interface PeerGate {
  /** Listens; its sockets are not the HTTP server's, so that one of them is closed by destroying it. */
  readonly server: Server;
  /** Ends every connection, upgraded or not. */
  readonly destroyAll: () => void;
  /** How many there are, those in the middle of their handshake left out. */
  readonly connections: () => number;
  /** Another certificate, for connections from now on. */
  readonly useTls: (material: TlsMaterial) => void;
}

/** Connections in the middle of their handshake; a peer needs some milliseconds for it. */
const UNPROVED_MAX = 256;

/** A gate in front of `http`, which does not listen itself. */
export function peerGate(http: HttpServer, { self, connectionsMax, refusals, tls }: PeerGateOptions): PeerGate {
  const proved = new Set<Socket>();
  const unproved = new Set<Socket>();
  const refuse = (address: string | undefined, reason: string): void =>
    refusals.note('request', `a connection from ${address}: ${reason}`);
  const onRefused = (reason: string): void => refusals.note('request', `a connection: ${reason}`);
  const gateOptions = { needsCertificate: true, plainAnswer: notAPeerAnswer, onRefused };
  const gate = tls === undefined ? undefined : new TlsGate({ material: tls, ...gateOptions });
  const take = async (accepted: Socket): Promise<void> => {
    const full = proved.size >= connectionsMax ? `${connectionsMax} connections of peers` : undefined;
    const crowded = unproved.size >= UNPROVED_MAX ? `${UNPROVED_MAX} connections without a proof` : undefined;
    const tooMany = full ?? crowded;
    if (tooMany !== undefined) {
      accepted.destroy();
      return refusals.note('request', `a connection: there are ${tooMany} already`);
    }
    unproved.add(accepted);
    accepted.once('close', () => {
      unproved.delete(accepted);
      proved.delete(accepted);
    });
    const socket = gate === undefined ? accepted : await gate.accept(accepted);
    if (socket === undefined) return undefined;
    const { remoteAddress } = socket;
    try {
      await proveToAsker(socket, self);
    } catch (error) {
      return refuse(remoteAddress, messageOf(error));
    } finally {
      unproved.delete(accepted);
    }
    proved.add(accepted);
    http.emit('connection', socket);
    return undefined;
  };
  // TCP's own `keepAlive` ends a link whose peer's machine is gone without a word: nothing else here looks at idle links.
  const server = createServer({ keepAlive: true, noDelay: true }, (socket) => void take(socket));
  const destroyAll = (): void => {
    for (const socket of [...proved, ...unproved]) socket.destroy();
  };
  return {
    server,
    destroyAll,
    connections: () => proved.size,
    useTls: (material) => gate?.use(material),
  };
}
