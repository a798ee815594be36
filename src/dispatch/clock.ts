/**
 * The node's hybrid logical clock: stamps the writes that this node coordinates. One per node, in the main thread, so
 * that several workers never stamp out of order; workers report the versions that they have seen (version.ts).
 *
 * There are moments without a stamp, in which writes wait or are refused, before anything of them is stored:
 * - before `begin`, and after this machine's clock was put forward or back: until it was compared with the peers' clocks;
 * - at the bound that was reserved on the disk: until the next one is. While stamps are given that happens ahead of its need,
 *   about once a second, so that only the first write after a pause waits for it;
 * - while this node's clock is known to be wrong (`skew`).
 *
 * Both clocks are arguments, so that a simulation can bend them.
 */
import { nextBound, nextVersion, renewalStart, versionMax } from '../domain/version.ts';
import type { Version } from '../formats/record.ts';

/** What a node reads its time from, microseconds. */
export interface ClockSource {
  /** Time since 1970; it may jump. */
  readonly wallMicros: () => number;
  /** Time that only passes. */
  readonly monotonicMicros: () => number;
  /** What the monotonic clock lacked to the wall clock when it began. */
  readonly originMicros: number;
}

/** The machine's clocks. */
export const systemClock: ClockSource = {
  wallMicros: () => Date.now() * 1000,
  monotonicMicros: () => Math.floor(performance.now() * 1000),
  originMicros: Math.floor(performance.timeOrigin * 1000),
};

/** How a bound was put on the disk: it is there, or the disk had no room for it or failed. */
export type Reserved = 'reserved' | 'full' | 'failed';

export interface NodeClockOptions {
  readonly source: ClockSource;
  /** Puts on the disk that stamps up to this bound may have been given. Never rejects. */
  readonly reserve: (bound: Version) => Promise<Reserved>;
  /** The wall clock was put forward by so many microseconds, or back; nothing is stamped before `measured`. */
  readonly onJump: (micros: number) => void;
}

/** Called when there may be a stamp again, or with why there is none. */
export type OnStampable = (end: 'stampable' | 'full' | 'failed') => void;

/** How far the fine clock may stand from the wall clock before it is set anew, microseconds; `Date.now` jumps by 1,000. */
const DEVIATION_MICROS_MAX = 2000;
/** From here on that is a jump: nothing that disciplines a clock slews it so far between two looks. */
const JUMP_MICROS_MIN = 100_000;
/** How often the wall clock is looked at, microseconds: it says no more than that. */
const WALL_CLOCK_MICROS = 1000;

export class NodeClock {
  /** How wrong this node's clock is, in words, while it is too wrong for stamps. */
  skew: string | undefined;
  readonly #options: NodeClockOptions;
  #last: Version = 0;
  /** Stamps up to this one are reserved; from that one on the next ones are to be. */
  #bound: Version = 0;
  #renewal: Version = Number.POSITIVE_INFINITY;
  #isRenewing = false;
  /** The clock is being compared with the peers'. */
  #isMeasuring = true;
  #waiting: OnStampable[] = [];
  /** What the monotonic clock lacks to the wall clock. */
  #anchorMicros: number;
  /** When the wall clock is looked at next, by the monotonic clock. */
  #nextLookAt = 0;

  constructor(options: NodeClockOptions) {
    this.#options = options;
    this.#anchorMicros = options.source.originMicros;
  }

  /** The newest version that was given or seen. */
  get newest(): Version {
    return this.#last;
  }

  /** How far that is ahead of the wall clock, microseconds; 0 where it is not. */
  get aheadMicros(): number {
    return Math.max(0, this.#last - this.#options.source.wallMicros());
  }

  /**
   * Begins above every stamp that may have been given before, and every version that is stored. Where nobody knows the bound
   * any more it is taken to be as far ahead as it ever is, which is right unless the clock was put back.
   */
  begin({ bound, newestStored }: { readonly bound: Version | undefined; readonly newestStored: Version }): void {
    this.see(newestStored);
    this.see(bound ?? nextBound(this.#last, this.#nowMicros()));
    this.#bound = this.#last;
  }

  /** The clock has been compared with the peers'; what that says stands in `skew`. */
  measured(): void {
    this.#isMeasuring = false;
    this.#tellWaiting('stampable');
  }

  /** The version for the next write; undefined where there is none now: see `skew`, or `whenStampable`. */
  stamp(): Version | undefined {
    const now = this.#nowMicros();
    if (this.#isMeasuring || this.skew !== undefined) return undefined;
    const next = nextVersion(this.#last, now);
    if (next > this.#bound) return undefined;
    if (next >= this.#renewal) void this.#renew();
    this.#last = next;
    return next;
  }

  /**
   * Gives a version above `above`, for a write that something of that version keeps from winning: at once, or when there is a
   * stamp again; undefined where there is none.
   */
  stampAbove(above: Version, give: (version: Version | undefined) => void): void {
    this.see(above);
    const version = this.stamp();
    if (version !== undefined || this.skew !== undefined) return give(aboveOrNone(version, above));
    return this.whenStampable((end) => give(end === 'stampable' ? aboveOrNone(this.stamp(), above) : undefined));
  }

  /** Calls back when a stamp is worth another try; `stamp` has just given none. */
  whenStampable(call: OnStampable): void {
    this.#waiting.push(call);
    if (!this.#isMeasuring) void this.#renew();
  }

  /** Moves forward past a version that the node has seen, whoever gave it. */
  see(version: Version): void {
    if (version > this.#last && version <= versionMax) this.#last = version;
  }

  /** Looks at the wall clock now. To be called about once a second, so that a jump is noticed without a write, too. */
  look(): void {
    this.#nextLookAt = 0;
    this.#nowMicros();
  }

  /** Nothing is stamped any more: gives back what was reserved and not given. */
  async end(): Promise<void> {
    this.#isMeasuring = true;
    if (this.#bound > this.#last) await this.#options.reserve(this.#last);
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    this.#renewal = Number.POSITIVE_INFINITY;
    const now = this.#nowMicros();
    const bound = nextBound(this.#last, now);
    const reserved = await this.#options.reserve(bound);
    this.#isRenewing = false;
    if (reserved === 'reserved') {
      this.#bound = bound;
      this.#renewal = renewalStart(bound, this.#last, now);
    } else {
      // What is left of the old bound may be used; the first stamp above it tries again.
      this.#renewal = this.#bound;
    }
    if (!this.#isMeasuring) this.#tellWaiting(reserved === 'reserved' ? 'stampable' : reserved);
  }

  #tellWaiting(end: 'stampable' | 'full' | 'failed'): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) call(end);
  }

  /** Wall time in microseconds: `Date.now` has only milliseconds, so the monotonic clock fills in between. */
  #nowMicros(): number {
    const { source } = this.#options;
    const passed = source.monotonicMicros();
    if (passed >= this.#nextLookAt) {
      this.#nextLookAt = passed + WALL_CLOCK_MICROS;
      this.#compare(source.wallMicros(), passed);
    }
    return this.#anchorMicros + passed;
  }

  #compare(wall: number, passed: number): void {
    const deviation = wall - (this.#anchorMicros + passed);
    if (Math.abs(deviation) <= DEVIATION_MICROS_MAX) return;
    this.#anchorMicros = wall - passed;
    if (Math.abs(deviation) < JUMP_MICROS_MIN) return;
    this.#isMeasuring = true;
    this.#options.onJump(deviation);
  }
}

/** The version where it is above another one: one that leaves no room above itself is not believed. */
function aboveOrNone(version: Version | undefined, above: Version): Version | undefined {
  return version !== undefined && version > above ? version : undefined;
}
