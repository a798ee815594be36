/** What a plan is made of: the steps of clients' sessions, and the faults among them. */
import type { Durability, Mode } from '../../src/domain/modes.ts';
import type { OperationKind } from './history.ts';

export function nodeUrl(index: number): string {
  return `http://n${index + 1}`;
}

/** The cluster forms before clients come. */
export const BEGIN_MS = 600;

export interface PlannedOperation {
  readonly do: 'operation';
  readonly node: number;
  readonly kind: OperationKind;
  readonly acksRequired: number;
}

export type Fault =
  | {
      readonly kind: 'kill' | 'power' | 'wipe' | 'damage-log' | 'restore';
      readonly node: number;
      readonly downMs: number;
    }
  | { readonly kind: 'pause'; readonly node: number; readonly downMs: number }
  | { readonly kind: 'damage-value' | 'copy'; readonly node: number }
  /** The next frame on a way takes so much longer. */
  | { readonly kind: 'delay'; readonly from: number; readonly to: number; readonly lateMs: number }
  | { readonly kind: 'clock'; readonly node: number; readonly jumpMs: number }
  | {
      readonly kind: 'cut';
      readonly from: number;
      readonly to: number;
      readonly bothWays: boolean;
      readonly downMs: number;
    };

export type Step =
  PlannedOperation | { readonly do: 'fault'; readonly fault: Fault } | { readonly do: 'wait'; readonly ms: number };

/** One client that does one step after the other, through any node: each begins when the one before has ended. */
export interface Session {
  readonly at: number;
  readonly key: string;
  readonly steps: readonly Step[];
}

export interface Plan {
  readonly nodes: number;
  readonly mode: Mode;
  readonly durability: Durability;
  readonly isStrict: boolean;
  /** What a node misses is kept for it. */
  readonly keepsHints: boolean;
  /** Whether what was deleted is removed for good. */
  readonly purges: boolean;
  readonly clockDriftMsMax: number;
  readonly timeoutMs: number;
  readonly late: number;
  readonly lateMsMax: number;
  /** Milliseconds that each node's clock is ahead at first. */
  readonly skewsMs: readonly number[];
  /** Parts in a million that it gains. */
  readonly driftsPpm: readonly number[];
  readonly sessions: readonly Session[];
  /** When faults end and everything is put right. */
  readonly healAt: number;
}
