/**
 * The node's hybrid logical clock: stamps the writes that this node coordinates. One per node, in the main thread, so
 * that several workers never stamp out of order; workers report the versions that they have seen (version.ts).
 */
import { mergeVersion, nextVersion, versionCeiling } from '../domain/version.ts';
import type { Version } from '../formats/record.ts';

/** How far the fine clock may stand from the wall clock before it is set anew, microseconds; `Date.now` jumps by 1,000. */
const DEVIATION_MICROS_MAX = 2000;

/** How often the wall clock is looked at, microseconds: it says no more than that. */
const WALL_CLOCK_MICROS = 1000;

export class NodeClock {
  readonly #clockDriftMsMax: number;
  #last: Version = 0;
  /** What the monotonic clock lacks to the wall clock; exact at the start of the process. */
  #anchorMicros = Math.floor(performance.timeOrigin * 1000);
  /** When the wall clock is looked at next, by the monotonic clock. */
  #nextLookAt = 0;

  constructor(clockDriftMsMax: number) {
    this.#clockDriftMsMax = clockDriftMsMax;
  }

  /** The newest version that was given or seen. */
  get newest(): Version {
    return this.#last;
  }

  /** The version for the next write. */
  stamp(): Version {
    this.#last = nextVersion(this.#last, this.#nowMicros());
    return this.#last;
  }

  /** A version above `above`, for a write that something of that version keeps from winning; undefined where there is none. */
  stampAbove(above: Version): Version | undefined {
    this.see(above);
    const version = this.stamp();
    return version > above ? version : undefined;
  }

  /** Moves forward past a version that the node has seen, unless that is too far in the future. */
  see(version: Version): void {
    if (version <= this.#last) return;
    this.#last = mergeVersion(this.#last, version, versionCeiling(wallMicros(), this.#clockDriftMsMax));
  }

  /** Wall time in microseconds: `Date.now` has only milliseconds, so the monotonic clock fills in between. */
  #nowMicros(): number {
    const passed = fineMicros();
    if (passed >= this.#nextLookAt) {
      this.#nextLookAt = passed + WALL_CLOCK_MICROS;
      const wall = wallMicros();
      if (Math.abs(this.#anchorMicros + passed - wall) > DEVIATION_MICROS_MAX) this.#anchorMicros = wall - passed;
    }
    return this.#anchorMicros + passed;
  }
}

function wallMicros(): number {
  return Date.now() * 1000;
}

function fineMicros(): number {
  return Math.floor(performance.now() * 1000);
}
