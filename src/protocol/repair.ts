/** What a node says of repair: of each peer, of damage that it found, and of all that it holds. Plain data. */

/**
 * `waiting`: never compared. `unavailable`: it could not be compared, see `error`. `differing`: this node has what the peer holds;
 * the peer lacks something.
 */
export type RepairState = 'waiting' | 'comparing' | 'pulling' | 'identical' | 'differing' | 'unavailable';

export interface PeerRepairStatus {
  readonly url: string;
  readonly state: RepairState;
  readonly error: string | undefined;
  /** All that is older than this is known to be the same on both; null: nothing is known. */
  readonly identicalSince: string | null;
  /** When both were last found the same, and when they were last compared. */
  readonly identicalAt: string | null;
  readonly comparedAt: string | null;
  readonly passes: number;
  /** Of the last comparison. */
  readonly bucketsDiffering: number;
  /** By this process. */
  readonly bucketsCompared: number;
  readonly recordsPulled: number;
  readonly bytesPulled: number;
}

/** Damaged records of one worker: those that wait are mended when enough replicas answer. */
export interface MendStatus {
  readonly waiting: number;
  readonly mended: number;
}

/**
 * Copies of one worker that a former list's replicas needed, and that nobody needs now. `none`: there are none. `waiting`: they are
 * gone over when the nodes have confirmed to each other what they hold.
 */
export interface SurplusStatus {
  readonly state: 'none' | 'waiting' | 'removing';
  /** Found the last time and not removed, since a replica of theirs lacked them, or did not say. */
  readonly left: number;
  /** By this process. */
  readonly removed: number;
}

export interface RepairStatus {
  readonly peers: readonly PeerRepairStatus[];
  readonly damaged: MendStatus;
  readonly surplus: SurplusStatus;
}

/** All records are read for a digest of what a node holds: as long as a range may take by default, milliseconds. */
export const digestMsMax = 300_000;

/** A digest of records, their checksums included, and how many there are. */
export interface ContentDigest {
  readonly digest: string;
  readonly records: number;
}

/** What a node holds, and what of it it shares with each peer, by URL. */
export interface NodeContents extends ContentDigest {
  readonly url: string;
  readonly sharedWith: Readonly<Record<string, ContentDigest>>;
}
