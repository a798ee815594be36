/** The peers of a worker: one client for each, and what this node is to them. */
import type { Placement } from '../src/domain/sharing.ts';
import { topologyDigest } from '../src/domain/topology.ts';
import type { WorkerSettings } from '../src/settings/settings.ts';
import type { FrameSender } from './ground/frame-sender.ts';
import type { ClusterMember } from './peers/handshake.ts';
import { PeerClient } from './peers/peer-client.ts';
import { connectToPeer } from './peers/peer-connection.ts';
import type { PeerTransport } from './peers/peer-transport.ts';
import type { PeerRefusals } from './peers/peer-refusals.ts';
import type { StandingDesk } from './recovery/standing-desk.ts';
import { log, type Send, type WorkerShell } from './shell.ts';

/** What goes with frames to peers, and who is told of them. */
export interface PeerWords {
  readonly send: Send;
  readonly refusals: PeerRefusals;
  readonly standing: StandingDesk;
  readonly sender: FrameSender;
  readonly transport: PeerTransport;
  readonly onLost: (node: number) => void;
  readonly onUp: (node: number) => void;
}

export function createPeers(
  { settings, index: workerIndex }: WorkerShell,
  { send, refusals, sender, transport, standing, onLost: onPeerLost, onUp }: PeerWords,
): (PeerClient | undefined)[] {
  const self = member(settings);
  return settings.topology.nodes.map((node, index) => {
    if (index === settings.topology.selfIndex) return undefined;
    const batching = settings.mode === 'batched';
    const { peerConnectionsMax: connectionsMax, peerProtocol: protocol, frameBytesMax } = settings;
    const identity = { id: node.id, url: node.url };
    return new PeerClient({
      url: node.url,
      connect: (onLost) =>
        connectToPeer({
          identity,
          self,
          transport,
          sender,
          introducer: standing.main,
          workerIndex,
          connectionsMax,
          protocol,
          frameBytesMax,
          onLost,
        }),
      batchesInFlightMax: batching ? settings.peerBatchesInFlightMax : connectionsMax,
      batchBytesMax: batching ? settings.batchBytesMax : 0,
      queueBytesMax: settings.peerQueueBytesMax,
      refusals,
      timeoutMs: settings.timeoutMs,
      onStateChange: ({ url, state, error }, before) => {
        if (before === 'up') onPeerLost(index);
        // Nodes that start together find each other absent at first; that is no warning.
        log(send, before === 'up' ? 'warn' : 'info', `peer is ${state}`, { url, error });
        if (state === 'up') onUp(index);
        else send({ kind: 'peer-left', url });
      },
      onSilent: (url) => send({ kind: 'peer-silent', url }),
    });
  });
}

export function peerAt(peers: readonly (PeerClient | undefined)[], url: string): PeerClient | undefined {
  return peers.find((peer) => peer?.status.url === url);
}

/** As whom this node proves the cluster secret. */
export function member({ topology, replicationFactor, clusterSecret }: WorkerSettings): ClusterMember {
  const id = topology.nodes[topology.selfIndex]?.id ?? 0;
  return { id, topology: topologyDigest(topology, replicationFactor), secret: clusterSecret };
}

/** Who keeps which keys. */
export function placementOf({ topology, replicationFactor }: WorkerSettings): Placement {
  const { nodes, selfIndex } = topology;
  const name = topologyDigest(topology, replicationFactor);
  return { name, nodeIds: nodes.map(({ id }) => id), selfIndex, replicationFactor };
}

/**
 * Connections of peers at once to one worker: what workers of a peer open, each with its requests, ranges and hello. A peer
 * with more workers than this node spreads them over these; some more are left to it, and to connections that are ending.
 */
export function peerConnectionsBound({ topology, workers, peerConnectionsMax, rangesMax }: WorkerSettings): number {
  return topology.nodes.length * (workers + 3) * (peerConnectionsMax + rangesMax + 1);
}
