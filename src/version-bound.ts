/**
 * The file in the data directory that says up to which version this node may have stamped writes (`clock.ts`), so that a
 * start begins above all of them: after `kill -9`, after a power loss at any durability, and if the clock was put back.
 *
 * It is a file of its own and not part of the log, since the log is as durable as the durability says, and this is always on
 * the disk before a stamp is given. A full disk does not stop it, and a write which a crash cut short leaves the bound before
 * (files/two-slots.ts): that one holds, since nobody has used the new one yet.
 *
 *   offset of a place: 0, 4096; numbers little-endian
 *        0     4  "kvvb"
 *        4     4  CRC-32 of what follows
 *        8     8  float64: how often the file was written; the place with the greater number counts
 *       16     8  float64: the bound
 */
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { codeOf, KvorumError, messageOf } from './diagnostics/errors.ts';
import type { Reserved } from './dispatch/clock.ts';
import type { Version } from './formats/record.ts';
import { makeSlots, readSlots, TwoSlots, type Slot, type SlotFormat } from './files/two-slots.ts';

const FILE = 'versions';
const MAGIC = Buffer.from('kvvb');
const ENTRY_BYTES = 24;

const format: SlotFormat<Version> = { slotBytes: 4096, encode, decode };

export class VersionBound {
  /** The bound that the file had when it was opened; undefined where it is damaged. */
  readonly found: Version | undefined;
  readonly #file: TwoSlots<Version>;
  readonly #onFailed: (error: unknown) => void;
  /** Ends with the write that began last. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(file: TwoSlots<Version>, found: Version | undefined, onFailed: (error: unknown) => void) {
    this.#file = file;
    this.found = found;
    this.#onFailed = onFailed;
  }

  /**
   * Opens the file of a data directory, and makes it where there is none, with bound 0. `onFailed` is called when the disk
   * fails, other than by being full. Throws `store-unusable`.
   */
  static open(directory: string, onFailed: (error: unknown) => void): VersionBound {
    const path = join(directory, FILE);
    try {
      const read = readSlots(path, format);
      const slot = read === 'missing' ? makeSlots(path, format, 0) : read;
      const { number, value } = slot === 'damaged' ? { number: 0, value: undefined } : slot;
      return new VersionBound(new TwoSlots(path, format, number), value, onFailed);
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
    this.#file.close();
  }

  async #write(bound: Version): Promise<Reserved> {
    try {
      await this.#file.write(bound);
      return 'reserved';
    } catch (error) {
      // Only a file system that writes nothing in place says so.
      if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') return 'full';
      this.#onFailed(error);
      return 'failed';
    }
  }
}

function encode({ number, value }: Slot<Version>): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  bytes.set(MAGIC);
  bytes.writeDoubleLE(number, 8);
  bytes.writeDoubleLE(value, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

function decode(bytes: Buffer): Slot<Version> | undefined {
  if (bytes.length < ENTRY_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (crc32(bytes.subarray(8, ENTRY_BYTES)) !== bytes.readUInt32LE(4)) return undefined;
  return { number: bytes.readDoubleLE(8), value: bytes.readDoubleLE(16) };
}
