/** One operation while its replicas are asked: what it needs, and what they have said so far. */
import { acksRequiredOf, replicaCountOf, type Entry, type Quorum } from '../../src/formats/frame.ts';
import { operationKinds } from '../../src/formats/codes.ts';
import { emptyTally, type Tally } from '../../src/domain/quorum.ts';
import type { ReplicaReply } from '../../src/domain/resolution.ts';
import type { Reply } from '../../src/formats/reply.ts';

/**
 * `pending`: without an outcome. `settled`: it has one, and later replies are still examined. `complete`: every replica
 * has replied or failed, and nothing more is asked of any.
 */
export type OperationState = 'pending' | 'settled' | 'complete';

export interface PendingOperation {
  readonly entry: Entry;
  readonly quorum: Quorum;
  state: OperationState;
  tally: Tally;
  /** Some replica had no room. */
  full: boolean;
  /** The newest reply to a read; let go when the operation is complete. */
  newest: Reply | undefined;
  /** All replies to a read, for its repair; let go when the operation is complete. */
  replies: ReplicaReply[];
  /** The node that is asked for the large value that it announced (large-reads.ts). */
  asked: number | undefined;
}

/** What writes and complete operations have instead of replies; nobody adds to it. */
export const noReplies: ReplicaReply[] = [];

export function pendingOperation(entry: Entry): PendingOperation {
  return {
    entry,
    quorum: { acksRequired: acksRequiredOf(entry), replicaCount: replicaCountOf(entry) },
    state: 'pending',
    tally: emptyTally,
    full: false,
    newest: undefined,
    replies: entry.kind === operationKinds.read ? [] : noReplies,
    asked: undefined,
  };
}

/** Whether every replica has replied or failed. */
export function hasAllReplies({ tally, quorum }: PendingOperation): boolean {
  return tally.acks + tally.failures === quorum.replicaCount;
}
