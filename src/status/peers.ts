/** What a node's status says of the others: whether it has them up, why not, what their stores are worth, their clocks. */
import type { Offset } from '../domain/clock-offsets.ts';
import type { Standing } from '../domain/node-claim.ts';
import type { Topology } from '../domain/topology.ts';
import type { PeerState, WorkerReport } from '../protocol/workers.ts';

export interface PeersInput {
  readonly topology: Topology;
  /** Of this node. */
  readonly state: string;
  readonly reports: readonly Pick<WorkerReport, 'peers'>[];
  /** How far a peer's clock is ahead of this node's. */
  readonly offsetOf: (url: string) => Offset | undefined;
  /** What a peer that is up says of its store. */
  readonly standingOf: (url: string) => Standing['kind'] | undefined;
}

export interface PeerAsSeen {
  readonly url: string;
  readonly id: number;
  readonly self: boolean;
  /** A peer's as this node sees it; its own as it says itself. */
  readonly state: string;
  /** Why a peer is not up. */
  readonly error?: string | undefined;
  readonly standing?: Standing['kind'] | undefined;
  readonly clock?: { readonly offsetMs: number; readonly errorMs: number } | undefined;
}

/** One entry for each node, in the order of the list. */
export function peersSection(input: PeersInput): PeerAsSeen[] {
  const { topology, state } = input;
  return topology.nodes.map(({ url, id }, index) => {
    const self = index === topology.selfIndex;
    return { url, id, self, ...(self ? { state } : peerAsSeen(url, input)) };
  });
}

/** The worst that any worker sees: a peer is up only if every worker reaches it. */
function peerAsSeen(url: string, { reports, offsetOf, standingOf }: PeersInput) {
  const seen = reports.flatMap((report) => report.peers.filter((peer) => peer.url === url));
  const inState = (state: PeerState) => seen.find((peer) => peer.state === state);
  const worst = inState('down') ?? inState('connecting') ?? seen[0];
  const offset = offsetOf(url);
  return {
    state: worst?.state ?? 'connecting',
    error: worst?.error,
    standing: standingOf(url),
    clock: offset && { offsetMs: offset.micros / 1000, errorMs: offset.errorMicros / 1000 },
  };
}
