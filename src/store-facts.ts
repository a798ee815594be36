/**
 * What a node's store is to the disk: for `/v0/status`, so that a report of a measurement can say on what it was made, and
 * for `/metrics`.
 */
import { readdir, stat, statfs } from 'node:fs/promises';
import { join, sep } from 'node:path';

export interface StoreFacts {
  /** Of the disk that its files take: LMDB's, the log's, and others. */
  readonly bytes: number;
  readonly lmdbBytes: number;
  readonly logBytes: number;
  /** Of the file system: what it has left for this process, and all that it has. */
  readonly freeBytes: number;
  readonly diskBytes: number;
  /** `ext4`; the number that the system has for it if that is not known here. */
  readonly fileSystem: string;
}

/** Of stat(2), whatever the file system's own blocks are. */
const statBlockBytes = 512;

/** By the numbers of statfs(2), Linux. */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x2fc12fc1: 'zfs',
  0xf2f52010: 'f2fs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
  0x6969: 'nfs',
};

/** Null if the directory cannot be read. */
export async function storeFacts(directory: string): Promise<StoreFacts | null> {
  try {
    const names = await readdir(directory, { recursive: true });
    const files = await Promise.all(
      names.map(async (name) => ({ name, bytes: await diskBytesOf(join(directory, name)) })),
    );
    const bytesOf = (isMeant: (name: string) => boolean): number =>
      files.reduce((sum, { name, bytes }) => sum + (isMeant(name) ? bytes : 0), 0);
    const { type, bavail, blocks, bsize } = await statfs(directory);
    return {
      bytes: bytesOf(() => true),
      lmdbBytes: bytesOf((name) => name === 'store.mdb'),
      logBytes: bytesOf((name) => name.startsWith(`log${sep}`)),
      freeBytes: bavail * bsize,
      diskBytes: blocks * bsize,
      fileSystem: fileSystems[type] ?? `0x${type.toString(16)}`,
    };
  } catch {
    return null;
  }
}

/** A file that goes meanwhile takes nothing. */
async function diskBytesOf(path: string): Promise<number> {
  const file = await stat(path).catch(() => undefined);
  return file?.isFile() === true ? file.blocks * statBlockBytes : 0;
}
