/**
 * Versions: a hybrid logical clock in one safe integer of microseconds since 1970.
 *
 * The coordinator stamps a write once; replicas never stamp. The clock is `max(now, last + 1)` and is merged forward
 * with every version that the node sees, so that a write that follows a read of version v through the same node is
 * newer than v whatever the wall clocks say. 2^53 microseconds last until the year 2255.
 *
 * Source: Kulkarni et al., "Logical Physical Clocks" (2014); here physical and logical part share one number, since
 * a node stamps far fewer than one write a microsecond.
 */
import type { Version } from '../formats/record.ts';

/** The version for a write stamped at `nowMicros` by a node whose newest known version is `last`. */
export function nextVersion(last: Version, nowMicros: number): Version {
  return nowMicros > last ? nowMicros : last + 1;
}

/** The clock after seeing `seen`: never backwards, and not forward past `ceiling` (a version too far ahead is refused). */
export function mergeVersion(last: Version, seen: Version, ceiling: Version): Version {
  return seen > last && seen <= ceiling ? seen : last;
}

/** The newest version that a node accepts at `nowMicros`. */
export function versionCeiling(nowMicros: number, clockDriftMsMax: number): Version {
  return nowMicros + clockDriftMsMax * 1000;
}
