/**
 * The file in the data directory that says up to which version this node may have stamped writes (`clock.ts`), so that a
 * start begins above all of them: after `kill -9`, after a power loss at any durability, and if the clock was put back.
 *
 * It is a file of its own and not part of the log, since the log is as durable as the durability says, and this is always on
 * the disk before a stamp is given. It is written in place, so a full disk does not stop it, and to two places in turn, so
 * that a write which a crash cut short leaves the one before: that one holds, since nobody has used the new one yet.
 *
 *   offset of a place: 0, 4096; numbers little-endian
 *        0     4  "kvvb"
 *        4     4  CRC-32 of what follows
 *        8     8  float64: how often the file was written; the place with the greater number counts
 *       16     8  float64: the bound
 */
import { Buffer } from 'node:buffer';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { codeOf, KvorumError, messageOf } from './diagnostics/errors.ts';
import type { Reserved } from './dispatch/clock.ts';
import type { Version } from './formats/record.ts';

const FILE = 'versions';
const MAGIC = Buffer.from('kvvb');
/** Far enough apart that no write to the disk touches both. */
const PLACE_BYTES = 4096;
const ENTRY_BYTES = 24;

interface Entry {
  readonly writes: number;
  readonly bound: Version;
}

export class VersionBound {
  /** The bound that the file had when it was opened; undefined where it is damaged. */
  readonly found: Version | undefined;
  readonly #file: FileHandle;
  readonly #onFailed: (error: unknown) => void;
  #writes: number;
  /** Ends with the write that began last. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, found: Entry | undefined, onFailed: (error: unknown) => void) {
    this.#file = file;
    this.found = found?.bound;
    this.#writes = found?.writes ?? 0;
    this.#onFailed = onFailed;
  }

  /**
   * Opens the file of a data directory, and makes it where there is none, with bound 0. `onFailed` is called when the disk
   * fails, other than by being full. Throws `store-unusable`.
   */
  static async open(directory: string, onFailed: (error: unknown) => void): Promise<VersionBound> {
    const path = join(directory, FILE);
    try {
      const found = newest(readOrMake(directory, path));
      return new VersionBound(await open(path, 'r+'), found, onFailed);
    } catch (error) {
      throw new KvorumError('store-unusable', `Cannot open "${path}": ${messageOf(error)}`, { cause: error });
    }
  }

  /** Puts a bound on the disk, whatever it was before. */
  write(bound: Version): Promise<Reserved> {
    const writing = this.#writing.then(() => this.#write(bound));
    this.#writing = writing;
    return writing;
  }

  /** Closes the file when what is being written has been. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #write(bound: Version): Promise<Reserved> {
    try {
      const writes = this.#writes + 1;
      await this.#file.write(encode({ writes, bound }), 0, ENTRY_BYTES, placeOf(writes));
      await this.#file.datasync();
      this.#writes = writes;
      return 'reserved';
    } catch (error) {
      // Only a file system that writes nothing in place says so.
      if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') return 'full';
      this.#onFailed(error);
      return 'failed';
    }
  }
}

function placeOf(writes: number): number {
  return (writes % 2) * PLACE_BYTES;
}

function encode({ writes, bound }: Entry): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  bytes.set(MAGIC);
  bytes.writeDoubleLE(writes, 8);
  bytes.writeDoubleLE(bound, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

function decode(bytes: Buffer): Entry | undefined {
  if (bytes.length < ENTRY_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (crc32(bytes.subarray(8, ENTRY_BYTES)) !== bytes.readUInt32LE(4)) return undefined;
  return { writes: bytes.readDoubleLE(8), bound: bytes.readDoubleLE(16) };
}

/** What was written last and whole. */
function newest(bytes: Buffer): Entry | undefined {
  const entries = [0, PLACE_BYTES].flatMap((at) => decode(bytes.subarray(at, at + ENTRY_BYTES)) ?? []);
  return entries.sort((one, other) => other.writes - one.writes)[0];
}

/** Made under another name first: after a crash there is no file or a whole one. */
function readOrMake(directory: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const bytes = Buffer.alloc(2 * PLACE_BYTES);
  bytes.set(encode({ writes: 0, bound: 0 }));
  const fresh = `${path}.new`;
  const file = openSync(fresh, 'w', 0o600);
  try {
    writeSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  const folder = openSync(directory, 'r');
  fsyncSync(folder);
  closeSync(folder);
  return bytes;
}
