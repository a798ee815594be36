/**
 * A small text that survives whatever happens while it is replaced: a file of two slots that are written in turns, each
 * with a checksum and a number; the whole slot with the greater number counts. The file has all of its bytes from the
 * beginning, so replacing the text needs no room on the disk and is one flush.
 *
 *   slot: "kvorumst", float64 number, u32 bytes, u32 CRC-32 of the number, the length and the text, text
 */
import { Buffer } from 'node:buffer';
import { closeSync, fdatasync, fsyncSync, openSync, readFileSync, renameSync, rmSync, write, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { codeOf } from './diagnostics/errors.ts';

/** 63 peers, with the longest keys up to which they have been merged, take 100 KiB. */
const SLOT_BYTES = 128 * 1024;
const MAGIC = Buffer.from('kvorumst');
const HEAD_BYTES = 24;

const writeAsync = promisify(write) as (
  file: number,
  bytes: Buffer,
  at: number,
  length: number,
  offset: number,
) => Promise<unknown>;
const syncAsync = promisify(fdatasync);

interface Slot {
  readonly number: number;
  readonly text: string;
}

export class StateFile {
  readonly #descriptor: number;
  #number: number;
  /** What the next write takes; a write that is under way has taken its own. */
  #next: string | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  private constructor(descriptor: number, number: number) {
    this.#descriptor = descriptor;
    this.#number = number;
  }

  /** The text that the file holds; undefined where there is no file. Throws where neither slot can be read, or the disk fails. */
  static read(path: string): string | undefined {
    return newest(path)?.text;
  }

  /** Opens the file for writing, and makes it where there is none. */
  static open(path: string): StateFile {
    const number = newest(path)?.number ?? create(path);
    return new StateFile(openSync(path, 'r+'), number);
  }

  /** Resolves when this text, or a later one, is on the disk. Rejects where the disk fails. */
  async write(text: string): Promise<void> {
    if (this.#isClosed) return;
    this.#next = text;
    // The write that is under way may have taken an earlier text.
    if (this.#writing !== undefined) await this.#writing;
    if (this.#next !== undefined) this.#writing ??= this.#put().finally(() => (this.#writing = undefined));
    await this.#writing;
  }

  /** Closes the file when what is being written is there. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing?.catch(() => {});
    closeSync(this.#descriptor);
  }

  async #put(): Promise<void> {
    const text = this.#next ?? '';
    this.#next = undefined;
    const number = this.#number + 1;
    const bytes = encode({ number, text });
    await writeAsync(this.#descriptor, bytes, 0, bytes.length, (number % 2) * SLOT_BYTES);
    await syncAsync(this.#descriptor);
    // Only now: after a write that failed the next one goes to the same slot, and the other stays whole.
    this.#number = number;
  }
}

function newest(path: string): Slot | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const slots = [decode(bytes.subarray(0, SLOT_BYTES)), decode(bytes.subarray(SLOT_BYTES))];
  const [first] = slots.filter((slot) => slot !== undefined).toSorted((left, right) => right.number - left.number);
  if (first === undefined) throw new Error(`"${path}" is damaged`);
  return first;
}

function encode({ number, text }: Slot): Buffer {
  const content = Buffer.from(text);
  if (HEAD_BYTES + content.length > SLOT_BYTES) throw new Error(`a text of ${content.length} bytes is too long`);
  const bytes = Buffer.alloc(HEAD_BYTES + content.length);
  MAGIC.copy(bytes);
  bytes.writeDoubleLE(number, 8);
  bytes.writeUInt32LE(content.length, 16);
  content.copy(bytes, HEAD_BYTES);
  bytes.writeUInt32LE(checksum(bytes), 20);
  return bytes;
}

function decode(slot: Buffer): Slot | undefined {
  if (slot.length < HEAD_BYTES || !MAGIC.equals(slot.subarray(0, 8))) return undefined;
  const end = HEAD_BYTES + slot.readUInt32LE(16);
  if (end > slot.length || checksum(slot.subarray(0, end)) !== slot.readUInt32LE(20)) return undefined;
  return { number: slot.readDoubleLE(8), text: slot.toString('utf8', HEAD_BYTES, end) };
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(HEAD_BYTES), crc32(bytes.subarray(8, 20)));
}

/** Makes a file whose first slot holds an empty text; returns that slot's number. */
function create(path: string): number {
  const fresh = `${path}.new`;
  const descriptor = openSync(fresh, 'w', 0o600);
  try {
    const bytes = Buffer.alloc(2 * SLOT_BYTES);
    encode({ number: 0, text: '' }).copy(bytes);
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at, bytes.length - at, at);
    fsyncSync(descriptor);
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
  return 0;
}
