/**
 * Placement by rendezvous hashing (highest random weight; Thaler and Ravishankar, 1998).
 *
 * Each node's weight for a key is a hash of both; the nodes in order of falling weight are the key's preference list
 * and the first `from` of them its replicas. So a smaller `from` is always a prefix of a larger one, every node computes
 * the same list without talking, and a node that joins or leaves moves only the keys that it gains or loses.
 * Hash: FNV-1a over the key (32 bits), then MurmurHash3's finalizer over the key's hash mixed with the node id.
 */

/** A 32-bit hash of the key's bytes `bytes[start, end)`. */
export function hashKey(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < end; index++) {
    hash = Math.imul(hash ^ (bytes[index] as number), 0x01000193);
  }
  return hash >>> 0;
}

/** The weight of a node for a key: an unsigned 32-bit number. */
export function weight(keyHash: number, nodeId: number): number {
  let hash = keyHash ^ Math.imul(nodeId, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  // A second round with the node id: without it two nodes' weights for the same key stay correlated.
  hash = Math.imul(hash ^ nodeId, 0x85ebca6b);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/**
 * The indexes into `nodeIds` of the first `count` nodes of the key's preference list, most preferred first. Equal
 * weights are ordered by node id, so that the list does not depend on the order of `nodeIds`.
 */
export function preferenceList(keyHash: number, nodeIds: readonly number[], count: number): number[] {
  const chosen: number[] = [];
  const weights: number[] = [];
  for (let index = 0; index < nodeIds.length; index++) {
    const nodeId = nodeIds[index] as number;
    const own = weight(keyHash, nodeId);
    // Insertion sort, since clusters are small and this stands on every operation's path.
    let place = Math.min(chosen.length, count);
    for (; place > 0; place--) {
      const other = weights[place - 1] as number;
      if (other > own || (other === own && (nodeIds[chosen[place - 1] as number] as number) < nodeId)) break;
      if (place === count) continue;
      chosen[place] = chosen[place - 1] as number;
      weights[place] = other;
    }
    if (place >= count) continue;
    chosen[place] = index;
    weights[place] = own;
  }
  return chosen;
}
