/** What a node's store is to the disk: for `/v0/status`, so that a report of a measurement can say on what it was made. */
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

export interface StoreFacts {
  /** Of the disk that its files take. */
  readonly bytes: number;
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
    const bytes = files.reduce((sum, file) => sum + (file?.isFile() === true ? file.blocks * statBlockBytes : 0), 0);
    const { type } = await statfs(directory);
    return { bytes, fileSystem: fileSystems[type] ?? `0x${type.toString(16)}` };
  } catch {
    return null;
  }
}
