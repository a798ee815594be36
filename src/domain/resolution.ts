/**
 * Reads resolved from several replicas' replies: the newest record answers, and whoever has less can be repaired.
 * Dynamo (2007) section 5 calls the second part read repair. A large record is only announced, by its header: the newest
 * is then read from one replica, as Cassandra reads the data from one and digests from the others.
 */
import { replyCodes } from '../formats/codes.ts';
import { compareRecords, compareStamps, mergeRecords } from './merge.ts';
import type { Reply } from '../formats/reply.ts';

/**
 * The newer of two replies to a read; one that neither has nor announces a record is older than any that does. Of two
 * with the same record the one that has it.
 */
export function newerReply(left: Reply, right: Reply): Reply {
  if (!tellsRecord(right)) return left;
  if (!tellsRecord(left)) return right;
  if (areWhole(left, right)) return mergeRecords(left, right);
  const order = compareStamps(left, right);
  if (order === 0) return left.code === replyCodes.record ? left : right;
  return order > 0 ? left : right;
}

/** One replica's reply to a read. */
export interface ReplicaReply {
  /** Index of the replica's node in the topology. */
  readonly node: number;
  readonly reply: Reply;
}

/** The nodes whose reply is older than `newest`: they want its record. A replica that failed is not among them. */
export function staleReplicas(replies: readonly ReplicaReply[], newest: Reply): number[] {
  if (!tellsRecord(newest)) return [];
  const stale = replies.filter(({ reply }) => {
    if (reply.code === replyCodes.absent) return true;
    return reply !== newest && tellsRecord(reply) && compareReplies(reply, newest) < 0;
  });
  return stale.map(({ node }) => node);
}

/** The nodes that announce the same record as `newest` does. */
export function holdersOf(replies: readonly ReplicaReply[], newest: Reply): number[] {
  const holders = replies.filter(({ reply }) => reply.code === replyCodes.large && compareReplies(reply, newest) === 0);
  return holders.map(({ node }) => node);
}

function tellsRecord({ code }: Reply): boolean {
  return code === replyCodes.record || code === replyCodes.large;
}

/** The order of merging. What is only announced is compared by its stamp, which no two writes share. */
function compareReplies(left: Reply, right: Reply): number {
  return areWhole(left, right) ? compareRecords(left, right) : compareStamps(left, right);
}

function areWhole(left: Reply, right: Reply): boolean {
  return left.code === replyCodes.record && right.code === replyCodes.record;
}
