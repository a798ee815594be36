/**
 * What an owner knows of its newest versions, so that a write which must win is logged without reading what it replaces: a
 * read and its check are a third of a merge's CPU (docs/decisions/011).
 *
 * Keys fall into slots by their checksum. A slot's number is at least the version of every record under its keys, so a
 * write that is newer than its slot wins over whatever is there. All slots start at the version that no record in LMDB
 * exceeds, which checkpoints keep there; a store that was filled before there was such knowledge never gets it, and goes on
 * reading. A key's writes all pass its owner, so nobody else can make a slot wrong.
 */
import type { Version } from '../../src/formats/record.ts';

/** 512 KiB of numbers; versions of several coordinators that arrive out of order seldom meet in one of so many. */
const SLOTS = 65_536;

export class NewestVersions {
  readonly #slots: Float64Array;

  /** `bound`: a version that no record exceeds; undefined where none is known. */
  constructor(bound: Version | undefined) {
    this.#slots = new Float64Array(SLOTS).fill(bound ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Whether a record of this version is surely newer than what stands under its key, so that nothing need be read. The
   * record counts as merged from now on.
   */
  mustWin(keyChecksum: number, version: Version): boolean {
    const slot = keyChecksum & (SLOTS - 1);
    if (version <= (this.#slots[slot] as Version)) return false;
    this.#slots[slot] = version;
    return true;
  }
}
