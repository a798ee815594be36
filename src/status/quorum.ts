/** What a node's status says of quorums: how many losses reads and writes still bear, as far as this node sees. */
import type { Standing } from '../domain/node-claim.ts';
import { majority } from '../domain/quorum.ts';
import { explainHealth, quorumHealth, type DefaultQuorum, type Health } from '../domain/quorum-health.ts';
import type { PeerAsSeen } from './peers.ts';

export interface QuorumSection extends DefaultQuorum {
  readonly reads: Health;
  readonly writes: Health;
  /** What is lost and what follows from it, in words; empty where nothing is. */
  readonly notes: readonly string[];
}

/** `own` is what this node's store is worth; `replicaCount` the replicas of each record by default. */
export function quorumSection(
  nodes: readonly PeerAsSeen[],
  { own, replicaCount }: { readonly own: Standing['kind']; readonly replicaCount: number },
): QuorumSection {
  const quorum = { replicaCount, acksRequired: majority(replicaCount) };
  const lost = nodes.filter(({ self, state }) => !self && state !== 'up');
  const voteless = nodes.filter(({ self, standing }) => (self ? own !== 'voting' : lacksVote(standing, own)));
  const reads = quorumHealth(quorum, new Set([...lost, ...voteless]).size);
  const writes = quorumHealth(quorum, lost.length);
  const isSame = reads.lost === writes.lost;
  const notes = isSame
    ? [explainHealth('reads and writes', reads)]
    : [explainHealth('writes', writes), explainHealth('reads', reads)];
  return { ...quorum, reads, writes, notes: notes.filter((note) => note !== undefined) };
}

/**
 * A node that lost data takes writes, but its reads are no votes. What a peer said when the cluster was formed may be all that it
 * has said: it votes with the others.
 */
function lacksVote(standing: PeerAsSeen['standing'], own: Standing['kind']): boolean {
  return standing === 'recovering' || (standing === 'forming' && own === 'forming');
}
