/**
 * What this node's replica may say: whether its reads are votes, and from which stamp on it knows what there is. A replica
 * that has lost data votes for no key until it has got that back, and acknowledges no write that is older than what it may
 * have lost.
 */
import type { Version } from '../../src/formats/record.ts';

export interface Standing {
  /** Whether it votes for every key: then nobody need ask for one. */
  readonly isWhole: boolean;
  /** Whether what it says of a key with this hash (`hashKey`) is a vote. */
  votes(keyHash: number): boolean;
  /** Writes that are stamped below this version are answered `superseded`. */
  floor(): Version;
}

/** A replica that has lost nothing. */
export const wholeStanding: Standing = { isWhole: true, votes: () => true, floor: () => 0 };
