/**
 * Room in the store's file that the disk has given already, so that LMDB may write through its map: there, a page that the
 * disk has no room for is no error but the end of the process (SIGBUS). Pages of the file are taken from its start on, so
 * the room is a range after the last page in use; it is made by writing zeros, whose failure is an ordinary error.
 *
 * Only for file systems that overwrite in place: where each write takes new blocks (btrfs, zfs), none is ever reserved.
 */
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, statfsSync, writeSync } from 'node:fs';

export const PAGE_BYTES = 4096;
/** File system types (statfs(2)) that overwrite in place: ext2 to ext4, XFS, tmpfs. */
const IN_PLACE_TYPES: readonly number[] = [0xef53, 0x58465342, 0x01021994];
/** What is reserved at a time: about 0.5 ms. */
const STEP_BYTES = 1024 * 1024;
/** What is reserved beyond what is needed, so that LMDB is not asked before every transaction ... */
const AHEAD_BYTES = 16 * 1024 * 1024;
/** ... on a disk that has so much to give. */
const AMPLE_BYTES = 1024 * 1024 * 1024;
/** LMDB's two first pages, which every file has. */
export const NEW_FILE_BYTES = 2 * PAGE_BYTES;
/** LMDB's own pages of one transaction: its lists of free pages (at most 75,000 of 8 bytes are rewritten) and roots. */
const TRANSACTION_BYTES = 1024 * 1024;
/** Pages that a write copies or adds: each of its path twice, at a depth of 12, and some of a large value it replaces. */
const WRITE_PAGES = 28;
/** Pages that a write adds to a tree of which every page has been copied: a leaf and a branch, twice that to be sure. */
const ADDED_PAGES = 4;

/** What a transaction will write. */
export interface TransactionSize {
  readonly writes: number;
  /** Keys and values, bytes. */
  readonly bytes: number;
}

/** Whether a directory's file system keeps room that was written once. */
export function keepsRoom(directory: string): boolean {
  return process.platform === 'linux' && IN_PLACE_TYPES.includes(statfsSync(directory).type);
}

/** What a file system has left for us, bytes. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

export class ReservedSpace {
  readonly #path: string;
  readonly #descriptor: number;
  /** Bytes of the file in use; asked of LMDB, which takes longer than a write. */
  readonly #askUsed: () => number;
  readonly #zeros = Buffer.alloc(STEP_BYTES);
  /** Every byte before has its place on the disk. */
  #end: number;
  /** Bytes in use at most, by what the transactions since the last question may have taken. */
  #used: number;

  /**
   * Fills the holes in what is in use of the file. Throws where that is not possible: then the file must not be written
   * through a map.
   */
  constructor(path: string, askUsed: () => number) {
    this.#path = path;
    this.#askUsed = askUsed;
    this.#end = this.#used = askUsed();
    // Nothing in Node does it; util-linux and busybox have the command. A new file has no holes.
    if (this.#used > NEW_FILE_BYTES) {
      execFileSync('fallocate', ['-o', '0', '-l', String(this.#used), path], { stdio: 'ignore', timeout: 60_000 });
    }
    this.#descriptor = openSync(path, 'r+');
  }

  /** Makes sure of room for a transaction that is about to start. Throws the system's error, ENOSPC for one. */
  reserve(size: TransactionSize): void {
    let most = bytesMax(this.#used, size);
    if (this.#used + most > this.#end) {
      this.#used = this.#askUsed();
      most = bytesMax(this.#used, size);
      this.#extend(this.#used + most);
    }
    this.#used += most;
  }

  #extend(needed: number): void {
    if (needed <= this.#end) return;
    const ahead = freeBytes(this.#path) > AMPLE_BYTES ? AHEAD_BYTES : 0;
    while (this.#end < needed + ahead) {
      this.#end += writeSync(this.#descriptor, this.#zeros, 0, STEP_BYTES, this.#end);
    }
  }

  /** Ends the file behind what is in use. Nobody may have it mapped any more. */
  close(usedBytes: number): void {
    ftruncateSync(this.#descriptor, usedBytes);
    closeSync(this.#descriptor);
  }
}

/** Bytes that a transaction can take at most, in a file of which so many are in use. */
function bytesMax(usedBytes: number, { writes, bytes }: TransactionSize): number {
  // A page is copied once a transaction.
  const inTrees = Math.min(writes * WRITE_PAGES, usedBytes / PAGE_BYTES + writes * ADDED_PAGES);
  const ofLongValues = bytes / PAGE_BYTES + writes;
  return Math.ceil(inTrees + ofLongValues) * PAGE_BYTES + TRANSACTION_BYTES;
}
