/**
 * What a node's store is worth to others: whether its reads are votes. A vote says what this replica knows, so a replica
 * that may have lost something does not vote until it has merged with enough others. Pure: whoever finds something calls
 * `standingAtStart` or `standingAfter`, keeps what they return on the disk, and then acts by it.
 *
 *            every node of the cluster is there and none votes, or --new-cluster
 *   ┌─────────┐ ──────────────────────────────────────────────────► ┌────────┐
 *   │ forming │                                                     │ voting │
 *   └─────────┘          ┌────────────┐  merged with enough, or     └────────┘
 *        └─────────────► │ recovering │  `kvorum recover` ─────────────► │
 *   another node votes,  └────────────┘ ◄───────────────────────────────┘
 *   or knew another store here         the store lost something, or its keys' replicas changed
 *
 * Each node keeps the store ids of the others, and a write is acknowledged only between nodes that keep each other's. So
 * a store that was deleted is told from one that never was by any node that took part in one of its writes. A forming node that
 * nobody knows another store of has all that it ever acknowledged: when all nodes are there it votes, also beside such as
 * lost theirs while the cluster formed. Those recover from it.
 */
import type {
  StoreId,
  ClusterList,
  LossReason,
  Forming,
  Recovering,
  Voting,
  Standing,
  KnownStore,
  KnownStores,
  OwnStore,
  Claim,
} from './node-claim.ts';
import type { Version } from '../formats/record.ts';
import { isRecovered, sourceOf } from './recovery.ts';

/** What a node is and sees when its standing is judged. */
export interface View {
  readonly self: OwnStore;
  readonly list: ClusterList;
  readonly knows: KnownStores;
  /** The claims of the peers that are up now. */
  readonly claims: readonly Claim[];
  /** `--new-cluster`: once the peers that are up have been met, the others are taken to be new. */
  readonly isNewCluster: boolean;
  /** Whether this node has met the peers that are up. */
  readonly hasMetPeers: boolean;
  readonly nowMicros: Version;
}

/** What a start finds of a store. */
export interface Found {
  /** What was kept; undefined: nothing, the store is new or of a version that kept none. */
  readonly standing: Standing | undefined;
  readonly hasStore: boolean;
  readonly lost: 'damaged-log' | 'power-loss' | undefined;
  /** The list of before, where it is another one. */
  readonly oldList: ClusterList | undefined;
  readonly nowMicros: Version;
}

export const forming: Forming = { kind: 'forming' };
const voting: Voting = { kind: 'voting', formed: {}, isAccepted: false };

/** The standing that a start begins with. */
export function standingAtStart({ standing, hasStore, lost, oldList, nowMicros }: Found): Standing {
  if (standing === undefined && !hasStore) return forming;
  // A store of a version that kept no standing has voted all along.
  const before = standing ?? voting;
  if (!hasStore) return recovering('empty', nowMicros);
  if (lost !== undefined) return recoverAgain(before, lost, nowMicros);
  if (oldList === undefined) return before;
  return { ...recovering('new-topology', nowMicros), old: { ...oldList, isMember: before.kind === 'voting' } };
}

/** The standing of a node whose log turns out to be damaged. */
export function lossOfLog(standing: Standing, nowMicros: Version): Standing {
  return recoverAgain(standing, 'damaged-log', nowMicros);
}

/** The standing after what is seen now; the same object where nothing changes. */
export function standingAfter(standing: Standing, view: View): Standing {
  const loss = lossByPeers(standing, view);
  if (loss !== undefined) return recovering(loss, view.nowMicros);
  switch (standing.kind) {
    case 'forming':
      return form(standing, view);
    case 'recovering':
      return recover(standing, view);
    case 'voting':
      return standing;
    default:
      return standing satisfies never;
  }
}

/** The standing after what is heard from peers that are not up here: of a loss they may speak, and of nothing else. */
export function standingAfterHearsay(standing: Standing, view: View): Standing {
  const loss = lossByPeers(standing, view);
  if (loss !== undefined) return recovering(loss, view.nowMicros);
  const after = standing.kind === 'forming' ? form(standing, view) : standing;
  return after.kind === 'recovering' ? after : standing;
}

/**
 * The counters of a store whose standing was judged. One that hears that it is older than a peer knew counts on from there: peers
 * see by it that the loss is known here, and a loss that comes on top of it is another one.
 */
export function countersAfter(
  before: Standing,
  after: Standing,
  { self, claims }: Pick<View, 'self' | 'claims'>,
): Pick<OwnStore, 'counter' | 'counterFound'> {
  const { counter, counterFound } = self;
  if (after === before || after.kind !== 'recovering' || after.reason !== 'older-store')
    return { counter, counterFound };
  const known = claims.flatMap(({ knows }) => knows[self.url] ?? []);
  const earlier = known.filter(({ storeId, startId }) => storeId === self.storeId && startId !== self.startId);
  const found = Math.max(counterFound, ...earlier.map((one) => one.counter));
  return { counter: Math.max(counter, found + 1), counterFound: found };
}

/** For whom a forming node waits: who is not there. */
export function awaited({ self, list, claims }: View): string[] {
  return list.urls.filter((url) => url !== self.url && !claims.some((claim) => claim.url === url));
}

/** The node's store counts from now on, whatever it has lost: somebody has said so. */
export function accepted(): Voting {
  return { ...voting, isAccepted: true };
}

/** What is known after meeting a node; the same object where nothing changes. */
export function knownAfter(knows: KnownStores, claim: Claim): KnownStores {
  const { url, storeId, counter, startId, replaces } = claim;
  const known = knows[url];
  // Claims may overtake each other.
  if (known?.storeId === storeId && known.startId === startId && known.counter >= counter) return knows;
  const loss = known === undefined ? undefined : lossOf(claim, claim.standing, known);
  // What does not know yet what it has lost must not make that forgotten; it will hear of it and come again.
  if (loss === 'other' && !admitsLoss(claim.standing)) return knows;
  if (loss === 'older') return knows;
  return { ...knows, [url]: { storeId, counter, startId, replaces } };
}

/**
 * Whether a claim tells of a peer what the one before does not: claims may overtake each other, and one that comes late from a
 * process that has ended says nothing of the one that this node is connected to.
 */
export function isNews(claim: Claim, before: Claim, isConnected: boolean): boolean {
  if (claim.startId === before.startId) return claim.serial >= before.serial;
  return isConnected;
}

/**
 * The stores in whose place this one stands, the newest first, with those that its peers knew of the node. Only what has become
 * of `standing` by what they know may take theirs as replaced.
 */
export function replacedStores(
  standing: Standing,
  { self, claims }: Pick<View, 'self' | 'claims'>,
): readonly StoreId[] {
  if (!admitsLoss(standing)) return self.replaces;
  const known = claims.flatMap(({ knows }) => knows[self.url] ?? []);
  const all = newestStores(known.reduce((stores, one) => withKnown(stores, self.storeId, one), self.replaces));
  return all.length === self.replaces.length && all.every((storeId, at) => storeId === self.replaces[at])
    ? self.replaces
    : all;
}

/**
 * The stores before `self`, with those that a peer knew, in one order: each before the next one in the peer's list that stands
 * here, too. What is behind the last one of these is older than all, and must not push out what came later.
 */
function withKnown(stores: readonly StoreId[], self: StoreId, { storeId, replaces }: KnownStore): readonly StoreId[] {
  const merged = [...stores];
  const isHere = (one: StoreId): boolean => one === self || merged.includes(one);
  if (!isHere(storeId) && !replaces.some(isHere)) merged.unshift(storeId);
  let place = merged.length;
  for (const one of [storeId, ...replaces].reverse()) {
    if (one === self) place = 0;
    else if (merged.includes(one)) place = merged.indexOf(one);
    else merged.splice(place, 0, one);
  }
  return merged;
}

/** So many of a node's stores as are kept, each once. */
export function newestStores(stores: readonly StoreId[]): readonly StoreId[] {
  return [...new Set(stores)].slice(0, REPLACED_MAX);
}

/** Wipes of one node between two meetings with a peer, at most. */
const REPLACED_MAX = 16;

function admitsLoss(standing: Standing): boolean {
  return standing.kind === 'recovering' || (standing.kind === 'voting' && standing.isAccepted);
}

function recovering(reason: LossReason, since: Version): Recovering {
  return { kind: 'recovering', reason, since, told: {}, merged: {}, old: undefined };
}

/** What had been merged may be lost as well; a reason that counts for more stays. */
function recoverAgain(before: Standing, lost: 'damaged-log' | 'power-loss', nowMicros: Version): Recovering {
  if (before.kind !== 'recovering') return recovering(lost, nowMicros);
  const { reason, old } = before;
  const isWorse = lost === 'damaged-log' && reason === 'power-loss';
  const lostToo = old === undefined ? undefined : { ...old, isMember: false };
  return { ...recovering(isWorse ? lost : reason, nowMicros), old: lostToo };
}

/** What the peers' memory says of this store. */
function lossByPeers(standing: Standing, { self, claims }: View): LossReason | undefined {
  let [isOlder, isOther] = [false, false];
  for (const { knows } of claims) {
    const known = knows[self.url];
    const loss = known === undefined ? undefined : lossOf(self, standing, known);
    isOlder ||= loss === 'older';
    isOther ||= loss === 'other';
  }
  // What it had merged, and what it has taken since, may be lost, too.
  if (standing.kind === 'recovering') return isOlder ? 'older-store' : undefined;
  const isAccepted = standing.kind === 'voting' && standing.isAccepted;
  if (!isOlder && (isAccepted || !isOther)) return undefined;
  return standing.kind === 'forming' ? 'empty' : 'older-store';
}

/** What a store has lost by what a peer knows: `older`: it is an earlier state of what the peer knew; `other`: another store. */
function lossOf(own: OwnStore, { kind }: Standing, known: KnownStore): 'older' | 'other' | undefined {
  if (known.storeId === own.storeId) {
    return known.startId !== own.startId && known.counter > own.counterFound ? 'older' : undefined;
  }
  const isInItsPlace = own.replaces.includes(known.storeId);
  // One that recovers in the place of what the peer knew has heard of it.
  if (known.replaces.includes(own.storeId) && !(kind === 'recovering' && isInItsPlace)) return 'older';
  return isInItsPlace ? undefined : 'other';
}

function form(standing: Forming, view: View): Standing {
  const { self, claims, isNewCluster, hasMetPeers, nowMicros } = view;
  for (const { standing: other } of claims) {
    if (other.kind === 'voting' && other.formed[self.url] === self.storeId) return { ...voting, formed: other.formed };
  }
  const moving = claims.find(({ standing: other }) => other.kind === 'recovering' && other.old !== undefined);
  const old = moving?.standing.kind === 'recovering' ? moving.standing.old : undefined;
  if (old !== undefined) return { ...recovering('new-topology', nowMicros), old: { ...old, isMember: false } };
  if (!isNewCluster && claims.some(({ standing: other }) => other.kind === 'voting')) {
    return recovering('empty', nowMicros);
  }
  const isNew = agree(view);
  const areOthersNew = isNewCluster && hasMetPeers;
  if (!areOthersNew && !(awaited(view).length === 0 && isNew)) return standing;
  const together = isNew ? claims.filter(isForming) : [];
  const stores = [self, ...together].map(({ url, storeId }) => [url, storeId] as const);
  return { ...voting, formed: Object.fromEntries(stores) };
}

/** Whether nobody knows another store of any that form. */
function agree({ self, knows, claims }: View): boolean {
  const stores = new Map([self, ...claims.filter(isForming)].map(({ url, storeId }) => [url, storeId]));
  return [{ knows }, ...claims].every((one) =>
    Object.entries(one.knows).every(
      ([url, { storeId }]) => stores.get(url) === undefined || stores.get(url) === storeId,
    ),
  );
}

function isForming({ standing }: Claim): boolean {
  return standing.kind === 'forming';
}

function recover(standing: Recovering, { self, list, claims }: View): Standing {
  let { told } = standing;
  for (const claim of claims) {
    if (sourceOf(standing, claim, self.url) === undefined || told[claim.url] !== undefined) continue;
    told = { ...told, [claim.url]: claim.newest };
  }
  const after = told === standing.told ? standing : { ...standing, told };
  return isRecovered(after, list, self.url) ? voting : after;
}
