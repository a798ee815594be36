/** Read repair as a decision: who is sent what, once every replica has replied to a read. */
import { majority, replyWeights } from '../../src/domain/quorum.ts';
import { countHolders, staleReplicas } from '../../src/domain/resolution.ts';
import { holdsRecord, tellsRecord, type Reply } from '../../src/formats/reply.ts';
import { burialOf, contradicting, isBuried } from './buried.ts';
import type { PendingOperation } from './pending-operation.ts';

export interface Repair {
  readonly do: 'repair';
  readonly nodes: readonly number[];
  readonly record: Reply;
  /** Whether enough other replicas were asked that nothing acknowledged can be newer (`entryFlags.vouched`). */
  readonly isVouched: boolean;
  /** Of the nodes, those that have a floor above the record: they take it for deleted unless it is vouched for. */
  readonly doubting?: readonly number[];
}

/**
 * Those that have less than the newest record are sent it; where that was deleted long ago, those that have it are sent a
 * tombstone. Undefined where there is nobody to be sent anything.
 */
export function repairOf(operation: PendingOperation): Repair | undefined {
  const { newest, replies } = operation;
  if (newest === undefined || !tellsRecord(newest)) return undefined;
  const nodes = staleReplicas(replies, newest);
  // Whoever has removed what deleted it is without it, too.
  if (nodes.length === 0) return undefined;
  if (isBuried(operation)) return { do: 'repair', ...burialOf(operation, newest), isVouched: false };
  if (!holdsRecord(newest.code)) return undefined;
  const isVouched = areEnough(operation, nodes);
  const doubting = contradicting(operation, newest);
  if (doubting.length === 0) return { do: 'repair', nodes, record: newest, isVouched };
  // What a majority holds is answered, whatever one floor says: it is to be held by all.
  const isHeld = countHolders(replies, newest) >= majority(operation.quorum.replicaCount);
  return { do: 'repair', nodes, record: newest, isVouched: isVouched && isHeld, doubting };
}

/** Whether so many others than these nodes have voted that every majority has one among them. */
export function areEnough(
  { replies, quorum: { replicaCount } }: PendingOperation,
  besides: readonly number[],
): boolean {
  const votes = replies.filter(({ node, reply }) => replyWeights[reply.code] === 'ack' && !besides.includes(node));
  return votes.length > replicaCount - majority(replicaCount);
}
