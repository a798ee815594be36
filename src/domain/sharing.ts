/**
 * With which peers a node shares a key: those among the key's replicas, if it is one itself. Two nodes are compared by what they
 * share, so digests are kept in groups: one for all peers where each node keeps every key, else one for each peer.
 */
import { preferenceList, weight } from './rendezvous.ts';

/** The nodes of a cluster as one of them sees them; plain data. */
export interface Placement {
  /** Of the list and the replication factor together (`topologyDigest`). */
  readonly name: string;
  readonly nodeIds: readonly number[];
  readonly selfIndex: number;
  readonly replicationFactor: number;
}

export class Sharing {
  /** How many groups there are; none where there is no peer. Without `isOne` a peer's group is its index among the nodes. */
  readonly groups: number;
  readonly isOne: boolean;
  readonly #placement: Placement;
  readonly #weights: Uint32Array;
  readonly #isTaken: Uint8Array;

  constructor(placement: Placement) {
    const { nodeIds, replicationFactor } = placement;
    this.#placement = placement;
    this.isOne = nodeIds.length <= replicationFactor;
    const groupsOfMany = this.isOne ? 1 : nodeIds.length;
    this.groups = nodeIds.length === 1 ? 0 : groupsOfMany;
    this.#weights = new Uint32Array(nodeIds.length);
    this.#isTaken = new Uint8Array(nodeIds.length);
  }

  /** The group of the peer with this node id; undefined where there is no such peer. */
  groupOf(nodeId: number): number | undefined {
    const { nodeIds, selfIndex } = this.#placement;
    const index = nodeIds.indexOf(nodeId);
    if (index < 0 || index === selfIndex) return undefined;
    return this.isOne ? 0 : index;
  }

  /** Whether a key counts for a group. */
  shares(keyHash: number, group: number): boolean {
    if (this.isOne) return true;
    const { nodeIds, selfIndex, replicationFactor } = this.#placement;
    const replicas = preferenceList(keyHash, nodeIds, replicationFactor);
    return replicas.includes(selfIndex) && replicas.includes(group);
  }

  /**
   * Writes the groups that a key counts for to `groups`, which has room for all; returns how many these are. As
   * `preferenceList`, without an allocation: this is done for each record that is stored.
   */
  groupsOf(keyHash: number, groups: Uint32Array): number {
    if (this.isOne) {
      groups[0] = 0;
      return this.groups;
    }
    const { nodeIds, selfIndex, replicationFactor } = this.#placement;
    const [weights, isTaken] = [this.#weights, this.#isTaken];
    for (let node = 0; node < weights.length; node++) weights[node] = weight(keyHash, nodeIds[node] as number);
    let count = 0;
    for (let place = 0; place < replicationFactor; place++) {
      const next = this.#heaviest();
      isTaken[next] = 1;
      if (next !== selfIndex) groups[count++] = next;
    }
    const isOwn = isTaken[selfIndex] === 1;
    isTaken.fill(0);
    return isOwn ? count : 0;
  }

  /** Of those that are not taken the first in a preference list. */
  #heaviest(): number {
    const { nodeIds } = this.#placement;
    let best = -1;
    for (let node = 0; node < nodeIds.length; node++) {
      if (this.#isTaken[node] === 1) continue;
      const difference = best < 0 ? 1 : (this.#weights[node] as number) - (this.#weights[best] as number);
      if (difference > 0 || (difference === 0 && (nodeIds[node] as number) < (nodeIds[best] as number))) best = node;
    }
    return best;
  }
}
