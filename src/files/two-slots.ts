/**
 * A small value that survives whatever happens while it is replaced: a file of two slots that are written in turns, each with a
 * number and a checksum; the whole slot with the greater number counts. The file has all of its bytes from the beginning, so
 * replacing the value needs no room on the disk and is one flush. What stands in a slot says the user (`SlotFormat`).
 */
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { codeOf } from '../diagnostics/errors.ts';
import { putFile, syncData, writeBeside } from './durable.ts';

export interface SlotFormat<Value> {
  /** At least so far apart that no write to the disk touches both. */
  readonly slotBytes: number;
  readonly encode: (slot: Slot<Value>) => Buffer;
  /** Undefined where the slot is not whole. */
  readonly decode: (bytes: Buffer) => Slot<Value> | undefined;
}

export interface Slot<Value> {
  /** How often the file was written. */
  readonly number: number;
  readonly value: Value;
}

/** What was written last and whole; `missing`: there is no file, `damaged`: neither slot is whole. Throws where the disk fails. */
export function readSlots<Value>(
  path: string,
  { slotBytes, decode }: SlotFormat<Value>,
): Slot<Value> | 'missing' | 'damaged' {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'missing';
    throw error;
  }
  const [one, other] = [decode(bytes.subarray(0, slotBytes)), decode(bytes.subarray(slotBytes, 2 * slotBytes))];
  if (one === undefined || other === undefined) return one ?? other ?? 'damaged';
  return one.number > other.number ? one : other;
}

/** Makes a file that holds a value: after a crash there is none or a whole one. */
export function makeSlots<Value>(path: string, { slotBytes, encode }: SlotFormat<Value>, value: Value): Slot<Value> {
  const first = { number: 0, value };
  const bytes = Buffer.alloc(2 * slotBytes);
  bytes.set(encode(first));
  putFile(path, bytes);
  return first;
}

/** A file that is open for writing; one write at a time, which is its user's to keep. */
export class TwoSlots<Value> {
  readonly #format: SlotFormat<Value>;
  /** Undefined when it is closed: the system gives the number to other files then. */
  #descriptor: number | undefined;
  #number: number;

  /** Takes up a file that is there; `number` is that of its newest slot. */
  constructor(path: string, format: SlotFormat<Value>, number: number) {
    this.#format = format;
    this.#descriptor = openSync(path, 'r+');
    this.#number = number;
  }

  /** Resolves when the value is on the disk; rejects where the disk fails. */
  async write(value: Value): Promise<void> {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) throw new Error('the file is closed');
    const number = this.#number + 1;
    const bytes = this.#format.encode({ number, value });
    await writeBeside(descriptor, bytes, (number % 2) * this.#format.slotBytes);
    await syncData(descriptor);
    // Only now: after a write that failed the next one goes to the same slot, and the other stays whole.
    this.#number = number;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
