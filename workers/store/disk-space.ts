/** What a file system has left. */
import { statfsSync } from 'node:fs';

/** Bytes that the file system of a path has left. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
