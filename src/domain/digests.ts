/**
 * Digests of what a node holds: for each bucket of the hash space the sum of a 64-bit hash of each record's key and stamp.
 * Two nodes with equal sums hold the same records in that bucket. Sums do not depend on order, and a record that is replaced
 * is taken out of them again, so that they are kept up and not computed anew.
 *
 * A sum is two lanes of 32 bits, each modulo 2^32, over hashes of the key that have nothing in common. It guards against what
 * replicas miss, not against whoever chooses keys so that they cancel out.
 */

/** Two numbers a bucket. */
export type Digests = Uint32Array;

/** How many buckets there are, a power of two: of nodes that share every key with every peer, and of those that do not. */
export const bucketsMax = 4096;
const bucketsOfMany = 1024;

/** Where each peer shares other keys there are sums for each of them, and in each fewer keys. */
export function bucketCountOf(groups: number): number {
  return groups <= 1 ? bucketsMax : bucketsOfMany;
}

export function newDigests(buckets: number): Digests {
  return new Uint32Array(2 * buckets);
}

/**
 * The bucket of keys with this hash (`hashKey`). Mixed by constants that neither placement nor owners use, so that each owner
 * and each peer has keys in all buckets.
 */
export function bucketOf(keyHash: number, buckets: number): number {
  let hash = Math.imul(keyHash ^ (keyHash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) & (buckets - 1);
}

/** The two hashes of a key; one object is used for many. */
export class KeyHashes {
  /** `hashKey`. */
  first = 0;
  second = 0;

  take(bytes: Uint8Array, start: number, end: number): void {
    let first = 0x811c9dc5;
    let second = end - start;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      first = Math.imul(first ^ byte, 0x01000193);
      second = Math.imul(second ^ byte, 0x5bd1e995);
      second ^= second >>> 15;
    }
    this.first = first >>> 0;
    this.second = second;
  }
}

const NODE_OFFSET = 4;
const VERSION_OFFSET = 8;
const KIND_OFFSET = 16;
const TOMBSTONE = 1;
/** No version is negative, so that the sign of its float64 is free. */
const SIGN_BIT = 0x80000000 | 0;

/**
 * Puts the record at `offset`, or the head of a large one, into a bucket's sum; takes it out if `sign` is -1. `record` may be any
 * bytes that hold a record's header.
 */
export function countRecord(
  digests: Digests,
  bucket: number,
  key: Readonly<KeyHashes>,
  record: Uint8Array,
  offset: number,
  sign: 1 | -1,
): void {
  const low = wordAt(record, offset + VERSION_OFFSET);
  const high =
    wordAt(record, offset + VERSION_OFFSET + 4) ^ (record[offset + KIND_OFFSET] === TOMBSTONE ? SIGN_BIT : 0);
  const node = wordAt(record, offset + NODE_OFFSET);
  const [one, other] = [2 * bucket, 2 * bucket + 1];
  // A typed array's elements wrap around by themselves.
  digests[one] = (digests[one] as number) + sign * mixed(key.first, low, high, node);
  digests[other] = (digests[other] as number) + sign * mixed(key.second ^ 0x5f356495, high, node, low);
}

/** Adds all of `more`. */
export function addDigests(digests: Digests, more: Digests): void {
  for (let at = 0; at < digests.length; at++) digests[at] = (digests[at] as number) + (more[at] as number);
}

/** The buckets of both that differ, among those wanted; all where none are named. */
export function differing(one: Digests, other: Digests, wanted?: Buckets): Buckets {
  const found = new Buckets(one.length / 2);
  for (let bucket = 0; bucket < found.count; bucket++) {
    if (wanted !== undefined && !wanted.has(bucket)) continue;
    if (one[2 * bucket] !== other[2 * bucket] || one[2 * bucket + 1] !== other[2 * bucket + 1]) found.add(bucket);
  }
  return found;
}

/** A set of buckets, a bit each. */
export class Buckets {
  readonly bits: Uint8Array;
  /** How many buckets there are; not how many are in the set. */
  readonly count: number;

  constructor(count: number, bits: Uint8Array = new Uint8Array(count / 8)) {
    this.count = count;
    this.bits = bits;
  }

  add(bucket: number): void {
    this.bits[bucket >>> 3] = (this.bits[bucket >>> 3] as number) | (1 << (bucket & 7));
  }

  has(bucket: number): boolean {
    return ((this.bits[bucket >>> 3] as number) & (1 << (bucket & 7))) !== 0;
  }

  /** How many are in the set. */
  get size(): number {
    let size = 0;
    for (let bucket = 0; bucket < this.count; bucket++) if (this.has(bucket)) size++;
    return size;
  }
}

function mixed(seed: number, first: number, second: number, third: number): number {
  let hash = Math.imul(seed ^ first, 0xcc9e2d51);
  hash = Math.imul(hash ^ (hash >>> 15) ^ second, 0x1b873593);
  hash = Math.imul(hash ^ (hash >>> 13) ^ third, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Four bytes as a signed number; lmdb's reused buffers have none of Buffer's methods. */
function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
