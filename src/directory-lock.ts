/**
 * The lock of a data directory: one process at a time, from its start to its end.
 *
 * It is the kernel's lock on an open file (Linux: `F_OFD_SETLK`), so it holds whatever names the processes have for each
 * other (containers that share a volume see other process ids), no part of this process can drop it by opening and closing
 * the file again, and it ends with the process however that ends. The file stays; what is written in it says who had it
 * last, for people only.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { KvorumError, messageOf } from './diagnostics/errors.ts';

export const LOCK_FILE = 'lock';

/** Far behind the text: Windows lets nobody read what is locked. */
const LOCK_OFFSET = 2 ** 30;

export interface DirectoryLock {
  release(): void;
}

/** Locks the directory. Throws `store-locked`, which names the process that has it, and `store-unusable`. */
export function lockDirectory(directory: string): DirectoryLock {
  const path = join(directory, LOCK_FILE);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'a+', 0o600);
    if (!tryLock(descriptor, LOCK_OFFSET, 1)) throw lockedBy(directory, path);
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    if (error instanceof KvorumError) throw error;
    throw new KvorumError('store-unusable', `Cannot lock store "${directory}": ${messageOf(error)}`, { cause: error });
  }
  const held = descriptor;
  tellOwner(held);
  return { release: () => closeSync(held) };
}

function lockedBy(directory: string, path: string): KvorumError {
  const owner = readFileSync(path, 'utf8').trim() || 'another process';
  return new KvorumError('store-locked', `Cannot open store "${directory}": ${owner} has it open`);
}

function tellOwner(descriptor: number): void {
  try {
    ftruncateSync(descriptor, 0);
    writeSync(descriptor, `process ${process.pid} on ${hostname()}\n`);
  } catch {
    // A full disk: the lock holds without a name.
  }
}
