/**
 * What a store knows of its newest versions, so that a write which must win is put without reading what it replaces: the
 * read and its check are a third of a merge's CPU (docs/decisions/011).
 *
 * Keys fall into slots by their checksum. A slot's number is at least the version of every record under its keys, so a
 * write that is newer than its slot wins over whatever is there. A key that may hold a large value makes its slot endless:
 * who replaces such a value must read its head to remove its chunks.
 *
 * What must outlive the process stands in the store, written in the transaction that makes it true: a version that none
 * of the records exceeds (raised some seconds ahead, so that this is a write every few seconds), and the endless slots.
 * A store that was filled before there was such knowledge never gets it, and goes on reading. Other workers of the node
 * write to the same store without telling, so only a worker that is alone may leave out a read; all of them keep the
 * knowledge for the next start.
 */
import { Buffer } from 'node:buffer';
import type { Version } from '../../src/formats/record.ts';
import type { Database, StoreEnvironment } from './environment.ts';

/** 512 KiB of numbers; versions of several coordinators that arrive out of order seldom meet in one of so many. */
const SLOTS = 65_536;
/** How far the stored bound is raised past the version that needs it, microseconds. */
const RAISE_AHEAD = 10_000_000;

const BOUND = Buffer.from('newest version');
const UNKNOWN = Number.POSITIVE_INFINITY;

export class NewestVersions {
  readonly #meta: Database<Buffer, Buffer>;
  readonly #endless: Database<Buffer, Buffer>;
  readonly #alone: boolean;
  /** For each slot a version that no record under its keys exceeds. */
  readonly #slots = new Float64Array(SLOTS);
  /** The bound as it is known to be stored. */
  #bound: Version;

  /**
   * A store without records starts with the knowledge that it has none. `alone`: no other thread writes to it while this
   * one does.
   */
  constructor(environment: StoreEnvironment, records: Database<Buffer, Buffer>, alone: boolean) {
    const meta = environment.openDatabase('meta');
    this.#meta = meta;
    this.#endless = environment.openDatabase('endless');
    this.#alone = alone;
    if (readBound(meta) === undefined) {
      environment.transact({ writes: 1, bytes: BOUND.length + 8 }, () => {
        // Looked at again: another worker may have been here.
        if (readBound(meta) === undefined && records.getKeysCount({ limit: 1 }) === 0) writeBound(meta, 0);
      });
    }
    this.#bound = readBound(meta) ?? UNKNOWN;
    this.#slots.fill(this.#bound);
    for (const slot of this.#endless.getKeys()) this.#slots[Buffer.from(slot).readUInt16BE()] = UNKNOWN;
  }

  /**
   * Inside the transaction that merges a record of this version: whether it is surely newer than what stands under its
   * key, so that nothing need be read. The record counts as merged from now on.
   */
  mustWin(keyChecksum: number, version: Version): boolean {
    this.#raiseTo(version);
    if (!this.#alone) return false;
    const slot = slotOf(keyChecksum);
    if (version <= (this.#slots[slot] as Version)) return false;
    this.#slots[slot] = version;
    return true;
  }

  /** Inside the transaction that puts the head of a large value of this version under a key. */
  noteLarge(keyChecksum: number, version: Version): void {
    this.#raiseTo(version);
    const slot = slotOf(keyChecksum);
    const name = Buffer.alloc(2);
    name.writeUInt16BE(slot);
    this.#endless.putSync(name, Buffer.alloc(0));
    this.#slots[slot] = UNKNOWN;
  }

  /** A transaction came to nothing: what it stored is not there. */
  undo(): void {
    this.#bound = Number.NEGATIVE_INFINITY;
  }

  /** The stored bound may be another worker's, or gone with a transaction that failed; so it is read again first. */
  #raiseTo(version: Version): void {
    if (version <= this.#bound) return;
    this.#bound = readBound(this.#meta) ?? UNKNOWN;
    if (version <= this.#bound) return;
    this.#bound = version + RAISE_AHEAD;
    writeBound(this.#meta, this.#bound);
  }
}

function slotOf(keyChecksum: number): number {
  return keyChecksum & (SLOTS - 1);
}

function readBound(meta: Database<Buffer, Buffer>): Version | undefined {
  return meta.getBinary(BOUND)?.readDoubleLE();
}

function writeBound(meta: Database<Buffer, Buffer>, bound: Version): void {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(bound);
  meta.putSync(BOUND, bytes);
}
