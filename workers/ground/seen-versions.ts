/**
 * The newest version that this worker has seen in records, its store's and its peers'. It goes to the main thread, where
 * the node's clock is, with every outcome frame, and at once where a peer's version is ahead of this machine's wall clock:
 * else a write that this node stamps next could be older than one that it has stored. Workers never stamp.
 */
import type { Buffer } from 'node:buffer';
import { readVersion, type Version } from '../../src/formats/record.ts';
import { mergeVersion, versionCeiling } from '../../src/domain/version.ts';

export class SeenVersions {
  readonly #clockDriftMsMax: number;
  readonly #report: (newest: Version) => void;
  #newest: Version = 0;
  #reported: Version = 0;

  constructor(clockDriftMsMax: number, report: (newest: Version) => void) {
    this.#clockDriftMsMax = clockDriftMsMax;
    this.#report = report;
  }

  /** The newest version seen. */
  get newest(): Version {
    return this.#newest;
  }

  /** The newest version that is accepted now. */
  ceiling(): Version {
    return versionCeiling(nowMicros(), this.#clockDriftMsMax);
  }

  /** Sees what a peer says is the newest version that it has seen; one from too far in the future is passed over. */
  see(version: Version): void {
    if (version <= this.#newest) return;
    this.#newest = mergeVersion(this.#newest, version, this.ceiling());
    this.reportIfAhead();
  }

  /** Sees the version of the record at `offset`; false where it is too far in the future to be accepted. */
  seeRecord(bytes: Buffer, offset: number): boolean {
    const version = readVersion(bytes, offset);
    if (version <= this.#newest) return true;
    this.#newest = mergeVersion(this.#newest, version, this.ceiling());
    return version === this.#newest;
  }

  /** Reports the newest version if it is further ahead of the wall clock than `Date.now` can tell. */
  reportIfAhead(): void {
    if (this.#newest <= this.#reported || this.#newest <= nowMicros() + 1000) return;
    this.#reported = this.#newest;
    this.#report(this.#newest);
  }
}

function nowMicros(): number {
  return Date.now() * 1000;
}
