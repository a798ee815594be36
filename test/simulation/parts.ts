/** The parts of a simulation as they see each other. */
import type { Buffer } from 'node:buffer';
import type { Log } from '../../src/diagnostics/log.ts';
import type { ClusterList } from '../../src/domain/node-claim.ts';
import type { Topology } from '../../src/domain/topology.ts';
import type { NodeClock } from '../../src/dispatch/clock.ts';
import type { NodeStanding } from '../../src/node-standing.ts';
import type { Coordinator } from '../../workers/coordinator/coordinator.ts';
import type { SeenVersions } from '../../workers/ground/seen-versions.ts';
import type { LocalReplica } from '../../workers/replica/local-replica.ts';
import type { Random } from '../support/random.ts';
import type { SimDisk } from './disk.ts';
import type { History } from './history.ts';
import type { SimLoop } from './loop.ts';
import type { Rules } from './rules.ts';
import type { Plan } from './steps.ts';
import type { SimStore } from './store.ts';

export interface NetworkView {
  isOpen(from: number, to: number): boolean;
  send(from: number, to: number, arrive: () => void): void;
  sendOperations(from: number, to: number, arrive: () => void): void;
}

/** One life of a node's process. */
export interface LifeView {
  readonly world: WorldView;
  readonly index: number;
  readonly start: number;
  readonly isAlive: boolean;
  readonly timeoutMs: number;
  readonly versions: SeenVersions;
  readonly clock: NodeClock;
  readonly store: SimStore;
  readonly coordinator: Pick<Coordinator, 'coordinate'>;
  readonly standing: NodeStanding;
  run(work: () => void): void;
  after(ms: number, work: () => void): void;
  submit(...asked: Parameters<LocalReplica['submit']>): void;
  isConnected(index: number): boolean;
  peerLife(index: number): LifeView | undefined;
  giveUp(index: number): void;
  noteStamp(version: number): void;
}

export interface NodeView {
  readonly index: number;
  readonly url: string;
  readonly disk: SimDisk;
  readonly backlog: (() => void)[];
  readonly life: LifeView | undefined;
  readonly isPaused: boolean;
  lastStamp: number;
  hidesLoss: boolean;
  wallMicros(): number;
  originMicros(): number;
}

export interface WorldView {
  readonly plan: Plan;
  readonly rules: Rules;
  readonly random: Random;
  readonly loop: SimLoop;
  readonly network: NetworkView;
  readonly history: History;
  readonly clients: { take(life: LifeView, outcomes: Buffer): void };
  readonly topology: Topology;
  readonly list: ClusterList;
  readonly nodes: readonly NodeView[];
  readonly lives: readonly LifeView[];
  readonly log: Log;
  urlOf(index: number): string;
  /** Whether a key, in a store's own spelling, belongs to a node. */
  readonly isOwn: (node: number, key: string) => boolean;
  fail(error: unknown): void;
}
