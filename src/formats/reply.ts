/**
 * Reply frames (replica to coordinator) and outcome frames (worker to main thread). Little-endian.
 *
 * A reply frame answers the operations of an operation frame in their order, one entry each:
 *
 *   offset  size  field
 *        0     1  reply code (codes.ts)
 *        1     4  bytes that follow (0 where the code is neither `record` nor `large`)
 *        5     .  record; for `large` its header, and how many bytes it has, in 4 bytes
 *
 * An outcome frame starts with the newest version that the worker has seen (float64), so that the main thread's clock
 * moves forward before any client sees the outcome; then per outcome, in any order:
 *
 *   offset  size  field
 *        0     4  tag of the operation
 *        4     1  outcome code (codes.ts)
 *        5     1  acknowledgements
 *        6     1  failures
 *        7     4  value bytes (0 unless the code is `found`)
 *       11     .  value
 */
import { Buffer } from 'node:buffer';
import { KvorumError } from '../diagnostics/errors.ts';
import { outcomeCodes, replyCodes, type OutcomeCode, type ReplyCode } from './codes.ts';
import { RECORD_HEADER_BYTES, type Version } from './record.ts';

export const REPLY_HEADER_BYTES = 5;
/** What announces a large value: the record's header, and how many bytes it has. */
const LARGE_BYTES = RECORD_HEADER_BYTES + 4;
export const OUTCOME_FRAME_HEADER_BYTES = 8;
export const OUTCOME_HEADER_BYTES = 11;

/** One replica's reply to one operation, as a view. */
export interface Reply {
  readonly code: ReplyCode;
  readonly bytes: Buffer;
  readonly offset: number;
  /** Bytes of the record, or of what announces it; 0 unless `code` is `record` or `large`. Both begin with its header. */
  readonly length: number;
}

const noBytes = Buffer.alloc(0);

/** The reply that stands for a replica that could not be asked. */
export const failedReply: Reply = { code: replyCodes.failed, bytes: noBytes, offset: 0, length: 0 };

/** The replies of a frame in order. Throws `corrupt-frame`. */
export function readReplies(bytes: Buffer): Reply[] {
  const replies: Reply[] = [];
  for (let offset = 0; offset < bytes.length;) {
    if (bytes.length - offset < REPLY_HEADER_BYTES) throw corrupt('Reply', offset);
    const code = bytes[offset] as ReplyCode;
    const length = bytes.readUInt32LE(offset + 1);
    const start = offset + REPLY_HEADER_BYTES;
    if (code > replyCodes.large || start + length > bytes.length) throw corrupt('Reply', offset);
    if (code === replyCodes.large && length !== LARGE_BYTES) throw corrupt('Reply', offset);
    if (code === replyCodes.record && length < RECORD_HEADER_BYTES) throw corrupt('Reply', offset);
    replies.push({ code, bytes, offset: start, length });
    offset = start + length;
  }
  return replies;
}

/** How many bytes the record has that a `large` reply announces. */
export function announcedBytes({ bytes, offset }: Reply): number {
  return bytes.readUInt32LE(offset + RECORD_HEADER_BYTES);
}

/** The `large` reply in the place of a `record` reply, which it lets go of. */
export function announcementOf({ bytes, offset, length }: Reply): Reply {
  const announcement = Buffer.alloc(LARGE_BYTES);
  bytes.copy(announcement, 0, offset, offset + RECORD_HEADER_BYTES);
  announcement.writeUInt32LE(length, RECORD_HEADER_BYTES);
  return { code: replyCodes.large, bytes: announcement, offset: 0, length: LARGE_BYTES };
}

interface OutcomeHead {
  readonly tag: number;
  readonly code: OutcomeCode;
  readonly tally: { readonly acks: number; readonly failures: number };
  readonly valueBytes: number;
}

/** What else may stand in the memory of a value that is alone in it: the heads of its record, its reply and its message. */
const OWN_SLACK_BYTES = 512;

/** A growing frame of replies or outcomes; small ones share one allocation, which doubles as it fills. */
export class FrameWriter {
  #bytes: Buffer;
  #length: number;

  constructor(sizeHint: number, headerBytes = 0) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(sizeHint, 64));
    this.#length = headerBytes;
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#length;
  }

  /** Appends a reply without a record. */
  reply(code: ReplyCode): void {
    const offset = this.#reserve(REPLY_HEADER_BYTES);
    this.#bytes[offset] = code;
    this.#bytes.writeUInt32LE(0, offset + 1);
  }

  /** Appends a `large` reply for a record that begins with `header` and has so many bytes. */
  replyLarge(header: Buffer, recordBytes: number): void {
    const offset = this.#reserve(REPLY_HEADER_BYTES + LARGE_BYTES);
    this.#bytes[offset] = replyCodes.large;
    this.#bytes.writeUInt32LE(LARGE_BYTES, offset + 1);
    header.copy(this.#bytes, offset + REPLY_HEADER_BYTES, 0, RECORD_HEADER_BYTES);
    this.#bytes.writeUInt32LE(recordBytes, offset + REPLY_HEADER_BYTES + RECORD_HEADER_BYTES);
  }

  /** Appends a `record` reply with the record's bytes. */
  replyRecord(source: Uint8Array, length: number): void {
    const offset = this.#reserve(REPLY_HEADER_BYTES + length);
    this.#bytes[offset] = replyCodes.record;
    this.#bytes.writeUInt32LE(length, offset + 1);
    this.#bytes.set(source.length === length ? source : source.subarray(0, length), offset + REPLY_HEADER_BYTES);
  }

  /**
   * Appends a `record` reply for a record that owns its memory and has `REPLY_HEADER_BYTES` free before it
   * (`allocateRecord`). Where it is the frame's first, the frame is made around it without a copy.
   */
  replyOwnRecord(record: Buffer): void {
    if (this.#length > 0) return this.replyRecord(record, record.length);
    const start = record.byteOffset - REPLY_HEADER_BYTES;
    this.#bytes = Buffer.from(record.buffer, start, REPLY_HEADER_BYTES + record.length);
    this.#bytes[0] = replyCodes.record;
    this.#bytes.writeUInt32LE(record.length, 1);
    this.#length = this.#bytes.length;
    return undefined;
  }

  /** Appends an outcome; `value` is a view of the value's bytes, for `found` only. */
  outcome(tag: number, code: OutcomeCode, tally: { acks: number; failures: number }, value: Buffer = noBytes): void {
    const offset = this.#reserve(OUTCOME_HEADER_BYTES + value.length);
    this.#writeOutcomeHead(offset, { tag, code, tally, valueBytes: value.length });
    if (value.length > 0) this.#bytes.set(value, offset + OUTCOME_HEADER_BYTES);
  }

  /**
   * Appends the outcome `found` with a value whose memory nobody else uses any more. Where it is the frame's first and
   * fills its memory but for the room before it (as a record's value does in a reply of its own), the frame is made around
   * it without a copy.
   */
  foundOwn(tag: number, tally: { acks: number; failures: number }, value: Buffer): void {
    const start = value.byteOffset - OUTCOME_HEADER_BYTES - OUTCOME_FRAME_HEADER_BYTES;
    const isAlone = value.buffer.byteLength - value.length <= OWN_SLACK_BYTES;
    if (this.#length > OUTCOME_FRAME_HEADER_BYTES || start < 0 || !isAlone) {
      return this.outcome(tag, outcomeCodes.found, tally, value);
    }
    this.#bytes = Buffer.from(value.buffer, start, value.byteOffset + value.length - start);
    this.#length = this.#bytes.length;
    const head = { tag, code: outcomeCodes.found, tally, valueBytes: value.length };
    return this.#writeOutcomeHead(OUTCOME_FRAME_HEADER_BYTES, head);
  }

  #writeOutcomeHead(offset: number, { tag, code, tally, valueBytes }: OutcomeHead): void {
    const bytes = this.#bytes;
    bytes.writeUInt32LE(tag, offset);
    bytes[offset + 4] = code;
    bytes[offset + 5] = tally.acks;
    bytes[offset + 6] = tally.failures;
    bytes.writeUInt32LE(valueBytes, offset + 7);
  }

  /** The frame's bytes; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The frame's bytes with the newest version seen in its header. */
  finishOutcomes(newest: Version): Buffer {
    this.#bytes.writeDoubleLE(newest, 0);
    return this.finish();
  }

  #reserve(size: number): number {
    const offset = this.#length;
    const needed = offset + size;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, offset));
      this.#bytes = grown;
    }
    this.#length = needed;
    return offset;
  }
}

/** Memory for a record that a reply frame can be made around. */
export function allocateRecord(length: number): Buffer {
  return Buffer.allocUnsafeSlow(REPLY_HEADER_BYTES + length).subarray(REPLY_HEADER_BYTES);
}

/** What an outcome frame says of one operation. */
export type OutcomeVisitor = (
  tag: number,
  code: OutcomeCode,
  tally: { readonly acks: number; readonly failures: number },
  value: Buffer,
) => void;

/**
 * Calls `visit` for each outcome of a frame; returns the newest version that the worker has seen. Throws
 * `corrupt-frame`, then with the outcomes before the corrupt one visited.
 */
export function visitOutcomes(bytes: Buffer, visit: OutcomeVisitor): Version {
  if (bytes.length < OUTCOME_FRAME_HEADER_BYTES) throw corrupt('Outcome', 0);
  for (let offset = OUTCOME_FRAME_HEADER_BYTES; offset < bytes.length;) {
    const valueStart = offset + OUTCOME_HEADER_BYTES;
    if (valueStart > bytes.length) throw corrupt('Outcome', offset);
    const valueEnd = valueStart + bytes.readUInt32LE(offset + 7);
    if (valueEnd > bytes.length) throw corrupt('Outcome', offset);
    const tally = { acks: bytes[offset + 5] as number, failures: bytes[offset + 6] as number };
    const code = bytes[offset + 4] as OutcomeCode;
    const value = valueEnd === valueStart ? noBytes : bytes.subarray(valueStart, valueEnd);
    visit(bytes.readUInt32LE(offset), code, tally, value);
    offset = valueEnd;
  }
  return bytes.readDoubleLE(0);
}

function corrupt(what: string, offset: number): KvorumError {
  return new KvorumError('corrupt-frame', `${what} frame entry at byte ${offset} does not parse`);
}
