/**
 * When tombstones and expired values may go, and what keeps the deleted from coming back when they are gone.
 *
 * A store keeps a floor for its keys: what is older and missing here was deleted. It is raised only to what every node has
 * confirmed (all below is the same everywhere), to what no hint kept here is older than, and to what the log does not hold
 * alone: a damaged log then never loses anything below the floor, so that its absence goes on meaning what it says. The age keeps
 * out what may be on its way: writes of now, and copies of a store that are too young to be told from it.
 *
 * Floors are of a store, not of a bucket of keys: rendezvous hashing gives each bucket keys of every set of replicas, so all
 * buckets would have the same. A floor holds for keys that this node kept under the list for which it was raised.
 */
import type { Version } from '../formats/record.ts';
import type { ClusterList } from './node-claim.ts';
import { majority } from './quorum.ts';
import { preferenceList } from './rendezvous.ts';
import { nodeIdOf } from './topology.ts';
import type { VersionBounds } from './version.ts';

/** What bears on what may go now. */
export interface Confirmed {
  /** Of each other node of the list: all below this version is known to be the same there, and safe on both. */
  readonly peers: readonly Version[];
  /** The oldest version that a hint is kept of, for whomever; undefined where there is none. */
  readonly oldestHint: Version | undefined;
}

/** The oldest version of all hints that are kept, by target. */
export function oldestHintOf(kept: readonly { readonly oldest: Version | undefined }[]): Version | undefined {
  const versions = kept.flatMap(({ oldest }) => (oldest === undefined ? [] : [oldest]));
  return versions.length === 0 ? undefined : Math.min(...versions);
}

export interface PurgeRule extends VersionBounds {
  /** This node's wall clock, microseconds since 1970. */
  readonly nowMicros: number;
  /** Bounds are multiples of this, milliseconds: nodes that remove the same at about the same time find each other alike. */
  readonly stepMs: number;
}

/** A copy of a store that is younger is not told from it, milliseconds (WROTE_MS of standing-desk.ts, twice). */
const YOUNG_COPY_MS = 10_000;

/** Below which version tombstones may go, and values that expired before that instant; 0: none. */
export function purgeBound({ peers, oldestHint }: Confirmed, rule: PurgeRule): Version {
  const { nowMicros, stepMs, timeoutMs, clockDriftMsMax } = rule;
  // Peers judge writes, and expiries, by clocks that are off by as much as this one.
  const youngMs = Math.max(timeoutMs + 2 * clockDriftMsMax, Math.min(YOUNG_COPY_MS, 2 * clockDriftMsMax));
  const oldest = Math.min(nowMicros - youngMs * 1000, oldestHint ?? Infinity, ...peers);
  const stepMicros = stepMs * 1000;
  return Math.max(0, Math.floor(oldest / stepMicros) * stepMicros);
}

/** A floor, and the list under which it was raised. */
export interface PurgeFloor {
  readonly below: Version;
  readonly list: ClusterList;
}

/** Of so many lists a store remembers its floor. */
const LISTS_MAX = 4;

/** The floors, the newest list's first, when the one of `list` is `below` at least. */
export function raiseFloor(floors: readonly PurgeFloor[], list: ClusterList, below: Version): readonly PurgeFloor[] {
  const known = floors.find((floor) => isSame(floor.list, list));
  if (known !== undefined && known.below >= below) return floors;
  return [{ below, list }, ...floors.filter((floor) => floor !== known)].slice(0, LISTS_MAX);
}

/** The floor that was raised under a list; 0 where none was. */
export function floorUnder(floors: readonly PurgeFloor[], list: ClusterList): Version {
  return floors.find((floor) => isSame(floor.list, list))?.below ?? 0;
}

/** Floors as a node asks for them. */
export interface FloorRule {
  /** No floor is above this. */
  readonly newest: Version;
  /** What is older, belongs under a key with this hash (`hashKey`) and is missing here was deleted; 0: nobody knows. */
  readonly floorOf: (keyHash: number) => Version;
}

export const noFloors: FloorRule = { newest: 0, floorOf: () => 0 };

/** The floors of the node at `self`. */
export function floorRule(floors: readonly PurgeFloor[], self: string): FloorRule {
  if (floors.length === 0) return noFloors;
  const own = floors.map(({ below, list: { urls, replicationFactor } }) => {
    const selfIndex = urls.indexOf(self);
    const ids = urls.map(nodeIdOf);
    const keepsAll = selfIndex >= 0 && replicationFactor >= urls.length;
    const keeps = (keyHash: number): boolean =>
      keepsAll || preferenceList(keyHash, ids, replicationFactor).includes(selfIndex);
    return { below, keeps };
  });
  return {
    newest: Math.max(...own.map(({ below }) => below)),
    floorOf: (keyHash) => Math.max(0, ...own.map(({ below, keeps }) => (keeps(keyHash) ? below : 0))),
  };
}

/** What a write meets that is older than the floor of its key. */
export interface BelowFloor {
  /** A client's, not what some replica holds already. */
  readonly isFirstHand: boolean;
  /** Whether nothing stands under its key. */
  readonly isMissing: boolean;
  /** Whether so many others hold it that readers are answered with it (`entryFlags.vouched`). */
  readonly isVouched: boolean;
}

/** Whether a write below the floor is not to be stored: what it says was deleted since. */
export function isPurged({ isFirstHand, isMissing, isVouched }: BelowFloor): boolean {
  return isFirstHand || (isMissing && !isVouched);
}

/**
 * Whether a record was deleted that so many of its key's replicas are without and have a floor above: every quorum has one of
 * them. One alone may have lost it.
 */
export function isDeletedBy(removed: number, replicas: number): boolean {
  return removed > 0 && removed > replicas - majority(replicas);
}

/**
 * Whether a record that only `holders` of its key's replicas hold may have been deleted: so many others are without it that their
 * floors would prove that. Then they are worth asking.
 */
export function mayBeDeleted(replicas: readonly number[], holders: readonly number[]): boolean {
  return isDeletedBy(replicas.filter((node) => !holders.includes(node)).length, replicas.length);
}

/**
 * The floors that are left when this node lets go of keys that are none of its own any more: the one of the list of now, if it can be
 * `below`. The others would call deleted what was only let go of. Undefined while one of them is higher: it would be missed.
 */
export function floorOfNow(
  floors: readonly PurgeFloor[],
  list: ClusterList,
  below: Version,
): readonly PurgeFloor[] | undefined {
  const raised = raiseFloor(floors, list, below);
  const own = raised.find((floor) => isSame(floor.list, list));
  if (own === undefined || raised.some((floor) => floor.below > own.below)) return undefined;
  return [own];
}

function isSame(left: ClusterList, right: ClusterList): boolean {
  return left.urls.join() === right.urls.join() && left.replicationFactor === right.replicationFactor;
}

/** As text, to be kept. */
export function formatFloors(floors: readonly PurgeFloor[]): string {
  return JSON.stringify(floors);
}

/** Reads what `formatFloors` wrote; from what is none follows no floor. */
export function parseFloors(text: string | undefined): readonly PurgeFloor[] {
  if (text === undefined) return [];
  try {
    const floors: unknown = JSON.parse(text);
    return Array.isArray(floors) ? floors.filter(isFloor) : [];
  } catch {
    return [];
  }
}

function isFloor(value: unknown): value is PurgeFloor {
  if (typeof value !== 'object' || value === null || !('below' in value) || !('list' in value)) return false;
  const { below, list } = value as { below: unknown; list: Partial<ClusterList> | null };
  return Number.isSafeInteger(below) && Array.isArray(list?.urls) && Number.isInteger(list.replicationFactor);
}
