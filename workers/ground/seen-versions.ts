/**
 * The newest version that this worker has seen, in records and in what peers say of themselves. It goes to the main thread,
 * where the node's clock is, with every outcome frame, and at once where it is ahead of this machine's wall clock: else a write
 * that this node stamps next could be older than one that it has stored. Workers never stamp.
 *
 * What some store holds is believed, however far in the future it is, or it could be neither read nor repaired nor replaced.
 * What has nothing behind it, a write of now or a number, is judged (version.ts).
 */
import type { Buffer } from 'node:buffer';
import { readVersion, type Version } from '../../src/formats/record.ts';
import {
  mergeVersion,
  versionCeiling,
  versionFloor,
  versionMax,
  type VersionBounds,
} from '../../src/domain/version.ts';

export interface SeenVersionsOptions {
  readonly bounds: VersionBounds;
  /** A version that nothing exceeds which the store holds. */
  readonly newestStored: Version;
  /** The machine's time, microseconds. */
  readonly wallMicros: () => number;
  /** Tells the main thread. */
  readonly report: (newest: Version) => void;
}

/** The versions that a replica takes of writes of now. */
export interface VersionWindow {
  readonly floor: Version;
  readonly ceiling: Version;
}

/** The machine's wall clock, microseconds. */
export const wallMicros = (): number => Date.now() * 1000;

export class SeenVersions {
  readonly #options: SeenVersionsOptions;
  #newest: Version;
  /** The newest that some store holds. */
  #stored: Version;
  #reported: Version = 0;

  constructor(options: SeenVersionsOptions) {
    this.#options = options;
    this.#newest = this.#stored = options.newestStored;
  }

  /** The newest version seen. */
  get newest(): Version {
    return this.#newest;
  }

  /** What is taken now of a write of now: neither long under way nor of a clock that is far ahead. */
  window(): VersionWindow {
    const { bounds, wallMicros: now } = this.#options;
    const nowMicros = now();
    return { floor: versionFloor(nowMicros, bounds), ceiling: versionCeiling(nowMicros, this.#stored, bounds) };
  }

  /** Sees what a peer says is the newest version that it has seen; one from too far in the future is passed over. */
  see(version: Version): void {
    if (version <= this.#newest) return;
    this.#newest = mergeVersion(this.#newest, version, this.window().ceiling);
    this.reportIfAhead();
  }

  /** Sees a version that is stored somewhere, or that this node has given or judged already. */
  seeStored(version: Version): void {
    this.#stored = mergeVersion(this.#stored, version, versionMax);
    this.#newest = mergeVersion(this.#newest, version, versionMax);
  }

  /** Sees the version of the record at `offset`, which some store holds; false where it is no version. */
  seeRecord(bytes: Buffer, offset: number): boolean {
    const version = readVersion(bytes, offset);
    if (version > this.#stored) this.seeStored(version);
    return version <= versionMax;
  }

  /** Reports the newest version if it is further ahead of the wall clock than `Date.now` can tell. */
  reportIfAhead(): void {
    if (this.#newest <= this.#reported || this.#newest <= this.#options.wallMicros() + 1000) return;
    this.#reported = this.#newest;
    this.#options.report(this.#newest);
  }
}
