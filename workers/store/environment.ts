/**
 * The LMDB environment of one node's store: how it is opened, and every transaction on it. The one place that names lmdb.
 *
 * Facts that this file stands on (lmdb 3.5):
 * - `transactionSync` returns after its fsync unless `noSync` is set. `overlappingSync` must be false: with the default,
 *   a read can see data before it is durable, and a rare early acknowledgement was recorded.
 * - Under `noSync` a commit lives in the operating system's memory: it survives `kill -9`, not a power loss.
 * - `useWritemap` writes through the map instead of copying pages and `pwrite`; the room must be there then
 *   (reserved-space.ts). It makes the file as long as the map, sparse, and never shorter here: another process may have
 *   it open.
 */
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import type { Durability } from '../../src/domain/modes.ts';
import { keepsRoom, NEW_FILE_BYTES, PAGE_BYTES, ReservedSpace, type TransactionSize } from './reserved-space.ts';
import type { ViewHandleOptions } from './range.ts';

export type { Database };

type Root = RootDatabase<Buffer, Buffer>;

export interface EnvironmentOptions {
  readonly directory: string;
  readonly durability: Durability;
  /** Bound of the store's file, bytes; reserves address space only. */
  readonly storeBytesMax: number;
  /** Whether to write through the map where the durability and the file system allow it. */
  readonly mapWrites: boolean;
}

/** Threads and long scans each hold a reader slot; LMDB's default of 126 is too near for 64 workers and scans. */
const readersMax = 1024;
/** Reader slots for the scans that peers ask for; clients' scans (at most 128) and threads (64) have the others. */
export const peerReadersMax = 768;

/** Where LMDB's mark stands in its first page; opening a file of another kind crashes. */
const MAGIC_OFFSET = 24;
const MAGIC = 0xbeefc0de;

const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** Longest file whose map is written: ext4's bound is 16 TiB, and a file that cannot be made ends the process in lmdb. */
const MAP_BYTES_MAX = 8 * 1024 ** 4;

/** What lmdb's types leave out. */
interface UntypedRoot {
  /** Runs mdb_env_sync(force) on a pool thread. */
  sync(done: (error: Error | null) => void): void;
  readonly env: { info(): { readonly lastPageNumber: number } };
}

export class StoreEnvironment {
  readonly #root: Root;
  /** Where the map is written to. */
  readonly #space: ReservedSpace | undefined;

  private constructor({ root, space }: Opened) {
    this.#root = root;
    this.#space = space;
  }

  /**
   * Opens the environment, creating its file where there is none. Throws `store-unusable`, and `store-locked` where
   * another process has it open.
   */
  static async open(options: EnvironmentOptions): Promise<StoreEnvironment> {
    const path = join(options.directory, 'store.mdb');
    try {
      assertStoreFile(path);
      const opened =
        (mayBeMapped(options) ? await openMapped(options, path) : undefined) ?? (await openPlain(options, path));
      return new StoreEnvironment(opened);
    } catch (error) {
      throw asStoreError(error, options.directory);
    }
  }

  /** Whether it writes through the map. */
  get isMapped(): boolean {
    return this.#space !== undefined;
  }

  /** A database of binary keys and values, created where there is none. */
  openDatabase(name: string): Database<Buffer, Buffer> {
    return this.#root.openDB<Buffer, Buffer>(name, binary);
  }

  /** A handle of a database whose cursors show their entries instead of returning them. */
  openView(name: string, options: ViewHandleOptions): Database {
    return this.#root.openDB(name, options);
  }

  /** Runs a transaction that writes at most so much; whatever else is put or removed belongs into one, too. */
  transact<T>(size: TransactionSize, work: () => T): T {
    this.#space?.reserve(size);
    return this.#root.transactionSync(work);
  }

  /** A snapshot; `done()` gives it back. */
  useReadTransaction(): ReturnType<Database['useReadTransaction']> {
    return this.#root.useReadTransaction();
  }

  /** LMDB's own list of reader slots, a line each: process, thread, and the snapshot that it holds or "-". */
  readers(): string {
    return this.#root.readerList();
  }

  /** Flushes to the disk whatever the durability. */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      untyped(this.#root).sync((error) => (error ? reject(error) : resolve()));
    });
  }

  /** Makes everything durable and closes; the file then ends with its last page. */
  async close(): Promise<void> {
    await this.flush();
    const used = usedBytes(this.#root);
    await this.#root.close();
    this.#space?.close(used);
  }
}

interface Opened {
  readonly root: Root;
  readonly space: ReservedSpace | undefined;
}

function mayBeMapped({ mapWrites, durability, storeBytesMax, directory }: EnvironmentOptions): boolean {
  return mapWrites && durability === 'commit' && mapBytes(storeBytesMax) <= MAP_BYTES_MAX && keepsRoom(directory);
}

/** Twice what is stored at most: pages that are free, or kept for a snapshot, take room too. */
function mapBytes(storeBytesMax: number): number {
  return 2 * storeBytesMax;
}

async function openPlain({ durability, storeBytesMax, directory }: EnvironmentOptions, path: string): Promise<Opened> {
  const root = openRoot(path, { noSync: durability === 'commit', mapSize: storeBytesMax });
  await closeOnError(root, () => assertOnlyProcess(root, directory));
  return { root, space: undefined };
}

/** Undefined where a map of that size, or the room for what is stored and a first write, cannot be had. */
async function openMapped({ storeBytesMax, directory }: EnvironmentOptions, path: string): Promise<Opened | undefined> {
  const mapSize = Math.max(mapBytes(storeBytesMax), statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  const root = tryTo(() => openRoot(path, { noSync: true, mapSize, useWritemap: true }));
  if (root === undefined) return undefined;
  await closeOnError(root, () => assertOnlyProcess(root, directory));
  const space = tryTo(() => {
    const reserved = new ReservedSpace(path, () => usedBytes(root));
    reserved.reserve({ writes: 1, bytes: 0 });
    return reserved;
  });
  if (space === undefined) await root.close();
  return space && { root, space };
}

function openRoot(path: string, own: Pick<RootDatabaseOptionsWithPath, 'noSync' | 'mapSize' | 'useWritemap'>): Root {
  const settings = {
    path,
    noSubdir: true,
    overlappingSync: false,
    // After a crash the newest intact meta page counts, not the newest one.
    safeRestore: true,
    maxReaders: readersMax,
    ...binary,
    ...own,
  };
  return open<Buffer, Buffer>(settings);
}

function usedBytes(root: Root): number {
  return (untyped(root).env.info().lastPageNumber + 1) * PAGE_BYTES;
}

function untyped(root: Root): UntypedRoot {
  return root as unknown as UntypedRoot;
}

function tryTo<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

async function closeOnError(root: Root, work: () => void): Promise<void> {
  try {
    work();
  } catch (error) {
    await root.close();
    throw error;
  }
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
