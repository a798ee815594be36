/**
 * What a node takes from a peer: each entry of a frame is bounded and checked as a client's request is, since a peer may be
 * wrong, of another version or an impostor, and nothing that it sends may end a node.
 *
 * Three things can be wrong with a frame. An impossible length makes all that follows unreadable: the frame is refused as a
 * whole. An entry that contradicts itself or goes past a bound fails alone, and so its reply says. An entry whose record is
 * damaged fails where the record is merged: the store checks the checksum there anyway, in steps for a large value, so it is
 * not computed twice.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { KvorumError } from '../diagnostics/errors.ts';
import {
  acksRequiredOf,
  entryAt,
  flagsOf,
  flagsOfKind,
  keyOf,
  layoutFault,
  replicaCountOf,
  type Entry,
} from './frame.ts';
import { operationKinds, replyCodes, type OperationKind, type ReplyCode } from './codes.ts';
import {
  EXPIRY_BYTES,
  hasSoundHeader,
  headerBytesOf,
  isLargeRecord,
  isTombstone,
  isVersion,
  RECORD_HEADER_BYTES,
} from './record.ts';
import {
  absentFloor,
  announcedBytes,
  announcesRecord,
  holdsRecord,
  readReplies,
  REPLY_HEADER_BYTES,
  supersedingVersion,
  type Reply,
} from './reply.ts';

const MIB = 1024 * 1024;

/** Longest key of any store, bytes: LMDB's own bound. */
export const storedKeyBytesMax = 1978;
/** Longest record of any store, bytes: the most that `valueBytesMax` can be, which may have been more than it is now. */
export const storedRecordBytesMax = RECORD_HEADER_BYTES + EXPIRY_BYTES + 256 * MIB;
/** Most entries of a frame: as many operations as a node can have in flight (`operationsInFlightMax`). */
export const frameEntriesMax = 1_000_000;

/** The bounds of clients' requests. */
export interface EntryBounds {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
}

/**
 * Longest answer to a frame, bytes: 1 MiB of records and one more, then 26 bytes for each further read, which itself takes
 * at least 15 bytes of the frame.
 */
export function batchAnswerBytesMax(frameBytesMax: number): number {
  return 2 * frameBytesMax + 2 * MIB;
}

/** Longest answer to any request, bytes: to a frame, or to a read of a large value. */
export function answerBytesMax(frameBytesMax: number): number {
  return Math.max(batchAnswerBytesMax(frameBytesMax), storedRecordBytesMax + REPLY_HEADER_BYTES);
}

/** A peer's frame: what is to be executed, and by position in the frame why the other entries are not. */
export interface PeerFrame {
  readonly entries: readonly Entry[];
  readonly faults: ReadonlyMap<number, string>;
}

/** Reads a peer's frame. Throws `corrupt-frame` where its entries cannot be told apart, or are too many. */
export function readPeerFrame(bytes: Buffer, bounds: EntryBounds): PeerFrame {
  const entries: Entry[] = [];
  const faults = new Map<number, string>();
  for (let offset = 0, count = 0; offset < bytes.length; count++) {
    if (count === frameEntriesMax) throw new KvorumError('corrupt-frame', `Frame has over ${count} entries`);
    const entry = entryAt(bytes, offset);
    const fault = entryFault(entry, bounds);
    if (fault === undefined) entries.push(entry);
    else faults.set(count, fault);
    offset += entry.length;
  }
  return { entries, faults };
}

/** Why a peer's entry is not executed; undefined where it may be. The checksum of its record is left to the store. */
export function entryFault(entry: Entry, { keyBytesMax, valueBytesMax }: EntryBounds): string | undefined {
  const layout = layoutFault(entry);
  if (layout !== undefined) return layout;
  const keyBytes = entry.keyEnd - entry.keyStart;
  if (keyBytes > keyBytesMax) return `has a key of ${keyBytes} bytes, over ${keyBytesMax}`;
  if (!isAscii(entry) && !isUtf8(keyOf(entry))) return 'has a key that is not UTF-8';
  const acksRequired = acksRequiredOf(entry);
  if (acksRequired === 0 || acksRequired > replicaCountOf(entry)) return 'has an impossible quorum';
  if ((flagsOf(entry) & ~flagsOfKind[entry.kind]) !== 0) return 'has an unknown flag';
  return entry.kind === operationKinds.read ? undefined : recordFault(entry, valueBytesMax);
}

/** Whether a key is ASCII, as most are: looking is cheaper than the view that `isUtf8` needs. */
function isAscii({ bytes, keyStart, keyEnd }: Entry): boolean {
  for (let at = keyStart; at < keyEnd; at++) if ((bytes[at] as number) >= 0x80) return false;
  return true;
}

function recordFault({ bytes, offset, length, keyEnd }: Entry, valueBytesMax: number): string | undefined {
  const recordBytes = offset + length - keyEnd;
  if (!isPossibleRecord(bytes, keyEnd, recordBytes)) return 'has a record with an impossible header';
  const valueBytes = recordBytes - headerBytesOf(bytes, keyEnd);
  if (valueBytes > valueBytesMax) return `has a value of ${valueBytes} bytes, over ${valueBytesMax}`;
  // One that is stored in steps cannot be part of the transaction of others; peers send it alone.
  if (isLargeRecord(recordBytes) && length !== bytes.length) return 'has a large value among other entries';
  return undefined;
}

/** Whether a record's header can be one, and a tombstone has no value. */
function isPossibleRecord(bytes: Buffer, offset: number, recordBytes: number): boolean {
  if (!hasSoundHeader(bytes, offset, recordBytes)) return false;
  return recordBytes === RECORD_HEADER_BYTES || !isTombstone(bytes, offset);
}

/** The replies to all of a frame's entries, out of those to the entries that were executed. */
export function withFailedReplies(replies: Buffer, faults: ReadonlyMap<number, string>): Buffer {
  if (faults.size === 0) return replies;
  const failedReply = Buffer.alloc(REPLY_HEADER_BYTES);
  failedReply[0] = failed;
  const executed = readReplies(replies);
  const pieces: Buffer[] = [];
  for (let next = 0; pieces.length < executed.length + faults.size;) {
    const reply = faults.has(pieces.length) ? undefined : executed[next++];
    if (reply === undefined) pieces.push(failedReply);
    else pieces.push(replies.subarray(reply.offset - REPLY_HEADER_BYTES, reply.offset + reply.length));
  }
  return Buffer.concat(pieces);
}

/**
 * Whether a reply says what a replica can say to an operation of this kind; whatever else it says counts as none. Its
 * record is as long as its store holds: a bound of clients that was lowered hides nothing.
 */
export function isReplyTo(kind: OperationKind, reply: Reply): boolean {
  const { code, bytes, offset, length } = reply;
  if (((codesOfKind[kind] >>> code) & 1) === 0) return false;
  if (code === replyCodes.superseded) return isVersion(supersedingVersion(reply));
  if (code === replyCodes.absent) return isVersion(absentFloor(reply));
  if (holdsRecord(code)) return isPossibleRecord(bytes, offset, length);
  if (!announcesRecord(code)) return true;
  const recordBytes = announcedBytes(reply);
  return recordBytes <= storedRecordBytesMax && isPossibleRecord(bytes, offset, recordBytes);
}

const { absent, record, large, damaged, recovering, recoveringRecord, recoveringLarge } = replyCodes;
const { applied, superseded, full, failed, refusedClock } = replyCodes;

/** What a replica can say to each kind of operation, a bit for each code. */
const codesOfKind: Readonly<Record<OperationKind, number>> = {
  [operationKinds.read]: bitsOf([
    absent,
    record,
    large,
    damaged,
    recovering,
    recoveringRecord,
    recoveringLarge,
    failed,
  ]),
  [operationKinds.write]: bitsOf([applied, superseded, full, failed, refusedClock, damaged]),
};

function bitsOf(codes: readonly ReplyCode[]): number {
  return codes.reduce<number>((bits, code) => bits | (1 << code), 0);
}
