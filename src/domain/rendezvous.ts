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
  const weights = nodeIds.map((nodeId) => weight(keyHash, nodeId));
  const order = nodeIds.map((_, index) => index);
  order.sort((left, right) => {
    const difference = (weights[right] as number) - (weights[left] as number);
    return difference === 0 ? (nodeIds[left] as number) - (nodeIds[right] as number) : difference;
  });
  return order.slice(0, count);
}
