/** The codes of operations, replies and outcomes in frames, and what each means. */

/** What travels between threads and nodes: a replica either reads a key or merges a record under it. */
export const operationKinds = { read: 1, write: 2 } as const;
export type OperationKind = (typeof operationKinds)[keyof typeof operationKinds];

/** The code of each outcome in an outcome frame. */
export const outcomeCodes = {
  /** The newest of `ack` replies is a value. */
  found: 1,
  /** The newest of `ack` replies is a tombstone, or none of them has the key. */
  missing: 2,
  /** `ack` replicas hold the write durably. */
  written: 3,
  /** So many replicas failed that `ack` cannot be met. For a write: outcome unknown. */
  unreachable: 4,
  /** The deadline passed first. For a write: outcome unknown. */
  timedOut: 5,
  /** The quorum cannot be met since replicas have no room. Outcome unknown. */
  full: 6,
  /** A bound of the node was reached before anything was sent. */
  overloaded: 7,
  /** The worker thread died or refused the frame. Outcome unknown. */
  failed: 8,
  /** The quorum cannot be met since replicas refuse the write's stamp: clocks differ. Outcome unknown. */
  refusedClock: 9,
  /** As `found`, of a large value that is not brought: the read asked for its length, version and expiry only (`headOnly`). */
  announced: 10,
} as const;

export type OutcomeCode = (typeof outcomeCodes)[keyof typeof outcomeCodes];

/** Whether replicas kept an operation of this outcome from its quorum. */
export function isShortfall(code: OutcomeCode): boolean {
  const { unreachable, timedOut, full, refusedClock } = outcomeCodes;
  return code === unreachable || code === timedOut || code === full || code === refusedClock;
}

/** What one replica says to one operation; the code of each in a reply frame. Only some of them are votes (quorum.ts). */
export const replyCodes = {
  /** To a read: the replica has nothing under the key. A version may follow: whatever is older was deleted. */
  absent: 0,
  /** To a read: the record follows, value or tombstone. */
  record: 1,
  /** To a write: it is the newest of its key here, as durable as the durability says. The same write again is, too. */
  applied: 2,
  /** The replica could not be asked, or did not do it. */
  failed: 3,
  /** To a write: the disk is full. */
  full: 4,
  /** To a read: announces a large value, which does not come among others; the record's header follows. A `largeRead` brings it. */
  large: 5,
  /** To a write: something newer is durable here. Its version and node id follow. */
  superseded: 6,
  /**
   * To a read: what stands under the key fails its checksum, so nobody knows what it was. To a repair: that may be newer, so it
   * stays.
   */
  damaged: 7,
  /** To a read: the replica has lost data and has not got all of it back; it has nothing under the key. */
  recovering: 8,
  /** As `recovering`; but this it has, as after `record`. */
  recoveringRecord: 9,
  /** As `recovering`; but this it has, as after `large`. */
  recoveringLarge: 10,
  /** To a write: its stamp is too far in the past or in the future to be a write of now. */
  refusedClock: 11,
} as const;

export type ReplyCode = (typeof replyCodes)[keyof typeof replyCodes];

/** The greatest code that a reply can have. */
export const replyCodeMax = replyCodes.refusedClock;
