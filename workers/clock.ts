/**
 * What a worker knows of versions: the newest one seen, which goes to the main thread with every outcome frame, where
 * the node's clock is. Workers never stamp.
 */
import type { Buffer } from 'node:buffer';
import { readVersion } from '../src/domain/record.ts';
import { mergeVersion, versionCeiling, type Version } from '../src/domain/version.ts';

export class Clock {
  readonly #clockDriftMsMax: number;
  #newest: Version = 0;

  constructor(clockDriftMsMax: number) {
    this.#clockDriftMsMax = clockDriftMsMax;
  }

  /** The newest version seen. */
  get newest(): Version {
    return this.#newest;
  }

  /** Microseconds since 1970. */
  nowMicros(): number {
    return Date.now() * 1000;
  }

  /** Sees the version of the record at `offset`. */
  seeRecord(bytes: Buffer, offset: number): void {
    const version = readVersion(bytes, offset);
    if (version <= this.#newest) return;
    this.#newest = mergeVersion(this.#newest, version, versionCeiling(this.nowMicros(), this.#clockDriftMsMax));
  }
}
