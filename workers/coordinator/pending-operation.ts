/** One operation while its replicas are asked: what it needs, and what they have said so far. */
import {
  acksRequiredOf,
  isRepair,
  isStrict,
  replicaCountOf,
  versionRead,
  type Entry,
  type Quorum,
} from '../../src/formats/frame.ts';
import { operationKinds } from '../../src/formats/codes.ts';
import { emptyTally, type Tally } from '../../src/domain/quorum.ts';
import type { Version } from '../../src/formats/record.ts';
import type { ReplicaReply } from '../../src/domain/resolution.ts';
import type { Reply } from '../../src/formats/reply.ts';

/**
 * `pending`: without an outcome. `settled`: it has one, and later replies are still examined. `complete`: every replica
 * has replied or failed, and nothing more is asked of any.
 */
export type OperationState = 'pending' | 'settled' | 'complete';

/**
 * What replicas are asked. `first`: to take the operation as it came. `versions`: a strict write asks them first how new what
 * they hold is. `stamping`: a write waits for another stamp, and replies to the one before do not count any more. `second`:
 * to take it with that stamp.
 */
export type Round = 'first' | 'versions' | 'stamping' | 'second';

/** A read whose votes disagree, on its way to an answer that a later read finds, too (resolution.ts). */
export interface WriteBack {
  /** The newest of the votes that met the quorum. */
  readonly target: Reply;
  /** For a vote that is on its way. */
  wait: 'none' | 'waiting' | 'over';
  /** What is written back: the newest that any replica has told of. */
  record: Reply | undefined;
  /** Who was sent that. */
  sentTo: number[];
  /** How many of those that were sent something have not replied. */
  open: number;
}

export interface PendingOperation {
  readonly entry: Entry;
  readonly quorum: Quorum;
  /** What its replicas are asked in this round. */
  question: Entry;
  round: Round;
  state: OperationState;
  /** Of this round. */
  tally: Tally;
  /** Replicas that hold something newer than a write of the first round, and the newest version that was told of. */
  superseded: number;
  above: Version;
  /** The nodes that have acknowledged a write in this round, as bits: those below 32, and the others. */
  ackedLow: number;
  ackedHigh: number;
  /** The nodes that should hold a write and do not, as far as nobody has been told of them yet. */
  missed: number[] | undefined;
  /** Which replicas did not acknowledge in this round, and why (faults.ts); undefined where all did so far. */
  faults: number[] | undefined;
  /** Why some replica has refused a write, which says more than that it did. */
  refusal: 'none' | 'full' | 'clock';
  /** The newest reply to a read; let go when the operation is complete. */
  newest: Reply | undefined;
  /** All replies to a read, for its repair; let go when the operation is complete. */
  replies: ReplicaReply[];
  /** The node that is asked for the large value that it announced (large-reads.ts). */
  asked: number | undefined;
  writeBack: WriteBack | undefined;
  /** Whether it has had a replica repaired. */
  wasStale: boolean;
}

/** What writes and complete operations have instead of replies; nobody adds to it. */
export const noReplies: ReplicaReply[] = [];

export function pendingOperation(entry: Entry): PendingOperation {
  const isWrite = entry.kind === operationKinds.write;
  const asksVersions = isWrite && isStrict(entry);
  return {
    entry,
    quorum: { acksRequired: acksRequiredOf(entry), replicaCount: replicaCountOf(entry) },
    question: asksVersions ? versionRead(entry) : entry,
    round: asksVersions ? 'versions' : firstRound(entry),
    state: 'pending',
    tally: emptyTally,
    superseded: 0,
    above: 0,
    ackedLow: 0,
    ackedHigh: 0,
    missed: undefined,
    faults: undefined,
    refusal: 'none',
    newest: undefined,
    replies: isWrite ? noReplies : [],
    asked: undefined,
    writeBack: undefined,
    wasStale: false,
  };
}

/** A repair has its stamp for good: what stands above it is what it was to be merged with. */
function firstRound(entry: Entry): Round {
  return entry.kind === operationKinds.write && isRepair(entry) ? 'second' : 'first';
}

/** How many replicas have neither replied nor failed in this round. */
export function outstandingReplies({ tally, superseded, quorum }: PendingOperation): number {
  return quorum.replicaCount - tally.acks - tally.failures - superseded;
}

/** Whether every replica has replied or failed. */
export function hasAllReplies(operation: PendingOperation): boolean {
  return outstandingReplies(operation) === 0;
}

/** Whether a node has acknowledged a write in this round. */
export function hasAcked({ ackedLow, ackedHigh }: PendingOperation, node: number): boolean {
  return ((node < 32 ? ackedLow >>> node : ackedHigh >>> (node - 32)) & 1) === 1;
}
