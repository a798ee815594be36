/**
 * The LMDB environment of one node's store: how it is opened, and every transaction on it. The one place that names lmdb.
 * All threads of the process share one environment; the writer threads (writer-thread.ts) alone write to it.
 *
 * Facts that this file stands on (lmdb 3.5):
 * - `transactionSync` returns after its fsync. `overlappingSync` must be false: with the default, a read can see data before
 *   it is durable, and a rare early acknowledgement was recorded. No transaction is left unsynced, so a power loss leaves
 *   the newest whole one.
 * - `getBinaryFast` returns a reused buffer: read it before the next get.
 */
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';

export type { Database };

type Root = RootDatabase<Buffer, Buffer>;
export type ReadTransaction = ReturnType<Database['useReadTransaction']>;

/** What lmdb is given for a handle that reads into the views of a scan (range.ts); its types name the first option only. */
export interface ViewHandleOptions {
  readonly encoding: 'binary';
  readonly keyEncoder: {
    readonly writeKey: (key: Uint8Array, target: Uint8Array, start: number) => number;
    readonly readKey: (target: Uint8Array, start: number, end: number) => number;
  };
  readonly encoder: {
    readonly encode: () => never;
    readonly decode: (bytes: Uint8Array, length: number) => number;
  };
}

export interface EnvironmentOptions {
  readonly directory: string;
  /** Bound of what the store holds, bytes; twice as much address space is reserved. */
  readonly storeBytesMax: number;
}

/** Threads and long scans each hold a reader slot; LMDB's default of 126 is too near for 64 workers and scans. */
const readersMax = 1024;
/** Reader slots for the scans that peers ask for; clients' scans (at most 128) and threads (64) have the others. */
export const peerReadersMax = 768;

const PAGE_BYTES = 4096;
/** A file that LMDB has just made has two meta pages. */
const NEW_FILE_BYTES = 2 * PAGE_BYTES;
/** Where LMDB's mark stands in its first page; opening a file of another kind crashes. */
const MAGIC_OFFSET = 24;
const MAGIC = 0xbeefc0de;

const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** What lmdb's types leave out. */
interface UntypedRoot {
  readonly env: { info(): { readonly lastPageNumber: number } };
}

export class StoreEnvironment {
  readonly #root: Root;
  readonly #path: string;

  private constructor(root: Root, path: string) {
    this.#root = root;
    this.#path = path;
  }

  /**
   * Opens the environment, creating its file where there is none. Throws `store-unusable`, and `store-locked` where
   * another process has it open.
   */
  static async open(options: EnvironmentOptions): Promise<StoreEnvironment> {
    const path = join(options.directory, 'store.mdb');
    try {
      assertStoreFile(path);
      const root = openRoot(path, options.storeBytesMax);
      try {
        assertOnlyProcess(root, options.directory);
        return new StoreEnvironment(root, path);
      } catch (error) {
        await root.close();
        throw error;
      }
    } catch (error) {
      throw asStoreError(error, options.directory);
    }
  }

  /** A database of binary keys and values, created where there is none. */
  openDatabase(name: string): Database<Buffer, Buffer> {
    return this.#root.openDB<Buffer, Buffer>(name, binary);
  }

  /** A handle of a database whose cursors show their entries instead of returning them. */
  openView(name: string, options: ViewHandleOptions): Database {
    return this.#root.openDB(name, options);
  }

  /** Runs a transaction, which is on the disk when this returns; whatever is put or removed belongs into one. */
  transact<T>(work: () => T): T {
    return this.#root.transactionSync(work);
  }

  /** A snapshot; `done()` gives it back. */
  useReadTransaction(): ReadTransaction {
    return this.#root.useReadTransaction();
  }

  /** LMDB's own list of reader slots, a line each: process, thread, and the snapshot that it holds or "-". */
  readers(): string {
    return this.#root.readerList();
  }

  /** Bytes of the file up to its last page in use. */
  get usedBytes(): number {
    return ((this.#root as unknown as UntypedRoot).env.info().lastPageNumber + 1) * PAGE_BYTES;
  }

  /**
   * Ends the file behind its last page: stores of format 2 that were not closed end in a hole as long as their map. Only
   * while no other thread has the store open.
   */
  cutToUsed(): void {
    if (statSync(this.#path).size > this.usedBytes) truncateSync(this.#path, this.usedBytes);
  }

  close(): Promise<void> {
    return this.#root.close();
  }
}

function openRoot(path: string, storeBytesMax: number): Root {
  const settings = {
    path,
    noSubdir: true,
    overlappingSync: false,
    // After a crash the newest intact meta page counts, not the newest one.
    safeRestore: true,
    maxReaders: readersMax,
    // Free pages, and those that a snapshot keeps, take room too. What format 2 wrote through a map is as long as that.
    mapSize: Math.max(2 * storeBytesMax, statSync(path, { throwIfNoEntry: false })?.size ?? 0),
    ...binary,
  };
  return open<Buffer, Buffer>(settings);
}

function assertStoreFile(path: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined || file.size === 0) return;
  const start = Buffer.alloc(MAGIC_OFFSET + 4);
  const descriptor = openSync(path, 'r');
  readSync(descriptor, start);
  closeSync(descriptor);
  if (file.size < NEW_FILE_BYTES || start.readUInt32LE(MAGIC_OFFSET) !== MAGIC) {
    throw new Error(`"${path}" is not a store, or is damaged`);
  }
}

/**
 * LMDB lets several processes share a file; a node must own it. Each process registers its reader slot first and looks
 * at the others' then, so of two that start together none wrongly stays.
 */
function assertOnlyProcess(root: Root, directory: string): void {
  root.getBinary(Buffer.from('reader'));
  root.readerCheck();
  for (const line of root.readerList().split('\n')) {
    const pid = Number.parseInt(line, 10);
    if (Number.isInteger(pid) && pid !== process.pid) {
      throw new KvorumError('store-locked', `Cannot open store "${directory}": process ${pid} has it open`);
    }
  }
}

/** What went wrong while a store was opened, as an error of ours. */
export function asStoreError(error: unknown, directory: string): KvorumError {
  if (error instanceof KvorumError) return error;
  return new KvorumError('store-unusable', `Cannot open store "${directory}": ${messageOf(error)}`, { cause: error });
}
