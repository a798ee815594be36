/** What a store is opened with. */
import type { Buffer } from 'node:buffer';
import type { Durability } from '../../src/domain/modes.ts';
import type { ClusterList } from '../../src/domain/node-claim.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import type { EnvironmentOptions } from './environment.ts';
import type { ReplayScope } from './writer-protocol.ts';

export interface StoreOptions extends EnvironmentOptions {
  readonly durability: Durability;
  /** The worker's index: it owns the log of that number. */
  readonly owner: number;
  /** Workers of the node. */
  readonly workers: number;
  readonly replay: ReplayScope;
  /** The cluster, and this node's URL in it. */
  readonly list: ClusterList;
  readonly self: string;
  /** The cluster that digests are kept for. */
  readonly placement: Placement;
  readonly verifyBytesPerSecondMax: number;
  readonly logSegmentBytes: number;
  readonly memtableBytesMax: number;
}

/** What the store tells its owner. */
export interface StoreEvents {
  /** A record fails its checksum. */
  readonly onCorrupt: (key: Buffer) => void;
  /** The disk failed; the node must end. */
  readonly onFatal: (error: unknown) => void;
}
