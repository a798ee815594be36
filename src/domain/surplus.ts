/**
 * Which copies a node keeps of keys that are none of its own any more, since the cluster's list or its replication factor has
 * changed, and when such a copy may go.
 *
 * Clients may write with a `from` above the replication factor, and a record does not say with which it was written. So a copy is
 * surplus only if this node got it as one of the key's replicas under a former list: it is not newer than that list, and the
 * key was this node's there. What was written beyond that, or since, somebody wanted to be here, and it stays.
 *
 * It goes when every replica that the key has now holds it, or something newer. Or when it was deleted since: no replica
 * holds anything, and so many of them have a floor above it as prove that (purge.ts).
 */
import { absentFloor, tellsRecord, type Reply } from '../formats/reply.ts';
import { replyCodes } from '../formats/codes.ts';
import { readVersion, type RecordView, type Version } from '../formats/record.ts';
import { covers } from './merge.ts';
import { isDeletedBy } from './purge.ts';
import { preferenceList } from './rendezvous.ts';
import type { Placement } from './sharing.ts';

/** Who kept which keys. */
export type Keeping = Omit<Placement, 'name'>;

/** A list that the cluster has left; no record that this node had then is newer than `until`. */
export interface FormerPlacement extends Keeping {
  readonly until: Version;
}

/** What a store remembers of the lists that it was kept under. */
export interface PlacementHistory {
  readonly now: Placement;
  /** When the store was first opened under it, microseconds of the wall clock. */
  readonly since: Version;
  /** The newest first. */
  readonly former: readonly FormerPlacement[];
}

/** A store as a start finds it. */
export interface Opening {
  /** It holds nothing newer. */
  readonly newest: Version;
  readonly nowMicros: Version;
}

/** So many lists are remembered. */
const FORMER_MAX = 4;

/** The history of a store that is opened under a list; the same object where nothing changes. */
export function openedUnder(
  known: PlacementHistory | undefined,
  now: Placement,
  { newest, nowMicros }: Opening,
): PlacementHistory {
  if (known === undefined) return { now, since: nowMicros, former: [] };
  if (known.now.name === now.name) return known;
  const { nodeIds, selfIndex, replicationFactor } = known.now;
  const former = [{ nodeIds, selfIndex, replicationFactor, until: newest }, ...known.former].slice(0, FORMER_MAX);
  return { now, since: nowMicros, former };
}

/** Whether a copy of this version, of a key with this hash (`hashKey`), is here for a former list's sake only. */
export function isSurplus({ now, former }: PlacementHistory, keyHash: number, version: Version): boolean {
  if (isKept(now, keyHash)) return false;
  return former.some((list) => version <= list.until && isKept(list, keyHash));
}

/**
 * Whether what a node (by its index in the list of now) missed of a key was kept for it under a former list only, in which the key
 * may have been its: it is none of its any more.
 */
export function isMissedByFormer(
  { now, since, former }: PlacementHistory,
  node: number,
  { keyHash, version }: { readonly keyHash: number; readonly version: Version },
): boolean {
  const until = former[0]?.until;
  if (until === undefined || version > Math.max(until, since)) return false;
  return !isKept({ ...now, selfIndex: node }, keyHash);
}

/** Whether a key is kept by the node whose list this is. */
export function isKept({ nodeIds, selfIndex, replicationFactor }: Keeping, keyHash: number): boolean {
  return preferenceList(keyHash, nodeIds, replicationFactor).includes(selfIndex);
}

/** Whether a surplus copy may go when all replicas of its key have replied so to a read of it. */
export function maySurplusGo(copy: RecordView, replies: readonly Reply[]): boolean {
  if (replies.length === 0) return false;
  if (replies.every((reply) => isHeld(copy, reply))) return true;
  if (!replies.every(({ code }) => code === replyCodes.absent)) return false;
  const version = readVersion(copy.bytes, copy.offset);
  return isDeletedBy(replies.filter((reply) => absentFloor(reply) > version).length, replies.length);
}

/** Only votes count: a replica that recovers has not got all of it back. */
function isHeld(copy: RecordView, reply: Reply): boolean {
  const isVote = reply.code === replyCodes.record || reply.code === replyCodes.large;
  return isVote && tellsRecord(reply) && covers(reply, copy);
}
