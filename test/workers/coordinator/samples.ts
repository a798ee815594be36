/** Frames, replies and outcomes for the coordinator's tests. All records are of one key. */
import { Buffer } from 'node:buffer';
import { operationKinds, replyCodes, type OutcomeCode } from '../../../src/formats/codes.ts';
import {
  allocateFrame,
  entryBytes,
  entryFlags,
  readEntries,
  valueOffset,
  writeRead,
  writeWrite,
  type Quorum,
} from '../../../src/formats/frame.ts';
import {
  EXPIRY_BYTES,
  readVersion,
  RECORD_HEADER_BYTES,
  recordKinds,
  sealRecord,
  type RecordKind,
} from '../../../src/formats/record.ts';
import { FrameWriter, readReplies, visitOutcomes, type Reply } from '../../../src/formats/reply.ts';
import { PendingFrame, type FrameRules } from '../../../workers/coordinator/pending-frame.ts';

export const key = Buffer.from('key');
const firstVersion = 1_000_000;

export function plainReply(code: Reply['code']): Reply {
  return { code, bytes: Buffer.alloc(0), offset: 0, length: 0 };
}

export const applied = plainReply(replyCodes.applied);
export const absent = plainReply(replyCodes.absent);
export const full = plainReply(replyCodes.full);

/** The reply with the record of a version, from 1. */
export function recordOf(version: number, value = `value ${version}`): Reply {
  return sealed(version, value, recordKinds.value);
}

export function tombstoneOf(version: number): Reply {
  return sealed(version, '', recordKinds.tombstone);
}

/** The record of a version that expires, milliseconds since 1970. */
export function expiringOf(version: number, expiresAt: number): Reply {
  const expiry = Buffer.alloc(EXPIRY_BYTES);
  expiry.writeDoubleLE(expiresAt);
  return sealed(version, `${expiry.toString('latin1')}value ${version}`, recordKinds.expiring);
}

function sealed(version: number, value: string, kind: RecordKind): Reply {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + value.length);
  bytes.write(value, RECORD_HEADER_BYTES, 'latin1');
  sealRecord(bytes, 0, value.length, key, { version: firstVersion + version, nodeId: 1, kind });
  return { code: replyCodes.record, bytes, offset: 0, length: bytes.length };
}

/** The reply of a replica that has nothing, and knows that whatever was older than a version was deleted. */
export function absentBelow(version: number): Reply {
  const writer = new FrameWriter(0);
  writer.replyAbsent(firstVersion + version);
  return readReplies(writer.finish())[0] as Reply;
}

/** The reply to a write that something of this version stands in the way of. */
export function superseded(version: number): Reply {
  const writer = new FrameWriter(0);
  writer.replySuperseded(firstVersion + version, 1);
  return readReplies(writer.finish())[0] as Reply;
}

/** The reply that announces the record of a version, with so many bytes. */
export function announced(version: number, recordBytes: number, record = recordOf(version)): Reply {
  const writer = new FrameWriter(0);
  writer.replyLarge(record.bytes, recordBytes);
  return readReplies(writer.finish())[0] as Reply;
}

/** The version of a reply's record as `recordOf` counts; 0 where it has none. */
export function versionOf({ code, bytes, offset }: Reply): number {
  const tellsRecord = code === replyCodes.record || code === replyCodes.large;
  return tellsRecord ? readVersion(bytes, offset) - firstVersion : 0;
}

/** A frame of `reads` reads and then `writes` writes, with tags from 0. */
export function frameBytes(reads: number, writes: number, quorum: Quorum, value = Buffer.from('v')): Buffer {
  const bytes = allocateFrame(
    reads * entryBytes(key.length, undefined) + writes * entryBytes(key.length, value.length),
  );
  let end = 0;
  for (let tag = 0; tag < reads; tag++) end = writeRead(bytes, end, { tag, kind: operationKinds.read, quorum }, key);
  for (let tag = reads; tag < reads + writes; tag++) {
    value.copy(bytes, valueOffset(end, key.length));
    const record = { stamp: { version: firstVersion, nodeId: 1, kind: 0 }, valueBytes: value.length } as const;
    end = writeWrite(bytes, end, { tag, kind: operationKinds.write, quorum }, key, record);
  }
  return bytes;
}

/** A frame of one read that may do without a large value. */
export function headOnlyFrame(quorum: Quorum): Buffer {
  const bytes = allocateFrame(entryBytes(key.length, undefined));
  writeRead(bytes, 0, { tag: 0, kind: operationKinds.read, quorum, flags: entryFlags.headOnly }, key);
  return bytes;
}

/** Accepts every record up to a version. */
export function versionsUpTo(newest: number): FrameRules['versions'] {
  return { newest, seeRecord: (bytes, offset) => readVersion(bytes, offset) - firstVersion <= newest };
}

/** A frame for the decisions to be tested on; its deadline is at 1000. */
export function pendingFrame(bytes: Buffer, rules: Partial<FrameRules> = {}): PendingFrame {
  const versions = versionsUpTo(100);
  return new PendingFrame(readEntries(bytes), {
    deadlineAt: 1000,
    wallMs: () => 0,
    versions,
    readRepair: 'background',
    self: 0,
    inTurn: undefined,
    ...rules,
  });
}

export interface Settled {
  readonly tag: number;
  readonly code: OutcomeCode;
  readonly value: string;
}

/** The outcomes of a frame of them. */
export function outcomesIn(bytes: Buffer | undefined): Settled[] {
  const settled: Settled[] = [];
  if (bytes === undefined) return settled;
  visitOutcomes(bytes, (tag, code, _tally, value) => settled.push({ tag, code, value: value.toString() }));
  return settled;
}
