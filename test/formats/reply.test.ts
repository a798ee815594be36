/** Reply and outcome frames: whatever goes in comes out, and bytes that are neither never read past their end. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import { isShortfall, outcomeCodes, replyCodeMax, replyCodes, type OutcomeCode } from '../../src/formats/codes.ts';
import { EXPIRY_BYTES, headerBytesOf, RECORD_HEADER_BYTES, recordKinds, sealRecord } from '../../src/formats/record.ts';
import {
  allocateRecord,
  allocateReply,
  failedReply,
  FOUND_HEAD_BYTES,
  FrameWriter,
  announcementOf,
  announcedBytes,
  OUTCOME_FRAME_HEADER_BYTES,
  OUTCOME_HEADER_BYTES,
  readReplies,
  REPLY_HEADER_BYTES,
  supersedingNode,
  supersedingVersion,
  tellsRecord,
  visitOutcomes,
  type Reply,
} from '../../src/formats/reply.ts';
import {
  anyExpiry,
  anyKey,
  anyStamp,
  anyUint32,
  anyValue,
  bytesOf,
  makeExpiring,
  makeRecord,
  mangled,
  plain,
  recordBytes,
} from './arbitraries.ts';

const anyRecordBytes = fc.tuple(anyKey, anyStamp, anyValue).map((parts) => recordBytes(makeRecord(...parts)));

const noValue = Buffer.alloc(0);
const plainCodes = [
  replyCodes.absent,
  replyCodes.applied,
  replyCodes.failed,
  replyCodes.full,
  replyCodes.damaged,
  replyCodes.recovering,
  replyCodes.refusedClock,
] as const;
const anyReply = fc.oneof(
  fc.record({ code: fc.constantFrom(...plainCodes), record: fc.constant(undefined) }, plain),
  fc.record({ code: fc.constantFrom(replyCodes.record, replyCodes.recoveringRecord), record: anyRecordBytes }, plain),
);
type SampleReply = typeof anyReply extends fc.Arbitrary<infer Sample> ? Sample : never;

const anyOutcome = fc
  .record(
    {
      tag: anyUint32,
      code: fc.constantFrom(...Object.values(outcomeCodes).filter((code) => code !== outcomeCodes.announced)),
      tally: fc.record({ acks: fc.integer({ min: 0, max: 64 }), failures: fc.integer({ min: 0, max: 64 }) }, plain),
      value: anyValue,
      version: fc.maxSafeNat(),
      expiresAt: fc.constantFrom(0, 1_700_000_000_000),
    },
    plain,
  )
  .map((outcome) => {
    const isFound = outcome.code === outcomeCodes.found;
    return isFound ? outcome : { ...outcome, value: wordsOf(outcome), version: 0, expiresAt: 0 };
  });
/** Only an outcome that missed its quorum has bytes for why. */
function wordsOf({ code, value }: SampleOutcome): Buffer {
  return isShortfall(code) ? value : noValue;
}
interface SampleOutcome {
  readonly tag: number;
  readonly code: OutcomeCode;
  readonly tally: { readonly acks: number; readonly failures: number };
  readonly value: Buffer;
  readonly version: number;
  readonly expiresAt: number;
}

test('a frame of any replies reads back as the same replies in the same order', () => {
  fc.assert(
    fc.property(fc.array(anyReply, { maxLength: 12 }), fc.nat(4096), (replies, sizeHint) => {
      const read = readReplies(encodeReplies(replies, sizeHint));
      assert.deepEqual(read.map(sampleOf), replies);
    }),
  );
});

test('what supersedes a write is told between others', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), anyUint32, fc.nat(64), (version, nodeId, sizeHint) => {
      const writer = new FrameWriter(sizeHint);
      writer.reply(replyCodes.applied);
      writer.replySuperseded(version, nodeId);
      writer.reply(replyCodes.applied);
      const replies = readReplies(writer.finish());
      assert.deepEqual(
        replies.map(({ code }) => code),
        [replyCodes.applied, replyCodes.superseded, replyCodes.applied],
      );
      const told = replies[1] as Reply;
      assert.deepEqual([supersedingVersion(told), supersedingNode(told)], [version, nodeId]);
    }),
  );
});

test('a record reply takes only the given length of a longer source', () => {
  const writer = new FrameWriter(0);
  writer.replyRecord(Buffer.alloc(100, 0x61), RECORD_HEADER_BYTES);
  const [reply] = readReplies(writer.finish());
  assert.deepEqual(reply && sampleOf(reply).record, Buffer.alloc(RECORD_HEADER_BYTES, 0x61));
});

test('a large record is announced with its header and its size, between others', () => {
  const headers = anyHeaded(RECORD_HEADER_BYTES + 9);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.nat(64), headers, (announced, sizeHint, record) => {
      const writer = new FrameWriter(sizeHint);
      writer.reply(replyCodes.absent);
      writer.replyLarge(record, announced);
      writer.reply(replyCodes.absent);
      const replies = readReplies(writer.finish());
      assert.deepEqual(
        replies.map(({ code }) => code),
        [replyCodes.absent, replyCodes.large, replyCodes.absent],
      );
      const { bytes, offset } = replies[1] as Reply;
      assert.equal(announcedBytes(replies[1] as Reply), announced);
      const headerBytes = headerBytesOf(record, 0);
      assert.deepEqual(bytes.subarray(offset, offset + headerBytes), record.subarray(0, headerBytes));
    }),
  );
});

test('a record reply can be reduced to what announces it', () => {
  fc.assert(
    fc.property(anyHeaded(100), (record) => {
      const writer = new FrameWriter(0);
      writer.reply(replyCodes.absent);
      writer.replyRecord(record, record.length);
      const announcement = announcementOf(readReplies(writer.finish())[1] as Reply);
      const [announced] = readReplies(
        Buffer.concat([Buffer.from([announcement.code, announcement.length, 0, 0, 0]), announcement.bytes]),
      );
      assert.deepEqual({ ...announced, bytes: announcement.bytes, offset: 0 }, announcement);
      assert.equal(announcedBytes(announcement), record.length);
      const headerBytes = headerBytesOf(record, 0);
      assert.deepEqual(announcement.bytes.subarray(0, headerBytes), record.subarray(0, headerBytes));
    }),
  );
});

test('an outcome is the same with a record of its own memory and with a copied one, wherever it stands', () => {
  const anyRecord = fc.tuple(bytesOf(0, 2000), fc.maxSafeNat(), fc.option(anyExpiry, { nil: 0 }));
  const placed = fc.tuple(anyRecord, fc.nat(40), fc.nat(600), fc.boolean());
  fc.assert(
    fc.property(placed, ([[value, version, expiresAt], before, behind, isFirst]) => {
      const written = [true, false].map((isOwn) => {
        const sealed = expiresAt === 0 ? recordOf(value, version) : expiringOf(value, version, expiresAt);
        const { length } = sealed;
        const memory = Buffer.allocUnsafeSlow(before + length + behind);
        sealed.copy(memory, before);
        const record = { bytes: memory.subarray(before >> 1), offset: before - (before >> 1), length };
        const writer = new FrameWriter(0, OUTCOME_FRAME_HEADER_BYTES);
        if (!isFirst) writer.outcome(1, outcomeCodes.missing, { acks: 1, failures: 0 });
        if (isOwn) writer.foundOwn(7, { acks: 2, failures: 1 }, record);
        else writer.found(7, { acks: 2, failures: 1 }, record);
        writer.outcome(9, outcomeCodes.written, { acks: 3, failures: 0 });
        return writer.finishOutcomes(5);
      });
      assert.deepEqual(written[0], written[1]);
      const [found] = decodeOutcomes(written[0] as Buffer).outcomes.filter(({ tag }) => tag === 7);
      assert.deepEqual([found?.value, found?.version, found?.expiresAt], [value, version, expiresAt]);
    }),
  );
});

test('an outcome frame is made around the value of a record that stands alone in a reply', () => {
  const own = allocateRecord(100_000);
  recordOf(Buffer.alloc(own.length - RECORD_HEADER_BYTES), 9).copy(own);
  const reply = new FrameWriter(0);
  reply.replyOwnRecord(own);
  const received = allocateReply(reply.length);
  received.set(reply.finish());
  for (const frame of [reply.finish(), received]) {
    const [record] = readReplies(frame);
    const writer = new FrameWriter(0, OUTCOME_FRAME_HEADER_BYTES);
    writer.foundOwn(7, { acks: 2, failures: 1 }, record as Reply);
    assert.equal(writer.finishOutcomes(5).buffer, frame.buffer);
  }
});

test('the length of a frame writer is the length of what it finishes', () => {
  fc.assert(
    fc.property(fc.array(anyReply, { maxLength: 12 }), (replies) => {
      const writer = new FrameWriter(0);
      for (const reply of replies) appendReply(writer, reply);
      const announced = writer.length;
      assert.equal(writer.finish().length, announced);
    }),
  );
});

test('the reply of a replica that could not be asked is failed and without a record', () => {
  assert.equal(failedReply.code, replyCodes.failed);
  assert.equal(failedReply.length, 0);
});

test('a reply frame cut anywhere but between two replies throws corrupt-frame', () => {
  fc.assert(
    fc.property(fc.array(anyReply, { minLength: 1, maxLength: 3 }), (replies) => {
      const frame = encodeReplies(replies, 0);
      const boundaries = new Set([0, ...readReplies(frame).map((reply) => reply.offset + reply.length)]);
      for (let length = 0; length < frame.length; length++) {
        const cut = (): Reply[] => readReplies(frame.subarray(0, length));
        if (boundaries.has(length)) assert.doesNotThrow(cut);
        else assert.throws(cut, { name: 'KvorumError', code: 'corrupt-frame' });
      }
    }),
    { numRuns: 25 },
  );
});

const corruptReplies: readonly (readonly [what: string, bytes: readonly number[]])[] = [
  ['an unknown code', [replyCodeMax + 1, 0, 0, 0, 0]],
  ['nothing that supersedes it', [replyCodes.superseded, 0, 0, 0, 0]],
  ['half of what supersedes it', [replyCodes.superseded, 8, 0, 0, 0, ...Buffer.alloc(8)]],
  ['bytes that mean nothing', [replyCodes.damaged, 1, 0, 0, 0, 1]],
  ['a recovered record without its header', [replyCodes.recoveringRecord, 1, 0, 0, 0, 1]],
  ['half an announcement', [replyCodes.recoveringLarge, 4, 0, 0, 0, ...Buffer.alloc(4)]],
  ['a large record without its header', [replyCodes.large, 4, 0, 0, 0, ...Buffer.alloc(4)]],
  ['a large record without its size', [replyCodes.large, 17, 0, 0, 0, ...Buffer.alloc(17)]],
  ['a large record with more than its size', [replyCodes.large, 22, 0, 0, 0, ...Buffer.alloc(22)]],
  ['a record shorter than a record header', [replyCodes.record, 16, 0, 0, 0, ...Buffer.alloc(16)]],
  ['a record without bytes', [replyCodes.record, 0, 0, 0, 0]],
  ['a record past the end', [replyCodes.record, 18, 0, 0, 0, ...Buffer.alloc(17)]],
  ['a record of 4 GiB', [replyCodes.record, 255, 255, 255, 255]],
];

for (const [what, bytes] of corruptReplies) {
  test(`a reply with ${what} throws corrupt-frame`, () => {
    assert.throws(() => readReplies(Buffer.from(bytes)), { name: 'KvorumError', code: 'corrupt-frame' });
  });
}

test('mangled bytes throw corrupt-frame or read as replies that tile the frame and stay inside it', () => {
  const frames = fc.array(anyReply, { minLength: 1, maxLength: 4 }).map((replies) => encodeReplies(replies, 0));
  fc.assert(
    fc.property(mangled(frames), (bytes) => {
      const replies = orCorrupt(() => readReplies(bytes));
      if (replies === undefined) return;
      let end = 0;
      for (const reply of replies) {
        assert.equal(reply.offset, end + REPLY_HEADER_BYTES);
        end = reply.offset + reply.length;
      }
      assert.equal(end, bytes.length);
    }),
    { numRuns: 2000 },
  );
});

test('a frame of any outcomes reads back as the same outcomes with the newest version in front', () => {
  fc.assert(
    fc.property(
      fc.array(anyOutcome, { maxLength: 12 }),
      fc.maxSafeNat(),
      fc.nat(4096),
      (outcomes, newest, sizeHint) => {
        const read = decodeOutcomes(encodeOutcomes(outcomes, newest, sizeHint));
        assert.deepEqual(read, { outcomes, newest });
      },
    ),
  );
});

test('an outcome frame cut anywhere but between two outcomes throws corrupt-frame', () => {
  fc.assert(
    fc.property(fc.array(anyOutcome, { minLength: 1, maxLength: 3 }), (outcomes) => {
      const frame = encodeOutcomes(outcomes, 1, 0);
      const boundaries = new Set([OUTCOME_FRAME_HEADER_BYTES]);
      let end = OUTCOME_FRAME_HEADER_BYTES;
      for (const outcome of outcomes) boundaries.add((end += outcomeBytes(outcome)));
      for (let length = 0; length < frame.length; length++) {
        const cut = (): unknown => decodeOutcomes(frame.subarray(0, length));
        if (boundaries.has(length)) assert.doesNotThrow(cut);
        else assert.throws(cut, { name: 'KvorumError', code: 'corrupt-frame' });
      }
    }),
    { numRuns: 25 },
  );
});

test('mangled bytes throw corrupt-frame or read as outcomes that tile the frame', () => {
  const frames = fc.array(anyOutcome, { minLength: 1, maxLength: 4 }).map((outcomes) => encodeOutcomes(outcomes, 1, 0));
  fc.assert(
    fc.property(mangled(frames), (bytes) => {
      const read = orCorrupt(() => decodeOutcomes(bytes));
      if (read === undefined) return;
      const total = read.outcomes.reduce((sum, one) => sum + outcomeBytes(one), OUTCOME_FRAME_HEADER_BYTES);
      assert.equal(total, bytes.length);
    }),
    { numRuns: 2000 },
  );
});

test('a writer that starts small grows without losing what it holds', () => {
  fc.assert(
    fc.property(fc.array(bytesOf(RECORD_HEADER_BYTES, 300), { minLength: 1, maxLength: 40 }), (records) => {
      const writer = new FrameWriter(0);
      for (const record of records) writer.replyRecord(record, record.length);
      assert.deepEqual(
        readReplies(writer.finish()).map((reply) => sampleOf(reply).record),
        records,
      );
    }),
  );
});

function appendReply(writer: FrameWriter, reply: SampleReply): void {
  if (reply.record === undefined) writer.reply(reply.code);
  else writer.replyRecord(reply.record, reply.record.length, reply.code);
}

function encodeReplies(replies: readonly SampleReply[], sizeHint: number): Buffer {
  const writer = new FrameWriter(sizeHint);
  for (const reply of replies) appendReply(writer, reply);
  return writer.finish();
}

function sampleOf(reply: Reply): { code: number; record: Buffer | undefined } {
  const record = Buffer.from(reply.bytes.subarray(reply.offset, reply.offset + reply.length));
  return { code: reply.code, record: tellsRecord(reply) ? record : undefined };
}

function encodeOutcomes(outcomes: readonly SampleOutcome[], newest: number, sizeHint: number): Buffer {
  const writer = new FrameWriter(sizeHint, OUTCOME_FRAME_HEADER_BYTES);
  for (const { tag, code, tally, value, version, expiresAt } of outcomes) {
    const bytes = expiresAt === 0 ? recordOf(value, version) : expiringOf(value, version, expiresAt);
    if (code === outcomeCodes.found) writer.found(tag, tally, { bytes, offset: 0, length: bytes.length });
    else writer.outcome(tag, code, tally, value);
  }
  return writer.finishOutcomes(newest);
}

function recordOf(value: Buffer, version: number): Buffer {
  const record = Buffer.concat([Buffer.alloc(RECORD_HEADER_BYTES), value]);
  sealRecord(record, 0, value.length, Buffer.from('key'), { version, nodeId: 1, kind: 0 });
  return record;
}

function expiringOf(value: Buffer, version: number, expiresAt: number): Buffer {
  return recordBytes(makeExpiring(Buffer.from('key'), { version, nodeId: 1 }, value, expiresAt));
}

/** Bytes whose beginning tells how long a record's header is, and are that long at least. */
function anyHeaded(lengthMax: number): fc.Arbitrary<Buffer> {
  const kindOffset = 16;
  return bytesOf(RECORD_HEADER_BYTES, lengthMax).map((bytes) => {
    if (bytes.length < RECORD_HEADER_BYTES + EXPIRY_BYTES) bytes[kindOffset] = 0;
    else bytes[kindOffset] = (bytes[kindOffset] as number) & recordKinds.expiring;
    return bytes;
  });
}

function outcomeBytes({ code, value }: SampleOutcome): number {
  return OUTCOME_HEADER_BYTES + value.length + (code === outcomeCodes.found ? FOUND_HEAD_BYTES : 0);
}

function decodeOutcomes(bytes: Buffer): { outcomes: SampleOutcome[]; newest: number } {
  const outcomes: SampleOutcome[] = [];
  const newest = visitOutcomes(bytes, (tag, code, tally, value, version, expiresAt) => {
    outcomes.push({ tag, code, tally, value: Buffer.from(value), version, expiresAt });
  });
  return { outcomes, newest };
}

function orCorrupt<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'corrupt-frame');
    return undefined;
  }
}
