/** What a node's store is to the disk: for `/v0/status`, so that a report of a measurement can say on what it was made. */
import { readdir, stat, statfs } from 'node:fs/promises';
import { join, sep } from 'node:path';

export interface StoreFacts {
  /** Of the disk that its files take. */
  readonly bytes: number;
  /** Of these, its log's. */
  readonly logBytes: number;
  /** What the disk has left for this process's user. */
  readonly freeBytes: number;
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
    // A file that goes meanwhile takes nothing.
    const files = await Promise.all(names.map((name) => stat(join(directory, name)).catch(() => undefined)));
    const taken = files.map((file) => (file?.isFile() === true ? file.blocks * statBlockBytes : 0));
    const sum = (counts: (name: string) => boolean): number =>
      taken.reduce((total, bytes, at) => total + (counts(names[at] ?? '') ? bytes : 0), 0);
    const { type, bavail, bsize } = await statfs(directory);
    const sizes = { bytes: sum(() => true), logBytes: sum(isOfLog), freeBytes: bavail * bsize };
    return { ...sizes, fileSystem: fileSystems[type] ?? `0x${type.toString(16)}` };
  } catch {
    return null;
  }
}

/** Whether a file in the data directory is one of its log's (workers/store/log-files.ts). */
function isOfLog(name: string): boolean {
  return name.startsWith(`log${sep}`);
}
