/**
 * Reply frames (replica to coordinator) and outcome frames (worker to main thread). Little-endian.
 *
 * A reply frame answers the operations of an operation frame in their order, one entry each:
 *
 *   offset  size  field
 *        0     1  reply code (codes.ts)
 *        1     4  bytes that follow
 *        5     .  for `record` and `recoveringRecord` the record; for `large` and `recoveringLarge` its header, with the
 *                 expiry of one that expires, and how many bytes it has, in 4 bytes; for `superseded` the newest version
 *                 here (float64) and the id of the node that stamped it (4 bytes); for `absent` nothing, or below which version
 *                 (float64) what is missing was deleted; nothing for all other codes
 *
 * An outcome frame starts with the newest version that the worker has seen (float64), so that the main thread's clock
 * moves forward before any client sees the outcome; then per outcome, in any order:
 *
 *   offset  size  field
 *        0     4  tag of the operation
 *        4     1  outcome code (codes.ts)
 *        5     1  acknowledgements
 *        6     1  failures
 *        7     4  bytes that follow
 *       11     .  for `found` the version of the record (float64), when it expires (float64, milliseconds since 1970; 0 where it does
 *                 not) and its value; for `announced` the same with the length of the value (4 bytes) in its place; where replicas kept the operation from its quorum why each of them did (faults.ts);
 *                 nothing for all other codes
 */
import { Buffer } from 'node:buffer';
import { KvorumError } from '../diagnostics/errors.ts';
import { isShortfall, outcomeCodes, replyCodeMax, replyCodes, type OutcomeCode, type ReplyCode } from './codes.ts';
import {
  headerBytesOf,
  readExpiry,
  readVersion,
  RECORD_HEADER_BYTES,
  type NodeId,
  type RecordView,
  type Version,
} from './record.ts';

export const REPLY_HEADER_BYTES = 5;
/** What an announcement has behind the record's header: how many bytes the record has. */
const LENGTH_BYTES = 4;
/** What may follow `absent`: a version. */
const FLOOR_BYTES = 8;
/** What stands in the way of a write: a version and a node id. */
const SUPERSEDED_BYTES = 12;
export const OUTCOME_FRAME_HEADER_BYTES = 8;
export const OUTCOME_HEADER_BYTES = 11;
/** What `announced` has in the place of a value: how many bytes it has. */
const VALUE_LENGTH_BYTES = 4;
/** What stands between such a head and a value: its version, and when it expires. */
export const FOUND_HEAD_BYTES = 16;
/** Room to leave before a reply, so that an outcome frame can be made around the value of its record (`foundOwn`). */
export const REPLY_ROOM_BYTES =
  OUTCOME_FRAME_HEADER_BYTES + OUTCOME_HEADER_BYTES + FOUND_HEAD_BYTES - REPLY_HEADER_BYTES - RECORD_HEADER_BYTES;

/** One replica's reply to one operation, as a view. */
export interface Reply {
  readonly code: ReplyCode;
  readonly bytes: Buffer;
  readonly offset: number;
  /** Bytes of the record, or of what announces it, both of which begin with its header (`tellsRecord`); or of what else follows. */
  readonly length: number;
}

const noBytes = Buffer.alloc(0);

/** The reply that stands for a replica that could not be asked. */
export const failedReply: Reply = { code: replyCodes.failed, bytes: noBytes, offset: 0, length: 0 };

/** The reply of a replica that found what it has under a key damaged. */
export const damagedReply: Reply = { code: replyCodes.damaged, bytes: noBytes, offset: 0, length: 0 };

/** The replies of a frame in order. Throws `corrupt-frame`. */
export function readReplies(bytes: Buffer): Reply[] {
  const replies: Reply[] = [];
  for (let offset = 0; offset < bytes.length;) {
    if (bytes.length - offset < REPLY_HEADER_BYTES) throw corrupt('Reply', offset);
    const code = bytes[offset] as ReplyCode;
    const length = bytes.readUInt32LE(offset + 1);
    const start = offset + REPLY_HEADER_BYTES;
    const reply = { code, bytes, offset: start, length };
    if (code > replyCodeMax || start + length > bytes.length || !hasPossibleLength(reply)) {
      throw corrupt('Reply', offset);
    }
    replies.push(reply);
    offset = start + length;
  }
  return replies;
}

function hasPossibleLength({ code, bytes, offset, length }: Reply): boolean {
  if (holdsRecord(code)) return length >= RECORD_HEADER_BYTES;
  if (code === replyCodes.absent) return length === 0 || length === FLOOR_BYTES;
  if (announcesRecord(code)) {
    return length > RECORD_HEADER_BYTES && length === headerBytesOf(bytes, offset) + LENGTH_BYTES;
  }
  return length === (code === replyCodes.superseded ? SUPERSEDED_BYTES : 0);
}

/** Whether a reply of this code brings a record. */
export function holdsRecord(code: ReplyCode): boolean {
  return code === replyCodes.record || code === replyCodes.recoveringRecord;
}

/** Whether a reply of this code brings the header of a record that is asked for by itself. */
export function announcesRecord(code: ReplyCode): boolean {
  return code === replyCodes.large || code === replyCodes.recoveringLarge;
}

/** Whether a reply tells of a record: it brings it, or announces it. */
export function tellsRecord({ code }: Reply): boolean {
  return holdsRecord(code) || announcesRecord(code);
}

/** Below which version what an `absent` reply lacks was deleted; 0 where it does not say, and of other replies. */
export function absentFloor({ code, bytes, offset, length }: Reply): Version {
  return code === replyCodes.absent && length === FLOOR_BYTES ? bytes.readDoubleLE(offset) : 0;
}

/** The version that stands in the way of a write, of a `superseded` reply. */
export function supersedingVersion({ bytes, offset }: Reply): Version {
  return bytes.readDoubleLE(offset);
}

/** Which node stamped that version. */
export function supersedingNode({ bytes, offset }: Reply): NodeId {
  return bytes.readUInt32LE(offset + 8);
}

/** How many bytes the record has that a `large` reply announces. */
export function announcedBytes({ bytes, offset }: Reply): number {
  return bytes.readUInt32LE(offset + headerBytesOf(bytes, offset));
}

/** The announcement in the place of a reply with a record, which it lets go of. */
export function announcementOf({ code, bytes, offset, length }: Reply): Reply {
  const headerBytes = headerBytesOf(bytes, offset);
  const announcement = Buffer.alloc(headerBytes + LENGTH_BYTES);
  bytes.copy(announcement, 0, offset, offset + headerBytes);
  announcement.writeUInt32LE(length, headerBytes);
  const announcing = code === replyCodes.record ? replyCodes.large : replyCodes.recoveringLarge;
  return { code: announcing, bytes: announcement, offset: 0, length: announcement.length };
}

/** The codes of replies that bring a record, and of those that announce one. */
export type RecordCode = typeof replyCodes.record | typeof replyCodes.recoveringRecord;
export type AnnouncingCode = typeof replyCodes.large | typeof replyCodes.recoveringLarge;

interface OutcomeHead {
  readonly tag: number;
  readonly code: OutcomeCode;
  readonly tally: { readonly acks: number; readonly failures: number };
  /** Set for `found` and `announced` only. */
  readonly record: RecordView | undefined;
  /** Bytes that follow: version, expiry, and what comes behind them. */
  readonly follow: number;
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

  /** Appends an `absent` reply: what is older than `floor` was deleted; 0 where nobody knows. */
  replyAbsent(floor: Version): void {
    if (floor === 0) return this.reply(replyCodes.absent);
    const offset = this.#reserve(REPLY_HEADER_BYTES + FLOOR_BYTES);
    this.#bytes[offset] = replyCodes.absent;
    this.#bytes.writeUInt32LE(FLOOR_BYTES, offset + 1);
    this.#bytes.writeDoubleLE(floor, offset + REPLY_HEADER_BYTES);
    return undefined;
  }

  /** Appends a `superseded` reply: this version of that node is the newest. */
  replySuperseded(version: Version, nodeId: NodeId): void {
    const offset = this.#reserve(REPLY_HEADER_BYTES + SUPERSEDED_BYTES);
    this.#bytes[offset] = replyCodes.superseded;
    this.#bytes.writeUInt32LE(SUPERSEDED_BYTES, offset + 1);
    this.#bytes.writeDoubleLE(version, offset + REPLY_HEADER_BYTES);
    this.#bytes.writeUInt32LE(nodeId, offset + REPLY_HEADER_BYTES + 8);
  }

  /** Appends the announcement of a record that begins with `header` and has so many bytes. */
  replyLarge(header: Buffer, recordBytes: number, code: AnnouncingCode = replyCodes.large): void {
    const headerBytes = headerBytesOf(header, 0);
    const offset = this.#reserve(REPLY_HEADER_BYTES + headerBytes + LENGTH_BYTES);
    this.#bytes[offset] = code;
    this.#bytes.writeUInt32LE(headerBytes + LENGTH_BYTES, offset + 1);
    header.copy(this.#bytes, offset + REPLY_HEADER_BYTES, 0, headerBytes);
    this.#bytes.writeUInt32LE(recordBytes, offset + REPLY_HEADER_BYTES + headerBytes);
  }

  /** Appends a reply with the record's bytes. */
  replyRecord(source: Uint8Array, length: number, code: RecordCode = replyCodes.record): void {
    const offset = this.#reserve(REPLY_HEADER_BYTES + length);
    this.#bytes[offset] = code;
    this.#bytes.writeUInt32LE(length, offset + 1);
    this.#bytes.set(source.length === length ? source : source.subarray(0, length), offset + REPLY_HEADER_BYTES);
  }

  /**
   * Appends a reply with a record that owns its memory and has `REPLY_HEADER_BYTES` free before it (`allocateRecord`).
   * Where it is the frame's first, the frame is made around it without a copy.
   */
  replyOwnRecord(record: Buffer, code: RecordCode = replyCodes.record): void {
    if (this.#length > 0) return this.replyRecord(record, record.length, code);
    const start = record.byteOffset - REPLY_HEADER_BYTES;
    this.#bytes = Buffer.from(record.buffer, start, REPLY_HEADER_BYTES + record.length);
    this.#bytes[0] = code;
    this.#bytes.writeUInt32LE(record.length, 1);
    this.#length = this.#bytes.length;
    return undefined;
  }

  /** Appends an outcome other than `found`; `faults`: why replicas kept it from its quorum. */
  outcome(tag: number, code: OutcomeCode, tally: { acks: number; failures: number }, faults: Buffer = noBytes): void {
    const at = this.#reserve(OUTCOME_HEADER_BYTES + faults.length);
    this.#writeOutcomeHead(at, { tag, code, tally, record: undefined, follow: faults.length });
    if (faults.length === 0) return;
    this.#bytes.set(faults, at + OUTCOME_HEADER_BYTES);
  }

  /** Appends the outcome `found` with the version, the expiry and the value of a record. */
  found(tag: number, tally: { acks: number; failures: number }, record: RecordView): void {
    const { bytes, offset, length } = record;
    const follow = foundBytes(record);
    const at = this.#reserve(OUTCOME_HEADER_BYTES + follow);
    this.#writeOutcomeHead(at, { tag, code: outcomeCodes.found, tally, record, follow });
    const valueAt = at + OUTCOME_HEADER_BYTES + FOUND_HEAD_BYTES;
    this.#bytes.set(bytes.subarray(offset + headerBytesOf(bytes, offset), offset + length), valueAt);
  }

  /**
   * Appends the outcome `found` of a record whose memory nobody else uses any more. Where it is the frame's first and the
   * record fills its memory but for the room before it (as one does in a reply of its own), the frame is made around its
   * value without a copy.
   */
  foundOwn(tag: number, tally: { acks: number; failures: number }, record: RecordView): void {
    const { buffer, byteOffset } = record.bytes;
    const valueStart = byteOffset + record.offset + headerBytesOf(record.bytes, record.offset);
    const start = valueStart - FOUND_HEAD_BYTES - OUTCOME_HEADER_BYTES - OUTCOME_FRAME_HEADER_BYTES;
    const end = byteOffset + record.offset + record.length;
    const isAlone = buffer.byteLength - (end - valueStart) <= OWN_SLACK_BYTES;
    if (this.#length > OUTCOME_FRAME_HEADER_BYTES || start < 0 || !isAlone) return this.found(tag, tally, record);
    this.#bytes = Buffer.from(buffer, start, end - start);
    this.#length = this.#bytes.length;
    const head = { tag, code: outcomeCodes.found, tally, record, follow: foundBytes(record) };
    return this.#writeOutcomeHead(OUTCOME_FRAME_HEADER_BYTES, head);
  }

  /** Appends the outcome `announced` of what a reply announces: version, expiry and length of its value. */
  announced(tag: number, tally: { acks: number; failures: number }, announcement: Reply): void {
    const follow = FOUND_HEAD_BYTES + VALUE_LENGTH_BYTES;
    const at = this.#reserve(OUTCOME_HEADER_BYTES + follow);
    this.#writeOutcomeHead(at, { tag, code: outcomeCodes.announced, tally, record: announcement, follow });
    const valueBytes = announcedBytes(announcement) - headerBytesOf(announcement.bytes, announcement.offset);
    this.#bytes.writeUInt32LE(valueBytes, at + OUTCOME_HEADER_BYTES + FOUND_HEAD_BYTES);
  }

  /** The record's header may stand where this writes. */
  #writeOutcomeHead(offset: number, { tag, code, tally, record, follow }: OutcomeHead): void {
    const bytes = this.#bytes;
    if (record !== undefined) {
      const version = readVersion(record.bytes, record.offset);
      const expiresAt = readExpiry(record.bytes, record.offset);
      bytes.writeDoubleLE(version, offset + OUTCOME_HEADER_BYTES);
      bytes.writeDoubleLE(expiresAt, offset + OUTCOME_HEADER_BYTES + 8);
    }
    bytes.writeUInt32LE(tag, offset);
    bytes[offset + 4] = code;
    bytes[offset + 5] = tally.acks;
    bytes[offset + 6] = tally.failures;
    bytes.writeUInt32LE(follow, offset + 7);
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

function foundBytes({ bytes, offset, length }: RecordView): number {
  return FOUND_HEAD_BYTES + length - headerBytesOf(bytes, offset);
}

/** Memory for a reply frame of so many bytes, with room before it for an outcome frame's head. */
export function allocateReply(length: number): Buffer {
  return Buffer.allocUnsafeSlow(REPLY_ROOM_BYTES + length).subarray(REPLY_ROOM_BYTES);
}

/** Memory for a record that a reply frame can be made around. */
export function allocateRecord(length: number): Buffer {
  return allocateReply(REPLY_HEADER_BYTES + length).subarray(REPLY_HEADER_BYTES);
}

/**
 * What an outcome frame says of one operation; `version` of the record that was found and when that expires, milliseconds since
 * 1970, 0 if none was or it does not. `value` is that record's, the length of one that is `announced`, or why replicas kept the
 * operation from its quorum (`readFaults`).
 */
export type OutcomeVisitor = (
  tag: number,
  code: OutcomeCode,
  tally: { readonly acks: number; readonly failures: number },
  value: Buffer,
  version: Version,
  expiresAt: number,
) => void;

/**
 * Calls `visit` for each outcome of a frame; returns the newest version that the worker has seen. Throws
 * `corrupt-frame`, then with the outcomes before the corrupt one visited.
 */
export function visitOutcomes(bytes: Buffer, visit: OutcomeVisitor): Version {
  if (bytes.length < OUTCOME_FRAME_HEADER_BYTES) throw corrupt('Outcome', 0);
  for (let offset = OUTCOME_FRAME_HEADER_BYTES; offset < bytes.length;) {
    const start = offset + OUTCOME_HEADER_BYTES;
    if (start > bytes.length) throw corrupt('Outcome', offset);
    const end = start + bytes.readUInt32LE(offset + 7);
    const code = bytes[offset + 4] as OutcomeCode;
    const isFound = code === outcomeCodes.found || code === outcomeCodes.announced;
    if (end > bytes.length || !isPossibleLength(code, end - start)) throw corrupt('Outcome', offset);
    const tally = { acks: bytes[offset + 5] as number, failures: bytes[offset + 6] as number };
    const value = end === start ? noBytes : bytes.subarray(isFound ? start + FOUND_HEAD_BYTES : start, end);
    const version = isFound ? bytes.readDoubleLE(start) : 0;
    const expiresAt = isFound ? bytes.readDoubleLE(start + 8) : 0;
    visit(bytes.readUInt32LE(offset), code, tally, value, version, expiresAt);
    offset = end;
  }
  return bytes.readDoubleLE(0);
}

/** Whether so many bytes may follow the head of an outcome. */
function isPossibleLength(code: OutcomeCode, bytes: number): boolean {
  if (code === outcomeCodes.found) return bytes >= FOUND_HEAD_BYTES;
  if (code === outcomeCodes.announced) return bytes === FOUND_HEAD_BYTES + VALUE_LENGTH_BYTES;
  return bytes === 0 || isShortfall(code);
}

function corrupt(what: string, offset: number): KvorumError {
  return new KvorumError('corrupt-frame', `${what} frame entry at byte ${offset} does not parse`);
}
