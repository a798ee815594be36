/**
 * Which of a node's workers owns a key: the one that executes all reads and writes of it at this node.
 *
 * The choice must be independent of placement (rendezvous.ts), or the keys that a node holds would not be spread evenly
 * over its workers: both come from the same key hash, so it is mixed again, by constants that placement does not use.
 * Its bits as they are would not do either: the lowest bit of FNV-1a depends only on the lowest bits of the key's bytes.
 */

/** The index of the owner, from 0 up to `workers`, of keys with this hash (`hashKey`). */
export function ownerOf(keyHash: number, workers: number): number {
  if (workers === 1) return 0;
  // Multiplied by the number of workers, the mixed hash's upper 32 bits are an index without the bias of a remainder.
  return Math.floor((mixed(keyHash) * workers) / 2 ** 32);
}

/** A permutation of the 32-bit numbers with low bias: "lowbias32" of Chris Wellons' hash-prospector. */
function mixed(keyHash: number): number {
  let hash = keyHash ^ (keyHash >>> 16);
  hash = Math.imul(hash, 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) >>> 0;
}
