/**
 * What nodes say of themselves and keep of each other, as data. What follows from it is in standing.ts and recovery.ts; how it
 * is read from JSON is in claim.ts.
 */
import type { Version } from '../formats/record.ts';

/** Random, made with the store. */
export type StoreId = string;

/** A cluster's nodes and how many of them keep each record. */
export interface ClusterList {
  readonly urls: readonly string[];
  readonly replicationFactor: number;
}

/** The list that a cluster is leaving. */
export interface OldList extends ClusterList {
  /** Whether this node voted in it, so that it has what the old list's quorums count on. */
  readonly isMember: boolean;
}

export const lossReasons = ['empty', 'damaged-log', 'power-loss', 'older-store', 'new-topology'] as const;
/** Why a node recovers. `older-store`: a peer has seen a newer state of it. */
export type LossReason = (typeof lossReasons)[number];

export interface Forming {
  readonly kind: 'forming';
}

export interface Recovering {
  readonly kind: 'recovering';
  readonly reason: LossReason;
  /** When it began, microseconds of this node's wall clock. */
  readonly since: Version;
  /** The newest version that each peer knew then or later. */
  readonly told: Readonly<Record<string, Version>>;
  /** What has been merged, by the peer's URL. */
  readonly merged: Readonly<Record<string, Merged>>;
  /** Only with reason `new-topology`. */
  readonly old: OldList | undefined;
}

export interface Voting {
  readonly kind: 'voting';
  /** The stores that formed the cluster together with this one, by URL; empty where this node came to vote otherwise. */
  readonly formed: Readonly<Record<string, StoreId>>;
  /** Somebody said by hand that this store counts, whatever the peers knew of another one. */
  readonly isAccepted: boolean;
}

export type Standing = Forming | Recovering | Voting;

/** What a node keeps of a store that it has met. */
export interface KnownStore {
  readonly storeId: StoreId;
  /** Grows with each start and while writes come; on the disk before a peer hears of it. */
  readonly counter: number;
  /** Random, made by the process. */
  readonly startId: string;
  /** Earlier stores of the node, the newest first: this one stands in their place. */
  readonly replaces: readonly StoreId[];
}

export type KnownStores = Readonly<Record<string, KnownStore>>;

/** A node and its store in this run of its process. */
export interface OwnStore extends KnownStore {
  readonly url: string;
  /** The counter that its start found, before this process raised it; what a peer knew of it before, once it has heard of that. */
  readonly counterFound: number;
}

/** What a node says of itself when it meets another. */
export interface Claim extends OwnStore {
  readonly standing: Standing;
  readonly knows: KnownStores;
  /** No record that this node has is newer. */
  readonly newest: Version;
  /** Grows with each claim of the process, so that one which comes late is known to be; 0 from versions that did not count. */
  readonly serial: number;
}

/** As what a peer was merged. `old`: a member of the list that is being left. */
export type SourceKind = 'voting' | 'power-loss' | 'old';

/** How far a peer's store has been merged into this one. */
export interface Merged {
  readonly storeId: StoreId;
  readonly as: SourceKind;
  /** The last key that was merged, in base64; empty: none. */
  readonly upTo: string;
  readonly isDone: boolean;
}

/** A peer whose store is to be merged into this one, from a key on. */
export interface Source {
  readonly url: string;
  readonly storeId: StoreId;
  readonly as: SourceKind;
  /** As in `Merged`. */
  readonly upTo: string;
}
