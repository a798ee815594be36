/**
 * The copies that one owner keeps for a former list's sake only (src/domain/surplus.ts): finds them in LMDB, some at a time and without
 * a snapshot between, and has those removed that may go. What only the log holds is found when a checkpoint has brought it there.
 */
import { Buffer } from 'node:buffer';
import { ownerOf } from '../../src/domain/owners.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { isSurplus, type PlacementHistory } from '../../src/domain/surplus.ts';
import { isLargeHead, recordHeaderOf } from '../../src/formats/large-head.ts';
import { isIntact, readVersion, RECORD_HEADER_BYTES, type Version } from '../../src/formats/record.ts';
import type { Purge } from './purge.ts';
import type { StoredRecords } from './stored-records.ts';
import type { SurplusCopy } from './writer-protocol.ts';

/** What one look has found, and the key from which on the next one goes on; undefined: all was looked at. */
export interface SurplusPage {
  readonly copies: readonly SurplusCopy[];
  readonly next: Buffer | undefined;
}

export interface SurplusOptions {
  readonly records: Pick<StoredRecords, 'entries' | 'refresh'>;
  readonly history: PlacementHistory;
  readonly isSurplusGone: boolean;
  readonly purge: Pick<Purge, 'letGo'>;
  readonly owner: number;
  readonly workers: number;
}

/** Keys that one look goes over: about half a millisecond. */
const LOOK_KEYS = 256;
const first: Buffer = Buffer.alloc(0);

export class Surplus {
  /** Copies that were removed. */
  removed = 0;
  readonly #options: SurplusOptions;
  #isOver: boolean;

  constructor(options: SurplusOptions) {
    this.#options = options;
    this.#isOver = options.isSurplusGone;
  }

  /** The lists that the store was kept under. */
  get history(): PlacementHistory {
    return this.#options.history;
  }

  /** Whether nothing is here for a former list's sake. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The surplus copies among some keys from `from` on. */
  look(from: Buffer = first): SurplusPage {
    const { records, history } = this.#options;
    records.refresh();
    const entries = Array.from(records.entries(from, LOOK_KEYS), ({ key, value }) => ({
      key: Buffer.from(key),
      value,
    }));
    const copies = entries.flatMap(({ key, value }) => {
      const hash = hashKey(key, 0, key.length);
      if (!this.#owns(hash)) return [];
      const header = headerOf(key, value);
      return header !== undefined && isSurplus(history, hash, readVersion(header, 0)) ? [{ key, header }] : [];
    });
    const last = entries.at(-1)?.key;
    const isEnd = last === undefined || entries.length < LOOK_KEYS;
    return { copies, next: isEnd ? undefined : Buffer.concat([last, Buffer.alloc(1)]) };
  }

  /**
   * Removes copies that may go, all of them older than `bound`, which every node has confirmed; `isAll`: there are no others left.
   * Resolves to whether that was possible now.
   */
  async remove(copies: readonly SurplusCopy[], bound: Version, isAll: boolean): Promise<boolean> {
    if (copies.length === 0 && !isAll) return true;
    const removed = await this.#options.purge.letGo({ copies, bound, isAll });
    if (removed === undefined) return false;
    this.removed += removed;
    this.#isOver ||= isAll;
    return true;
  }

  #owns(keyHash: number): boolean {
    const { owner, workers } = this.#options;
    return workers === 1 || ownerOf(keyHash, workers) === owner;
  }
}

/** Undefined where the record is damaged: then nobody knows what it was. */
function headerOf(key: Buffer, record: Buffer): Buffer | undefined {
  if (isLargeHead(record)) return recordHeaderOf(record).subarray(0, RECORD_HEADER_BYTES);
  return isIntact(record, 0, record.length, key) ? Buffer.from(record.subarray(0, RECORD_HEADER_BYTES)) : undefined;
}
