/**
 * What everybody needs who keeps bytes in files: to write them whole, and to know that they are on the disk. A write may be
 * cut short without an error (a signal, a disk that is nearly full): the rest of it says why. All of it throws, or rejects
 * with, what the system says.
 */
import type { Buffer } from 'node:buffer';
import { closeSync, fdatasync, fsyncSync, openSync, renameSync, rmSync, write, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const writeSome = promisify(write) as unknown as (
  descriptor: number,
  bytes: Buffer,
  at: number,
  length: number,
  offset: number,
) => Promise<{ readonly bytesWritten: number }>;

/** Resolves when the file's data are on the disk. */
export const syncData: (descriptor: number) => Promise<void> = promisify(fdatasync);

/** Writes all of `bytes` to the file, from `offset` on. */
export function writeWhole(descriptor: number, bytes: Buffer, offset: number): void {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at, bytes.length - at, offset + at);
}

/** As `writeWhole`, beside the thread's other work. */
export async function writeBeside(descriptor: number, bytes: Buffer, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await writeSome(descriptor, bytes, at, bytes.length - at, offset + at);
    at += bytesWritten;
  }
}

/** Makes sure that a file, or the names in a directory, are on the disk. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes a file, or puts it in the place of one, for nobody but its owner: after a crash there is the old one or the new one. */
export function putFile(path: string, bytes: Buffer): void {
  const fresh = `${path}.new`;
  try {
    overwriteFile(fresh, bytes, 'w');
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  syncPath(dirname(path));
}

/** Writes over the beginning of a file that is there, or of a new one (`w`), and syncs it. */
export function overwriteFile(path: string, bytes: Buffer, flags: 'w' | 'r+' = 'r+'): void {
  const descriptor = openSync(path, flags, 0o600);
  try {
    writeWhole(descriptor, bytes, 0);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
