/**
 * Request bodies in memory, bounded together: by the bytes that have come, not by those that were announced. A client that
 * announces 16 MiB and sends one byte holds one byte; its memory is reserved, but no page of it is touched before.
 */
import type { Buffer } from 'node:buffer';
import { largeFrame } from '../dispatch/dispatcher.ts';
import { largeValueBytes } from '../formats/record.ts';
import type { BodyRoom } from './request.ts';

/** Who holds body bytes. */
export interface BodyHolder {
  bodyBytes: number;
}

export class BodyBytes {
  readonly #bytesMax: number;
  #inFlight = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get isFull(): boolean {
    return this.#inFlight >= this.#bytesMax;
  }

  /** The holder has `bytes` now, more than before; false, and nothing changes, where there is no room for them. */
  hold(holder: BodyHolder, bytes: number): boolean {
    const inFlight = this.#inFlight + bytes - holder.bodyBytes;
    if (inFlight > this.#bytesMax) return false;
    this.#inFlight = inFlight;
    holder.bodyBytes = bytes;
    return true;
  }

  release(holder: BodyHolder): void {
    this.#inFlight -= holder.bodyBytes;
    holder.bodyBytes = 0;
  }
}

/** What of an entry stands before its value, bytes. */
export interface EntryRoom {
  readonly keyBytes: number;
  readonly expiryBytes: number;
}

/** Where the value of one PUT is collected: a large one straight in the frame that carries it on. */
export class ValueRoom implements BodyRoom {
  readonly above: number;
  /** Of a large value. */
  frame: Buffer | undefined;
  readonly #bytes: BodyBytes;
  readonly #holder: BodyHolder;
  readonly #entry: EntryRoom;

  constructor(bytes: BodyBytes, holder: BodyHolder, entry: EntryRoom) {
    this.#bytes = bytes;
    this.#holder = holder;
    this.#entry = entry;
    this.above = largeValueBytes - entry.expiryBytes;
  }

  allocate(bytes: number): Buffer {
    const { bytes: frame, value } = largeFrame(this.#entry.keyBytes, bytes, this.#entry.expiryBytes);
    this.frame = frame;
    return value;
  }

  hold(bytes: number): boolean {
    return this.#bytes.hold(this.#holder, this.#holder.bodyBytes + bytes);
  }
}
