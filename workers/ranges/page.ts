/**
 * Pages: the memory that a scan fills. They go round between a scan and whoever sends their bytes, so that a scan of any
 * length uses the same few.
 */
import { Buffer } from 'node:buffer';
import { pageBytes } from '../../src/domain/range.ts';

/** A page of its own memory, which can move between threads. */
export function allocatePage(): Buffer {
  return Buffer.allocUnsafeSlow(pageBytes);
}

/** The whole page that these bytes stand at the start of. */
export function wholePage(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer);
}
