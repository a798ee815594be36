/**
 * A small text that survives whatever happens while it is replaced (two-slots.ts).
 *
 *   slot: "kvorumst", float64 number, u32 bytes, u32 CRC-32 of the number, the length and the text, text
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { makeSlots, readSlots, TwoSlots, type Slot, type SlotFormat } from './two-slots.ts';

/** 63 peers, with the longest keys up to which they have been merged, take 100 KiB. */
const SLOT_BYTES = 128 * 1024;
const MAGIC = Buffer.from('kvorumst');
const HEAD_BYTES = 24;

const format: SlotFormat<string> = { slotBytes: SLOT_BYTES, encode, decode };

export class StateFile {
  readonly #file: TwoSlots<string>;
  /** What the next write takes; a write that is under way has taken its own. */
  #next: string | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  private constructor(file: TwoSlots<string>) {
    this.#file = file;
  }

  /** The text that the file holds; undefined where there is no file. Throws where neither slot can be read, or the disk fails. */
  static read(path: string): string | undefined {
    return newest(path)?.value;
  }

  /** Opens the file for writing, and makes it where there is none. */
  static open(path: string): StateFile {
    const { number } = newest(path) ?? makeSlots(path, format, '');
    return new StateFile(new TwoSlots(path, format, number));
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
    this.#file.close();
  }

  async #put(): Promise<void> {
    const text = this.#next ?? '';
    this.#next = undefined;
    await this.#file.write(text);
  }
}

function newest(path: string): Slot<string> | undefined {
  const found = readSlots(path, format);
  if (found === 'damaged') throw new Error(`"${path}" is damaged`);
  return found === 'missing' ? undefined : found;
}

function encode({ number, value }: Slot<string>): Buffer {
  const content = Buffer.from(value);
  if (HEAD_BYTES + content.length > SLOT_BYTES) throw new Error(`a text of ${content.length} bytes is too long`);
  const bytes = Buffer.alloc(HEAD_BYTES + content.length);
  MAGIC.copy(bytes);
  bytes.writeDoubleLE(number, 8);
  bytes.writeUInt32LE(content.length, 16);
  content.copy(bytes, HEAD_BYTES);
  bytes.writeUInt32LE(checksum(bytes), 20);
  return bytes;
}

function decode(slot: Buffer): Slot<string> | undefined {
  if (slot.length < HEAD_BYTES || !MAGIC.equals(slot.subarray(0, 8))) return undefined;
  const end = HEAD_BYTES + slot.readUInt32LE(16);
  if (end > slot.length || checksum(slot.subarray(0, end)) !== slot.readUInt32LE(20)) return undefined;
  return { number: slot.readDoubleLE(8), value: slot.toString('utf8', HEAD_BYTES, end) };
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(HEAD_BYTES), crc32(bytes.subarray(8, 20)));
}
