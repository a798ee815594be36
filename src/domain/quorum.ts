/**
 * Quorums as pure arithmetic: how many acknowledgements an operation needs, and what the replies so far amount to.
 *
 * What counts as an acknowledgement is the table `replyWeights`.
 *
 * Invariants: a verdict never changes once it is not pending, whatever arrives later; `met` is reached with exactly
 * `acksRequired` acknowledgements and `unreachable` with exactly `replicaCount - acksRequired + 1` failures.
 * Dynamo (2007) section 4.5 calls the two numbers W or R, and N.
 */
import { replyCodes, type ReplyCode } from '../formats/codes.ts';
import type { Quorum } from '../formats/frame.ts';

/** The replies counted so far. */
export interface Tally {
  readonly acks: number;
  readonly failures: number;
}

export type Verdict = 'pending' | 'met' | 'unreachable';

/**
 * What a replica's reply counts as. An acknowledgement of a read is a vote: it says what the replica knows of the key. One
 * that has lost or damaged it knows nothing, whatever it sends along.
 */
export type Weight = 'ack' | 'failure' | 'superseded';

/** To a write, what stands in its way: something newer, which in a second round can only be concurrent to it. */
export const replyWeights: Readonly<Record<ReplyCode, Weight>> = {
  [replyCodes.absent]: 'ack',
  [replyCodes.record]: 'ack',
  [replyCodes.large]: 'ack',
  [replyCodes.damaged]: 'failure',
  [replyCodes.recovering]: 'failure',
  [replyCodes.recoveringRecord]: 'failure',
  [replyCodes.recoveringLarge]: 'failure',
  [replyCodes.applied]: 'ack',
  [replyCodes.superseded]: 'superseded',
  [replyCodes.full]: 'failure',
  [replyCodes.failed]: 'failure',
  [replyCodes.refusedClock]: 'failure',
};

export const emptyTally: Tally = { acks: 0, failures: 0 };

/** A majority of `replicaCount`: 1/1, 2/2, 2/3, 3/4, 3/5. */
export function majority(replicaCount: number): number {
  return Math.floor(replicaCount / 2) + 1;
}

/** The tally with one more reply in it. */
export function addReply(tally: Tally, reply: 'ack' | 'failure'): Tally {
  return reply === 'ack'
    ? { acks: tally.acks + 1, failures: tally.failures }
    : { acks: tally.acks, failures: tally.failures + 1 };
}

/** The tally with an acknowledgement taken back: the replica could not give what it had announced. */
export function withdrawAck(tally: Tally): Tally {
  return { acks: tally.acks - 1, failures: tally.failures + 1 };
}

/** What the tally amounts to. */
export function judge(quorum: Quorum, tally: Tally): Verdict {
  if (tally.acks >= quorum.acksRequired) return 'met';
  // from - ack + 1 failures: the quorum can no longer be met, so answer now.
  if (tally.failures > quorum.replicaCount - quorum.acksRequired) return 'unreachable';
  return 'pending';
}

/** What the replies to the first stamp of a write amount to. */
export type FirstRoundVerdict = Verdict | 'stamp-again';

/**
 * As `judge`, for a write of which so many replicas hold something newer. Once they keep it from its quorum, and a quorum has
 * told how new what it holds is, a stamp above all that can win.
 */
export function judgeFirstRound(quorum: Quorum, tally: Tally, superseded: number): FirstRoundVerdict {
  const verdict = judge(quorum, tally);
  if (verdict !== 'pending') return verdict;
  const outstanding = quorum.replicaCount - tally.acks - tally.failures - superseded;
  if (tally.acks + outstanding >= quorum.acksRequired) return 'pending';
  return tally.acks + superseded >= quorum.acksRequired ? 'stamp-again' : 'pending';
}

/** What a request may ask for: both, one or neither of the two numbers. */
export interface QuorumRequest {
  readonly acks: number | undefined;
  readonly replicas: number | undefined;
}

/** Why a requested quorum is not possible; the text is for the client. */
export type QuorumError = { readonly error: string };

/**
 * The quorum for a request in a cluster of `nodeCount` nodes whose default replica count is `replicationFactor`.
 * Without parameters: all nodes up to the replication factor, and a majority of them.
 */
export function resolveQuorum(
  request: QuorumRequest,
  cluster: { readonly nodeCount: number; readonly replicationFactor: number },
): Quorum | QuorumError {
  const replicaCount = request.replicas ?? Math.min(cluster.replicationFactor, cluster.nodeCount);
  if (replicaCount < 1) return { error: 'from must be at least 1' };
  if (replicaCount > cluster.nodeCount) {
    return { error: `from is ${replicaCount}, but the cluster has ${cluster.nodeCount} nodes` };
  }
  const acksRequired = request.acks ?? majority(replicaCount);
  if (acksRequired < 1) return { error: 'ack must be at least 1' };
  if (acksRequired > replicaCount) return { error: `ack is ${acksRequired}, but from is ${replicaCount}` };
  return { acksRequired, replicaCount };
}
