/**
 * Reads resolved from several replicas' replies: the newest record answers, and whoever has less can be repaired.
 * Dynamo (2007) section 5 calls the second part read repair.
 */
import { replyCodes } from './operation.ts';
import { compareRecords, mergeRecords } from './record.ts';
import type { Reply } from './reply.ts';

/** The newer of two replies to a read; one without a record is older than any with one. */
export function newerReply(left: Reply, right: Reply): Reply {
  if (right.code !== replyCodes.record) return left;
  if (left.code !== replyCodes.record) return right;
  return mergeRecords(left, right);
}

/** One replica's reply to a read. */
export interface ReplicaReply {
  /** Index of the replica's node in the topology. */
  readonly node: number;
  readonly reply: Reply;
}

/** The nodes whose reply is older than `newest`: they want its record. A replica that failed is not among them. */
export function staleReplicas(replies: readonly ReplicaReply[], newest: Reply): number[] {
  if (newest.code !== replyCodes.record) return [];
  const stale = replies.filter(({ reply }) => {
    if (reply.code === replyCodes.absent) return true;
    if (reply === newest) return false;
    return reply.code === replyCodes.record && compareRecords(reply, newest) < 0;
  });
  return stale.map(({ node }) => node);
}
