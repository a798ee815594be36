/**
 * Hinted handoff (Dynamo 2007, section 4.6) as decisions: what is kept at the bound, how much is sent at a time, what a target's
 * replies mean, and who takes over what a stopping node keeps. A hint acknowledges nothing.
 */
import { replyCodes, type ReplyCode } from '../formats/codes.ts';
import type { Version } from '../formats/record.ts';

/** What is kept for one node. */
export interface HintsKept {
  /** URL of the node that missed it. */
  readonly target: string;
  readonly count: number;
  readonly bytes: number;
  /** Nothing that is kept is older; undefined where nothing is kept. */
  readonly oldest: Version | undefined;
}

export const hintDrops = ['bound', 'disk', 'gone', 'large', 'left', 'refused'] as const;
/**
 * Why a hint was dropped without being delivered. `bound`: there was no room. `disk`: the disk failed or is full. `gone`: the
 * keeper's store does not have the record any more. `large`: the keeper does not hold the value. `left`: its target is not in
 * the topology any more, or keeps the key no more. `refused`: the target does not take it.
 */
export type HintDrop = (typeof hintDrops)[number];

/** What the workers of a node keep, by target, in the order of targets. */
export function mergeKept(kept: readonly HintsKept[]): HintsKept[] {
  const targets = new Set(kept.filter(({ count }) => count > 0).map(({ target }) => target));
  return [...targets].toSorted().map((target) => {
    const all = kept.filter((one) => one.target === target);
    return {
      target,
      count: all.reduce((sum, { count }) => sum + count, 0),
      bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
      oldest: oldestOf(all),
    };
  });
}

/** Nothing that is kept is older; undefined where nothing is kept. */
export function oldestOf(kept: readonly HintsKept[]): Version | undefined {
  const versions = kept.flatMap(({ oldest }) => oldest ?? []);
  return versions.length === 0 ? undefined : Math.min(...versions);
}

/** What is kept for one node, as far as its room is concerned. */
export interface RoomTaken {
  readonly bytes: number;
  /** Whether its oldest file can go: it is full, and not being delivered. */
  readonly canDrop: boolean;
}

/** What is to be done before a hint is kept. */
export type HintRoom =
  | { readonly do: 'keep' }
  /** Drop the oldest file of this index, and ask again. */
  | { readonly do: 'drop-oldest'; readonly of: number }
  | { readonly do: 'refuse' };

/**
 * Whether a hint of so many bytes is kept. At the bound the oldest go of the node for which most is kept, which has been away
 * for longest: so one that is away for good leaves room for those that are away for a minute.
 */
export function roomFor(bytes: number, bytesMax: number, taken: readonly RoomTaken[]): HintRoom {
  const all = taken.reduce((sum, one) => sum + one.bytes, 0);
  if (all + bytes <= bytesMax) return { do: 'keep' };
  let most: number | undefined;
  for (const [index, { bytes: own, canDrop }] of taken.entries()) {
    if (canDrop && (most === undefined || own > (taken[most]?.bytes ?? 0))) most = index;
  }
  return most === undefined ? { do: 'refuse' } : { do: 'drop-oldest', of: most };
}

/** Hints in a batch: with 256 small ones a replica is busy for about a millisecond, which clients would wait for. */
export function batchHints(isBusy: boolean): number {
  return isBusy ? 64 : 256;
}

/** How often a batch is sent in which the target fails something, before that is given up. */
const TRIES_MAX = 5;

/** What came of a batch. */
export type Delivery =
  /** Send all of it again, later. */
  | { readonly do: 'again'; readonly tries: number }
  /** So many of it are durable at the target, or something newer is; the target does not take the others. */
  | { readonly do: 'advance'; readonly delivered: number; readonly refused: number };

/**
 * What a target's replies to a batch mean that was tried so often before; undefined replies: it could not be asked, which counts
 * as no try. A full disk is waited for.
 */
export function judgeDelivery(codes: readonly ReplyCode[] | undefined, tries: number): Delivery {
  if (codes === undefined || codes.includes(replyCodes.full)) return { do: 'again', tries };
  if (codes.includes(replyCodes.failed) && tries + 1 < TRIES_MAX) return { do: 'again', tries: tries + 1 };
  const delivered = codes.filter((code) => code === replyCodes.applied || code === replyCodes.superseded).length;
  return { do: 'advance', delivered, refused: codes.length - delivered };
}

/** Who takes over the hints for a target that is down: the next node after it that is up, not this one. */
export function heirOf(target: number, self: number, isUp: readonly boolean[]): number | undefined {
  const after = isUp.map((_, index) => (target + 1 + index) % isUp.length);
  return after.find((node) => node !== self && node !== target && isUp[node] === true);
}
