/**
 * Which faults may overlap so that every promise still holds. Pure.
 *
 * A node that is down, stands still or is cut off costs answers and never a promise, so any number of them may be at once.
 * An acknowledged write of two of three replicas is safe as long as one of those that have it votes, so:
 *
 * - At most one store is without some of its data at a time, and none is lost while values of another one are damaged: what
 *   is damaged is repaired when it is read, so it is gone only after every key was read from all its replicas.
 * - A store is replaced by an older copy only where all peers have met a later start of it: by that they know the copy.
 * - A minority of clocks is wrong at a time, and no store is lost until all nodes know what stamps those have given: a node
 *   that recovers refuses what is older than what its peers have seen, and takes clocks to differ by less than the bound.
 */
import { isStop, loses, type Fault } from './faults.ts';

export interface NodeCondition {
  /** Its process is stopped or stands still. */
  readonly isDown: boolean;
  /** It is without some of its data, and has not merged with enough others yet. */
  readonly hasLost: boolean;
  /** Values in its store may be damaged. */
  readonly isDamaged: boolean;
  /** The copy of its directory: `known`: all peers have met the node after it was made. */
  readonly copy: 'none' | 'new' | 'known';
  readonly aheadMs: number;
}

export interface ClusterCondition {
  readonly nodes: readonly NodeCondition[];
  /** Pairs between which something is held back, the smaller index first. */
  readonly cuts: readonly (readonly [number, number])[];
  /** Some clock was wrong since all nodes last knew each other's stamps. */
  readonly wereClocksWrong: boolean;
}

/** Clocks that differ by no more than this are right: far below the bound of 5 s. */
export const RIGHT_CLOCK_MS = 1000;

/** Why the fault cannot happen now at all, or undefined where it can. */
export function whyImpossible(fault: Fault, { nodes, cuts }: ClusterCondition): string | undefined {
  if (fault.kind === 'cut') {
    const [low, high] = pairOf(fault);
    return cuts.some((pair) => pair[0] === low && pair[1] === high) ? 'the two are cut off already' : undefined;
  }
  const node = nodes[fault.node];
  if (node === undefined) return 'there is no such node';
  if (fault.kind === 'clock') return node.aheadMs === 0 ? undefined : 'its clock is off already';
  if (node.isDown) return 'it is down already';
  return fault.kind === 'restore' && node.copy === 'none' ? 'there is no copy' : undefined;
}

/** Why the fault must not happen now if all promises are to hold; undefined where it may. */
export function whyNot(fault: Fault, cluster: ClusterCondition): string | undefined {
  const impossible = whyImpossible(fault, cluster);
  if (impossible !== undefined || fault.kind === 'cut') return impossible;
  if (fault.kind === 'clock') return whyNotWrongClock(fault, cluster);
  if (!isStop(fault) || !(loses(fault) || fault.kind === 'flip-values')) return undefined;
  const others = cluster.nodes.filter((_, index) => index !== fault.node);
  if (others.some(({ hasLost }) => hasLost)) return 'another store is without some of its data';
  if (others.some(({ isDamaged }) => isDamaged)) return 'values of another store are damaged';
  if (cluster.wereClocksWrong) return 'a clock is wrong, or was';
  return fault.kind === 'restore' && cluster.nodes[fault.node]?.copy !== 'known'
    ? 'not all peers know a later start'
    : undefined;
}

function whyNotWrongClock(fault: Extract<Fault, { kind: 'clock' }>, { nodes }: ClusterCondition): string | undefined {
  if (Math.abs(fault.aheadMs) <= RIGHT_CLOCK_MS) return undefined;
  if (nodes.some(({ hasLost }) => hasLost)) return 'a store is without some of its data';
  const wrong = nodes.filter(({ aheadMs }) => Math.abs(aheadMs) > RIGHT_CLOCK_MS).length;
  return wrong >= Math.ceil(nodes.length / 2) - 1 ? 'as many clocks are wrong as may be' : undefined;
}

/** The nodes of a cut, the smaller index first. */
export function pairOf({ from, to }: { readonly from: number; readonly to: number }): readonly [number, number] {
  return from < to ? [from, to] : [to, from];
}
