/**
 * Versions: a hybrid logical clock in one safe integer of microseconds since 1970.
 *
 * The coordinator stamps a write once; replicas never stamp. The clock is `max(now, last + 1)` and is merged forward
 * with every version that the node sees, so that a write that follows a read of version v through the same node is
 * newer than v whatever the wall clocks say. 2^53 microseconds last until the year 2255.
 *
 * So that no stamp is given twice, over a crash or a clock that was put back, a node gives only stamps up to a bound that it
 * has put on the disk before, and a start begins above that bound.
 *
 * Source: Kulkarni et al., "Logical Physical Clocks" (2014); here physical and logical part share one number, since
 * a node stamps far fewer than one write a microsecond.
 */
import type { Version } from '../formats/record.ts';

/** Nothing above this is believed, the year 2219: so that there is always a version that is newer than what was seen. */
export const versionMax: Version = 2 ** 53 - 2 ** 50;

/** How far ahead of the clock stamps are reserved, microseconds. */
const RESERVED_MICROS = 2_000_000;
/**
 * The same where stamps run ahead of the clock already, as many stamps: a start skips what was reserved, and a node that
 * crashes over and over must not run away from its clock.
 */
const RESERVED_STAMPS = 200_000;

/** The version for a write stamped at `nowMicros` by a node whose newest known version is `last`. */
export function nextVersion(last: Version, nowMicros: number): Version {
  return nowMicros > last ? nowMicros : last + 1;
}

/** The clock after seeing `seen`: never backwards, and not forward past `ceiling` (a version too far ahead is refused). */
export function mergeVersion(last: Version, seen: Version, ceiling: Version): Version {
  return seen > last && seen <= ceiling ? seen : last;
}

/** What a node holds against the versions that it is told. */
export interface VersionBounds {
  /** How far clocks may differ. */
  readonly clockDriftMsMax: number;
  /** How long a write may be on its way. */
  readonly timeoutMs: number;
}

/**
 * The newest version that a node takes at `nowMicros` of a write of now, and of a number that no record comes with. Versions
 * that its store holds count as time, too: where all clocks were fast and were put right, writes go on above what they left.
 */
export function versionCeiling(
  nowMicros: number,
  newestStored: Version,
  { clockDriftMsMax }: Pick<VersionBounds, 'clockDriftMsMax'>,
): Version {
  return Math.min(versionMax, Math.max(nowMicros, newestStored) + clockDriftMsMax * 1000);
}

/** The oldest version that a node takes at `nowMicros` of a write of now: what is older was long under way. */
export function versionFloor(nowMicros: number, { clockDriftMsMax, timeoutMs }: VersionBounds): Version {
  return nowMicros - (timeoutMs + clockDriftMsMax) * 1000;
}

/** Up to where a node that has given `last` reserves stamps at `nowMicros`. */
export function nextBound(last: Version, nowMicros: number): Version {
  return Math.max(nowMicros + RESERVED_MICROS, last + RESERVED_STAMPS);
}

/** From which stamp on a bound is to be renewed: half of what it left, so about once a second while stamps are given. */
export function renewalStart(bound: Version, last: Version, nowMicros: number): Version {
  const from = Math.max(last, nowMicros);
  return from + Math.floor((bound - from) / 2);
}
