/**
 * How a node brings itself up to what a peer holds, as data: what to do after each comparison of their digests, and since when
 * both are known to hold the same. Shells ask and act (workers/repair/).
 *
 * A node only pulls: what the peer lacks the peer pulls itself. So each node bounds what it takes, nobody is flooded, and both
 * together merge both ways.
 *
 * Two healthy nodes differ at any moment by what is on its way between them. So buckets that differ are looked at a second time
 * before anything is read of them, and of a bucket that always differs, since one of its keys is always being written, only
 * what was stamped before the pass began is pulled.
 */
import type { Version } from '../formats/record.ts';

/** How far a pass is; `tries`: comparisons since it pulled. */
export type Pass =
  { readonly kind: 'begun' } | { readonly kind: 'suspected' } | { readonly kind: 'pulled'; readonly tries: number };

/** `compare`: the buckets that differ, after a pause. `end`: whether all buckets were found the same. */
export type Step =
  | { readonly kind: 'compare'; readonly pass: Pass; readonly afterMs: number }
  | { readonly kind: 'pull' }
  | { readonly kind: 'end'; readonly isIdentical: boolean };

export const begun: Pass = { kind: 'begun' };
export const pulled: Pass = { kind: 'pulled', tries: 0 };

/** What is on its way when two nodes are compared has come by then, but where a node or a disk stands still. */
const SETTLE_MS = 1000;
/** From one look to the next at buckets of which the peer lacks something: it needs some seconds to pull it. */
const PEER_PAUSE_MS = 1000;
const TRIES_MAX = 5;

/** What to do when `differing` buckets were found to differ. */
export function afterComparison(pass: Pass, differing: number): Step {
  if (differing === 0) return { kind: 'end', isIdentical: true };
  switch (pass.kind) {
    case 'begun':
      return { kind: 'compare', pass: { kind: 'suspected' }, afterMs: SETTLE_MS };
    case 'suspected':
      return { kind: 'pull' };
    case 'pulled':
      if (pass.tries === TRIES_MAX) return { kind: 'end', isIdentical: false };
      return { kind: 'compare', pass: { ...pass, tries: pass.tries + 1 }, afterMs: PEER_PAUSE_MS };
    default:
      return pass satisfies never;
  }
}

/** What bears on when the next pass is due. */
export interface PassEnd {
  readonly intervalMs: number;
  /** How many passes in a row did not find both the same. */
  readonly failures: number;
  /** How long this one added up digests, and read what differs, pauses for clients included. */
  readonly workMs: number;
}

const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 30_000;
/**
 * Passes take at most so small a share of the time: adding up digests grows with what the memtable holds, and where nodes do not
 * come to be the same, since keys are written all the time, all keys are read again in each.
 */
const WORK_SHARE = 1 / 10;

/** How long after a pass the next one begins, milliseconds. */
export function nextPassMs({ intervalMs, failures, workMs }: PassEnd): number {
  const retryMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (failures - 1));
  return Math.max(failures === 0 ? intervalMs : Math.min(intervalMs, retryMs), workMs / WORK_SHARE);
}

/**
 * What is known of a peer. `heldHere`: all that it holds below this version is here; `heldThere`: all that this node holds below
 * this is there. 0: nothing is known.
 */
export interface Known {
  readonly heldHere: Version;
  readonly heldThere: Version;
  /** When something older than `heldThere` came last, by this node's clock, microseconds. */
  readonly lateAt: Version;
}

export const unknown: Known = { heldHere: 0, heldThere: 0, lateAt: 0 };

/** All below this version is the same on both. */
export function identicalSince({ heldHere, heldThere }: Known): Version {
  return Math.min(heldHere, heldThere);
}

/**
 * A moment by the slower of two clocks: what nodes agree on must lie in the past for both, or a write of now by the slower one could
 * be taken for one of long ago. `nowMicros` by both is of one moment, or the peer's of an earlier one.
 */
export function bySlowerClock(at: Version, now: { readonly here: Version; readonly there: Version }): Version {
  return at + Math.min(0, now.there - now.here);
}

/**
 * Both were found to hold the same, by digests that were taken after `at`. What is stamped before `at - graceMicros` does not
 * come any more as a write of now.
 */
export function foundIdentical(known: Known, at: Version, graceMicros: number): Known {
  const below = at - graceMicros;
  const heldThere = known.lateAt < at ? Math.max(known.heldThere, below) : known.heldThere;
  return { ...known, heldHere: Math.max(known.heldHere, below), heldThere };
}

/** All that the peer held after `at` has been pulled, as far as it was stamped before. */
export function havePulled(known: Known, at: Version, graceMicros: number): Known {
  return { ...known, heldHere: Math.max(known.heldHere, at - graceMicros) };
}

/**
 * The peer says that it has all that this node holds below `version`: its pass began a grace later, by a clock that may differ by
 * less than that. It says nothing of what came here since.
 */
export function told(known: Known, version: Version): Known {
  if (version <= known.lateAt) return known;
  return { ...known, heldThere: Math.max(known.heldThere, version) };
}

/** A record has come here that is older than what was thought to be the same: a hint, a repair. The peer may lack it. */
export function cameLate(known: Known, version: Version, nowMicros: Version): Known {
  return { ...known, heldThere: Math.min(known.heldThere, version), lateAt: nowMicros };
}

/** When bytes may go that are bounded by a rate; both in milliseconds of one clock. */
export interface Pace {
  readonly freeAt: number;
}

/** How much may go at once after a pause. */
const BURST_MS = 250;

export interface Paced {
  readonly pace: Pace;
  readonly waitMs: number;
}

export interface PaceRule {
  readonly bytesPerSecondMax: number;
  readonly now: number;
}

/** So many bytes have gone: how long to wait before the next, and the pace then. */
export function paced({ freeAt }: Pace, bytes: number, { bytesPerSecondMax, now }: PaceRule): Paced {
  const next = Math.max(freeAt, now - BURST_MS) + (bytes / bytesPerSecondMax) * 1000;
  return { pace: { freeAt: next }, waitMs: Math.max(0, next - now) };
}
