/** What a coordinator is put together of: its node's place, whom it asks, time, and whom it tells. */
import type { Buffer } from 'node:buffer';
import type { Entry } from '../../src/formats/frame.ts';
import type { Version } from '../../src/formats/record.ts';
import type { ReadRepair } from '../../src/domain/modes.ts';
import type { Topology } from '../../src/domain/topology.ts';
import type { Turn } from '../../src/domain/turn.ts';
import type { Time } from '../ground/time.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { LocalReplica } from '../replica/local-replica.ts';
import type { FrameRules } from './pending-frame.ts';

export interface CoordinatorOptions {
  readonly topology: Topology;
  readonly replica: Pick<LocalReplica, 'submit'>;
  /** By index in the topology; undefined at this node's own. */
  readonly peers: readonly (
    (Pick<PeerClient, 'submit' | 'flush' | 'expire'> & Partial<Pick<PeerClient, 'status'>>) | undefined
  )[];
  /** Ask an operation's replicas one after another (mode `sync`). */
  readonly sequential: boolean;
  /** Requests to peers leave at the end of the turn; without it at once. */
  readonly turn: Pick<Turn, 'schedule'> | undefined;
  readonly versions: FrameRules['versions'];
  readonly time: Time;
  readonly timeoutMs: number;
  readonly readRepair: ReadRepair;
  /**
   * Gives a stamp of this node above a version, which nobody else is given, later or at once; undefined where there is none
   * now.
   */
  readonly stampAbove: (above: Version, give: (version: Version | undefined) => void) => void;
  /** Waits between two steps of what a large value needs. */
  readonly pause: () => Promise<unknown>;
  /** Nodes have missed a write; `isHere`: this node's replica holds it, or something newer. */
  readonly onMissed: (write: Entry, nodes: readonly number[], isHere: boolean) => void;
  /** Sends outcomes to the main thread ahead of the frame's task. */
  readonly sendOutcomes: (outcomes: Buffer) => void;
}
