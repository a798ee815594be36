/**
 * How a node that lost data comes to vote again, key by key: by merging with so many of the key's other replicas that
 * every acknowledged write is on one of them. A write is on `ack` replicas, at worst on this one and on `ack - 1` of the
 * `from - 1` others, so with any `from - ack + 1` others merged nothing is missed: both others at 2 of 3.
 *
 * Quorums are those of the replication factor. A request that asks for a smaller `ack` has promised less, and one with a
 * larger `from` counts on nodes that keep no copy for it.
 */
import type { ClusterList, Recovering, Claim, SourceKind } from './node-claim.ts';
import type { Version } from '../formats/record.ts';
import { majority } from './quorum.ts';
import { preferenceList } from './rendezvous.ts';
import { nodeIdOf } from './topology.ts';

/**
 * As what a peer counts for a recovering node; undefined: not at all. Nodes that lost power together at durability `commit`
 * count for each other, and so do the members of a list that is being left.
 */
export function sourceOf(own: Recovering, { url, standing }: Claim, self: string): SourceKind | undefined {
  if (url === self || standing.kind === 'forming') return undefined;
  if (standing.kind === 'voting') return 'voting';
  if (standing.old !== undefined) {
    const isSameList = own.old !== undefined && isSame(own.old, standing.old);
    return isSameList && own.old.urls.includes(url) && standing.old.isMember ? 'old' : undefined;
  }
  return own.reason === 'power-loss' && standing.reason === 'power-loss' ? 'power-loss' : undefined;
}

/** Whether every key that this node replicates counts as recovered. */
export function isRecovered(standing: Recovering, list: ClusterList, self: string): boolean {
  if (standing.old !== undefined && isRecoveredOf(standing, standing.old, self)) return true;
  const { others, replicas, needed } = arithmetic(list, self);
  // However the missing ones are spread: of the `replicas - 1` others of a key so many are there.
  const there = (kinds: readonly SourceKind[]): number =>
    Math.max(0, replicas - 1 - others.filter((url) => !isMerged(standing, url, kinds)).length);
  if (there(['voting']) >= needed) return true;
  return standing.reason === 'power-loss' && there(['voting', 'power-loss']) === replicas - 1;
}

/** Whether reads of a key are votes while a node recovers. Made once for a standing; a call costs some microseconds. */
export function votingRule(standing: Recovering, list: ClusterList, self: string): (keyHash: number) => boolean {
  const { replicas, needed } = arithmetic(list, self);
  const ids = list.urls.map(nodeIdOf);
  const { old } = standing;
  const oldIds = (old?.urls ?? []).map(nodeIdOf);
  const othersOf = (keyHash: number): string[] =>
    preferenceList(keyHash, ids, replicas)
      .map((index) => list.urls[index] as string)
      .filter((url) => url !== self);
  return (keyHash) => {
    const others = othersOf(keyHash);
    // Not one of its replicas: nothing has been fetched for it.
    if (others.length === replicas) return false;
    const merged = (kinds: readonly SourceKind[]): number =>
      others.filter((url) => isMerged(standing, url, kinds)).length;
    if (merged(['voting']) >= needed) return true;
    if (standing.reason === 'power-loss' && merged(['voting', 'power-loss']) === others.length) return true;
    if (old === undefined) return false;
    const before = preferenceList(keyHash, oldIds, arithmetic(old, self).replicas).map((i) => old.urls[i] as string);
    const isKept = old.isMember && before.length === replicas && before.includes(self);
    if (isKept && others.every((url) => before.includes(url))) return true;
    return before.filter((url) => countsForOld(standing, url, self)).length >= arithmetic(old, self).needed;
  };
}

/**
 * Writes that clients stamp below this are refused while a node recovers: a newer one may be among what it lost. The newest
 * version that enough peers knew; until they have told, what no clock that differs by less than may be can have stamped
 * before the recovery began.
 */
export function floorOf(standing: Recovering, list: ClusterList, self: string, clockDriftMsMax: number): Version {
  const newest = Math.max(0, ...Object.values(standing.told));
  if (hasTold(standing, list, self)) return newest;
  // By what peers knew as well as by this node's own clock, which may be a wrong one.
  return Math.max(newest, standing.since) + clockDriftMsMax * 1000;
}

/** Whether a key belongs to this node, by its hash. */
export function replicatesHere(list: ClusterList, self: string): (keyHash: number) => boolean {
  const ids = list.urls.map(nodeIdOf);
  const selfIndex = list.urls.indexOf(self);
  const { replicas } = arithmetic(list, self);
  return (keyHash) => preferenceList(keyHash, ids, replicas).includes(selfIndex);
}

/** Whether the peers that told of their newest version are as many as have to be merged. */
function hasTold(standing: Recovering, list: ClusterList, self: string): boolean {
  const { old, told, reason } = standing;
  const lacks = (url: string): boolean => (url === self ? old?.isMember !== true : told[url] === undefined);
  if (old !== undefined && leastOf(old, old.urls.filter(lacks)) >= arithmetic(old, self).needed) return true;
  const { others, replicas, needed } = arithmetic(list, self);
  const there = Math.max(0, replicas - 1 - others.filter(lacks).length);
  return there >= needed || (reason === 'power-loss' && there === replicas - 1);
}

/** Whether any `needed` replicas of each key in the old list are merged, this node itself among them if it voted there. */
function isRecoveredOf(standing: Recovering, old: ClusterList, self: string): boolean {
  const missing = old.urls.filter((url) => !countsForOld(standing, url, self));
  return leastOf(old, missing) >= arithmetic(old, self).needed;
}

/** Of the replicas of any key so many are there when these nodes are missing, however they are spread. */
function leastOf({ urls, replicationFactor }: ClusterList, missing: readonly string[]): number {
  return Math.max(0, Math.min(replicationFactor, urls.length) - missing.length);
}

function isSame(left: ClusterList, right: ClusterList): boolean {
  return left.urls.join() === right.urls.join() && left.replicationFactor === right.replicationFactor;
}

function countsForOld(standing: Recovering, url: string, self: string): boolean {
  if (url === self) return standing.old?.isMember === true;
  return isMerged(standing, url, ['old', 'voting']);
}

function isMerged({ merged }: Recovering, url: string, kinds: readonly SourceKind[]): boolean {
  const one = merged[url];
  return one?.isDone === true && kinds.includes(one.as);
}

function arithmetic({ urls, replicationFactor }: ClusterList, self: string) {
  const replicas = Math.min(replicationFactor, urls.length);
  return { others: urls.filter((url) => url !== self), replicas, needed: replicas - majority(replicas) + 1 };
}
