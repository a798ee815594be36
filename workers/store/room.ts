/**
 * How much room the store has: the bound `storeBytesMax`, and the file system's own.
 *
 * lmdb grows its map by itself, so the bound is ours to keep. What the databases' pages take is asked only when the
 * writes since the last answer could have used up what was left then: an estimate a write, never too low.
 */
import { messageOf } from '../../src/diagnostics/errors.ts';
import { freeBytes } from './disk-space.ts';
import type { Database } from './environment.ts';

/** What LMDB holds, of all workers of the process. */
export interface RoomMeasures {
  readonly storedRecords: number;
}

interface PageStatistics {
  readonly entryCount: number;
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

/** A write may split every page on its way: a leaf and some branches. */
const SPLIT_BYTES = 4 * 4096;
/** A transaction also rewrites pages that it does not grow. */
const TRANSACTION_SLACK_BYTES = 1024 * 1024;

/** All that grow. */
export interface RoomDatabases {
  readonly records: readonly Database[];
  readonly others: readonly Database[];
}

export class StoreRoom {
  readonly #databases: RoomDatabases;
  readonly #bytesMax: number;
  readonly #bytesLogged: () => number;
  #left = 0;

  /** `bytesLogged` tells what waits in the log to be brought into the databases. */
  constructor(databases: RoomDatabases, bytesMax: number, bytesLogged: () => number) {
    this.#databases = databases;
    this.#bytesMax = bytesMax;
    this.#bytesLogged = bytesLogged;
  }

  get measures(): RoomMeasures {
    const counts = this.#databases.records.map((database) => (database.getStats() as PageStatistics).entryCount);
    return { storedRecords: counts.reduce((sum, count) => sum + count, 0) };
  }

  /** Whether a write of so many bytes stays within the bound. */
  hasRoomFor(bytes: number): boolean {
    const needed = bytes + SPLIT_BYTES;
    if (this.#left < needed) this.#left = this.#bytesMax - this.#used();
    if (this.#left < needed) return false;
    this.#left -= needed;
    return true;
  }

  #used(): number {
    const { records, others } = this.#databases;
    const stored = [...records, ...others].reduce((sum, database) => {
      const pages = database.getStats() as PageStatistics;
      return sum + (pages.treeBranchPageCount + pages.treeLeafPageCount + pages.overflowPages) * pages.pageSize;
    }, 0);
    return stored + this.#bytesLogged();
  }
}

/**
 * Whether a failed transaction of so many bytes failed for want of room. The system says ENOSPC or EDQUOT; but where the
 * last write was cut short LMDB says "Input/output error", so then the file system is asked what it has left.
 */
export function isDiskFull(error: unknown, directory: string, transactionBytes: number): boolean {
  const message = messageOf(error);
  if (/MDB_MAP_FULL|No space left|ENOSPC|Disk quota exceeded|EDQUOT/.test(message)) return true;
  if (!message.includes('Input/output error')) return false;
  return freeBytes(directory) < transactionBytes + TRANSACTION_SLACK_BYTES;
}
