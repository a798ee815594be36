/**
 * The LMDB environment of one node's store: how it is opened, and every transaction on it. The one place that names lmdb.
 * All threads of the process share one environment; the writer threads (writer-thread.ts) alone write to it.
 *
 * Facts that this file stands on (lmdb 3.5):
 * - `transactionSync` returns after its fsync. `overlappingSync` must be false: with the default, a read can see data before
 *   it is durable, and a rare early acknowledgement was recorded. No transaction is left unsynced, so a power loss leaves
 *   the newest whole one.
 * - A write that the disk refuses overruns a buffer of LMDB's (`last_error` in mdb.c), and with it the process, so no
 *   transaction begins that the disk may not have the room for, or on a disk that takes no page from this process.
 * - `getBinaryFast` returns a reused buffer: read it before the next get.
 */
import { Buffer } from 'node:buffer';
import { closeSync, linkSync, openSync, readSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { open, type Database, type RootDatabase } from 'lmdb';
import { codeOf, KvorumError, messageOf, refillAdvice } from '../../src/diagnostics/errors.ts';
import { syncPath } from '../../src/files/durable.ts';
import type { ViewHandleOptions } from './cursors.ts';
import { freeBytes } from './disk-space.ts';

export type { Database };

type Root = RootDatabase<Buffer, Buffer>;
export type ReadTransaction = ReturnType<Database['useReadTransaction']>;

export interface EnvironmentOptions {
  readonly directory: string;
  /** Bound of what the store holds, bytes; twice as much address space is reserved. */
  readonly storeBytesMax: number;
}

/** Threads and long scans each hold a reader slot; LMDB's default of 126 is too near for 64 workers and scans. */
const readersMax = 1024;
/** Reader slots for the scans that peers ask for; clients' scans (at most 128) and threads (64) have the others. */
export const peerReadersMax = 768;

/** What a transaction changes at most. */
export interface TransactionSize {
  readonly records: number;
  /** Of all that it puts. */
  readonly bytes: number;
}

const PAGE_BYTES = 4096;
/** What a transaction writes beside its records: the free list, the databases' roots. */
const TRANSACTION_SLACK_BYTES = 256 * 1024;
/** A file that LMDB has just made has two meta pages. */
const NEW_FILE_BYTES = 2 * PAGE_BYTES;
/** Where LMDB's mark stands in its first page; opening a file of another kind crashes. */
const MAGIC_OFFSET = 24;
const MAGIC = 0xbeefc0de;

const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** Pages that LMDB took at the file's end and gave back in the same transaction, so that it never wrote them. */
const UNWRITTEN_BYTES_MAX = 8 * PAGE_BYTES;

/** What lmdb's types leave out. */
interface UntypedRoot {
  readonly env: { info(): { readonly lastPageNumber: number } };
}

export class StoreEnvironment {
  readonly #root: Root;
  readonly #path: string;
  /** A file without a name, beside the store: what it takes LMDB's file may take, too. */
  #probe: number | undefined;

  private constructor(root: Root, path: string) {
    this.#root = root;
    this.#path = path;
  }

  /**
   * Opens the environment, creating its file where there is none. Throws `store-unusable`. That no other process has it
   * open is for the caller to see: LMDB would let it.
   */
  static async open(options: EnvironmentOptions): Promise<StoreEnvironment> {
    const path = join(options.directory, 'store.mdb');
    try {
      if (statSync(path, { throwIfNoEntry: false }) === undefined) await createStoreFile(path, options.directory);
      assertStoreFile(path);
      const environment = new StoreEnvironment(openRoot(path, options.storeBytesMax), path);
      await environment.#assertWhole();
      return environment;
    } catch (error) {
      throw asStoreError(error, options.directory);
    }
  }

  /** LMDB reads through a map, and whoever reads a page behind the file's end is killed by the system. */
  async #assertWhole(): Promise<void> {
    const { size } = statSync(this.#path);
    const { usedBytes } = this;
    if (size + UNWRITTEN_BYTES_MAX >= usedBytes) return;
    await this.#root.close();
    throw new Error(`"${this.#path}" is cut short, ${size} of ${usedBytes} bytes; ${refillAdvice}`);
  }

  /** A database of binary keys and values, created where there is none. */
  openDatabase(name: string): Database<Buffer, Buffer> {
    return this.#root.openDB<Buffer, Buffer>(name, binary);
  }

  /** A handle of a database whose cursors show their entries instead of returning them. */
  openView(name: string, options: ViewHandleOptions): Database {
    return this.#root.openDB(name, options);
  }

  /**
   * Runs a transaction, which is on the disk when this returns; whatever is put or removed belongs into one. Throws ENOSPC
   * before it begins where the disk has less room than it may take, and EIO and the like where it takes nothing.
   */
  transact<T>({ records, bytes }: TransactionSize, work: () => T): T {
    const rewritten = Math.min(2 * records * PAGE_BYTES, this.usedBytes);
    const needed = rewritten + 2 * bytes + TRANSACTION_SLACK_BYTES;
    if (freeBytes(this.#path) < needed) throw new Error(`ENOSPC: a transaction may take ${needed} bytes`);
    this.#writeProbe();
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
    if (this.#probe !== undefined) closeSync(this.#probe);
    this.#probe = undefined;
    return this.#root.close();
  }

  #writeProbe(): void {
    this.#probe ??= openNameless(`${this.#path}.probe-${process.pid}-${threadId}`);
    writeSync(this.#probe, probePage, 0, PAGE_BYTES, 0);
  }
}

const probePage: Buffer = Buffer.alloc(PAGE_BYTES);

function openNameless(path: string): number {
  const descriptor = openSync(path, 'w', 0o600);
  rmSync(path, { force: true });
  return descriptor;
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

/**
 * Makes the file under another name first, so that a power loss leaves none or a whole one. Of two processes that do so at
 * once, one finds the other's.
 */
async function createStoreFile(path: string, directory: string): Promise<void> {
  const fresh = `${path}.new-${process.pid}`;
  try {
    rmSync(fresh, { force: true });
    await openRoot(fresh, 0).close();
    syncPath(fresh);
    linkSync(fresh, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    for (const name of [fresh, `${fresh}-lock`]) rmSync(name, { force: true });
  }
  syncPath(directory);
}

function assertStoreFile(path: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined || file.size === 0) return;
  const start = Buffer.alloc(MAGIC_OFFSET + 4);
  const descriptor = openSync(path, 'r');
  readSync(descriptor, start);
  closeSync(descriptor);
  if (file.size < NEW_FILE_BYTES || start.readUInt32LE(MAGIC_OFFSET) !== MAGIC) {
    throw new Error(`"${path}" is not a store, or is damaged; ${refillAdvice}`);
  }
}

/** What went wrong while a store was opened, as an error of ours. */
export function asStoreError(error: unknown, directory: string): KvorumError {
  if (error instanceof KvorumError) return error;
  return new KvorumError('store-unusable', `Cannot open store "${directory}": ${messageOf(error)}`, { cause: error });
}

/** What went wrong with an open store, as an error of ours. */
export function storeFailure(error: unknown): KvorumError {
  if (error instanceof KvorumError) return error;
  return new KvorumError('store-failed', `Storage failed: ${messageOf(error)}`, { cause: error });
}
