/**
 * Reads resolved from several replicas' replies: the newest record answers, and whoever has less can be repaired.
 * Dynamo (2007) section 5 calls the second part read repair. A large value is only announced, by its record's header: the
 * newest is then read from one replica, as Cassandra reads the data from one and digests from the others.
 */
import { replyCodes } from '../formats/codes.ts';
import { compareStamps, covers, haveSameHeader, mergeRecords } from './merge.ts';
import { announcesRecord, holdsRecord, tellsRecord, type Reply } from '../formats/reply.ts';

/**
 * The newer of two replies to a read; one that neither has nor announces a record is older than any that does. Of two
 * with the same record the one that has it.
 */
export function newerReply(left: Reply, right: Reply): Reply {
  if (!tellsRecord(right)) return left;
  if (!tellsRecord(left)) return right;
  if (haveSameHeader(left, right)) return holdsRecord(left.code) ? left : right;
  if (areWhole(left, right)) return mergeRecords(left, right);
  const order = compareStamps(left, right);
  if (order === 0) return holdsRecord(left.code) ? left : right;
  return order > 0 ? left : right;
}

/** One replica's reply to a read. */
export interface ReplicaReply {
  /** Index of the replica's node in the topology. */
  readonly node: number;
  readonly reply: Reply;
}

const nobody: readonly number[] = [];

/** How many nodes are known to hold this record or a newer one, votes or not. */
export function countHolders(replies: readonly ReplicaReply[], record: Reply): number {
  let holders = 0;
  for (const { reply } of replies) if (tellsRecord(reply) && covers(reply, record)) holders++;
  return holders;
}

/**
 * What a read does next that has its votes and must not answer what a later one may not find.
 *
 * `answer`: enough replicas hold it. `await-votes`: one that is on its way may say that it does. `write-back`: it is written to
 * those that lack it. `pending`: for that, or for what is on its way. `unreachable`: not enough of them took it.
 */
export type ReadStep = 'answer' | 'await-votes' | 'write-back' | 'pending' | 'unreachable';

/** How far a read has come. */
export interface ReadProgress {
  readonly acksRequired: number;
  /** Replicas that hold what is to be answered, or something newer. */
  readonly holders: number;
  /** Replicas that have not replied. */
  readonly outstanding: number;
  /** Whether it has waited for those as long as it does. */
  readonly hasWaited: boolean;
  /** Replicas that lack the newest record and were not sent it. */
  readonly stale: number;
  /** Replicas that were sent it and have not replied. */
  readonly writing: number;
}

export function readStep(progress: ReadProgress): ReadStep {
  const { acksRequired, holders, outstanding, hasWaited, stale, writing } = progress;
  if (holders >= acksRequired) return 'answer';
  if (outstanding > 0 && !hasWaited) return 'await-votes';
  if (stale > 0) return 'write-back';
  return outstanding > 0 || writing > 0 ? 'pending' : 'unreachable';
}

/** The nodes that said something older than `newest` or do not know: they lack its record. One that failed is not among them. */
export function staleReplicas(replies: readonly ReplicaReply[], newest: Reply): readonly number[] {
  if (!tellsRecord(newest)) return nobody;
  let stale: number[] | undefined;
  for (const { node, reply } of replies) if (isOlder(reply, newest)) (stale ??= []).push(node);
  return stale ?? nobody;
}

/** The nodes that announce the same record as `newest` does. */
export function announcersOf(replies: readonly ReplicaReply[], newest: Reply): number[] {
  const announcers = replies.filter(({ reply }) => announcesRecord(reply.code) && haveSameHeader(reply, newest));
  return announcers.map(({ node }) => node);
}

function isOlder(reply: Reply, newest: Reply): boolean {
  if (!tellsRecord(reply)) return reply.code !== replyCodes.failed;
  return !covers(reply, newest);
}

function areWhole(left: Reply, right: Reply): boolean {
  return holdsRecord(left.code) && holdsRecord(right.code);
}
