/**
 * Reads resolved from several replicas' replies: the newest record answers, and whoever has less can be repaired.
 * Dynamo (2007) section 5 calls the second part read repair. A large value is only announced, by its record's header: the
 * newest is then read from one replica, as Cassandra reads the data from one and digests from the others.
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

const nobody: readonly number[] = [];

/** The nodes whose reply is older than `newest`: they lack its record. A replica that failed is not among them. */
export function staleReplicas(replies: readonly ReplicaReply[], newest: Reply): readonly number[] {
  if (!tellsRecord(newest)) return nobody;
  let stale: number[] | undefined;
  for (const { node, reply } of replies) if (isOlder(reply, newest)) (stale ??= []).push(node);
  return stale ?? nobody;
}

/** The nodes that announce the same record as `newest` does. */
export function announcersOf(replies: readonly ReplicaReply[], newest: Reply): number[] {
  const announcers = replies.filter(({ reply }) => {
    return reply.code === replyCodes.large && compareReplies(reply, newest) === 0;
  });
  return announcers.map(({ node }) => node);
}

function isOlder(reply: Reply, newest: Reply): boolean {
  if (reply.code === replyCodes.absent) return true;
  return reply !== newest && tellsRecord(reply) && compareReplies(reply, newest) < 0;
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
