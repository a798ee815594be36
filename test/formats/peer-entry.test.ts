import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { ENTRY_HEADER_BYTES, entryAt, entryFlags, entryView, readEntries } from '../../src/formats/frame.ts';
import { operationKinds, replyCodes } from '../../src/formats/codes.ts';
import { entryFault, isReplyTo, readPeerFrame, withFailedReplies } from '../../src/formats/peer-entry.ts';
import { largeValueBytes, RECORD_HEADER_BYTES, recordKinds } from '../../src/formats/record.ts';
import { announcementOf, FrameWriter, readReplies, tellsRecord, type Reply } from '../../src/formats/reply.ts';
import { anyOperation, encodeOperations, mangled } from './arbitraries.ts';

const bounds = { keyBytesMax: 1024, valueBytesMax: 1_000_000 };
const stamp = { version: 1000, nodeId: 1, kind: recordKinds.value };
const key = Buffer.from('key');
const keyEnd = ENTRY_HEADER_BYTES + key.length;

function write(
  given: Partial<{ key: Buffer; value: Buffer; version: number; acks: number; replicas: number }> = {},
): Buffer {
  const quorum = { acksRequired: given.acks ?? 1, replicaCount: given.replicas ?? 3 };
  const head = { tag: 0, kind: operationKinds.write, quorum };
  const version = given.version ?? stamp.version;
  const value = given.value ?? Buffer.from('v');
  return encodeOperations([{ head, key: given.key ?? key, write: { stamp: { ...stamp, version }, value } }]);
}

function read(readKey: Buffer): Buffer {
  const head = { tag: 0, kind: operationKinds.read, quorum: { acksRequired: 1, replicaCount: 1 } };
  return encodeOperations([{ head, key: readKey, write: undefined }]);
}

function patched(entry: Buffer, at: number, byte: number): Buffer {
  entry[at] = byte;
  return entry;
}

const letters = (count: number): Buffer => Buffer.alloc(count, 'k');

const acceptable: readonly (readonly [what: string, entry: Buffer])[] = [
  ['a write', write()],
  ['a write without a value', write({ value: Buffer.alloc(0) })],
  ['a write whose version is 0', write({ version: 0 })],
  ['a write of the largest version', write({ version: Number.MAX_SAFE_INTEGER })],
  ['a write under the longest key', write({ key: letters(1024) })],
  ['a write of the longest value', write({ value: Buffer.alloc(1_000_000) })],
  ['a deletion', patched(write({ value: Buffer.alloc(0) }), keyEnd + 16, recordKinds.tombstone)],
  ['a write that needs all', write({ acks: 64, replicas: 64 })],
  ['a read', read(key)],
  ['a read under the longest key', read(letters(1024))],
  ['a read of the whole record', patched(read(key), 11, entryFlags.largeRead)],
  ['a read of the version alone', patched(read(key), 11, entryFlags.announceOnly)],
  ['a read of what is announced', patched(read(key), 11, entryFlags.headOnly)],
  ['a strict read', patched(read(key), 11, entryFlags.strict)],
  ['a repair', patched(write(), 11, entryFlags.repair)],
  ['a hint', patched(write(), 11, entryFlags.hint)],
  ['a strict write of the second round', patched(write(), 11, entryFlags.secondRound | entryFlags.strict)],
];

for (const [what, entry] of acceptable) {
  test(`${what} is acceptable`, () => assert.equal(entryFault(entryAt(entry, 0), bounds), undefined));
}

const faulty: readonly (readonly [what: string, entry: Buffer, fault: RegExp])[] = [
  ['a write under a key of 1,025 bytes', write({ key: letters(1025) }), /key of 1025 bytes/],
  ['a write under a key of 1,979 bytes', write({ key: letters(1979) }), /key of 1979 bytes/],
  ['a read under a key of 65,535 bytes', read(letters(65_535)), /key of 65535 bytes/],
  ['a write under no key', write({ key: Buffer.alloc(0) }), /lengths/],
  ['a read under no key', read(Buffer.alloc(0)), /lengths/],
  ['a write under a key that is not UTF-8', write({ key: Buffer.from([0xff]) }), /UTF-8/],
  ['a read under half a character', read(Buffer.from('é').subarray(0, 1)), /UTF-8/],
  ['a key past the end of its entry', patched(write(), 13, 0xff), /lengths/],
  ['a read with more behind its key', patched(read(key), 12, 2), /lengths/],
  ['a write that is shorter than a record', patched(read(key), 8, operationKinds.write), /lengths/],
  ['the kind 0', patched(write(), 8, 0), /kind/],
  ['the kind 3', patched(write(), 8, 3), /kind/],
  ['a record of the kind of stored heads', patched(write(), keyEnd + 16, 2), /header/],
  ['a tombstone with a value', patched(write(), keyEnd + 16, recordKinds.tombstone), /header/],
  ['a version that is no number', write({ version: Number.NaN }), /header/],
  ['a negative version', write({ version: -1 }), /header/],
  ['a version that is no whole number', write({ version: 1.5 }), /header/],
  ['an endless version', write({ version: Number.POSITIVE_INFINITY }), /header/],
  ['a version past the safe integers', write({ version: 2 ** 53 }), /header/],
  ['a value over the bound', write({ value: Buffer.alloc(1_000_001) }), /value of 1000001 bytes/],
  ['a quorum of none', write({ acks: 0 }), /quorum/],
  ['a quorum of more than there are', write({ acks: 4 }), /quorum/],
  ['no replicas', write({ acks: 0, replicas: 0 }), /quorum/],
  ['a write that is to come whole', patched(write(), 11, 1), /flag/],
  ['a read that is a repair', patched(read(key), 11, entryFlags.repair), /flag/],
  ['a write of what is announced', patched(write(), 11, entryFlags.headOnly), /flag/],
  ['a write of the version alone', patched(write(), 11, entryFlags.announceOnly), /flag/],
  ['a read with an unknown flag', patched(read(key), 11, 64), /flag/],
  ['a write with an unknown flag', patched(write(), 11, 128), /flag/],
];

for (const [what, entry, fault] of faulty) {
  test(`${what} fails, and the entries beside it do not`, () => {
    assert.match(entryFault(entryAt(entry, 0), bounds) ?? '', fault);
    const good = [write(), read(key)] as const;
    const frame = readPeerFrame(Buffer.concat([good[0], entry, good[1]]), bounds);
    assert.deepEqual(frame.entries.map(entryView), good);
    assert.deepEqual([...frame.faults.keys()], [1]);
  });
}

test('a large value is taken alone and not among other entries', () => {
  const large = write({ value: Buffer.alloc(largeValueBytes + 1) });
  assert.equal(readPeerFrame(large, bounds).faults.size, 0);
  assert.match(readPeerFrame(Buffer.concat([large, read(key)]), bounds).faults.get(0) ?? '', /large value/);
});

test('a frame whose entries cannot be told apart is refused whole', () => {
  const lengths = [0, ENTRY_HEADER_BYTES - 1, 0xffffffff, read(key).length + 1];
  for (const length of lengths) {
    const frame = read(key);
    frame.writeUInt32LE(length, 0);
    assert.throws(() => readPeerFrame(Buffer.concat([write(), frame]), bounds), { code: 'corrupt-frame' });
  }
  assert.throws(() => readPeerFrame(write().subarray(0, -1), bounds), { code: 'corrupt-frame' });
});

test('of any bytes a peer frame is refused, or is entries and faults that tile it', () => {
  const frames = fc.array(anyOperation, { minLength: 1, maxLength: 4 }).map(encodeOperations);
  fc.assert(
    fc.property(mangled(frames), (bytes) => {
      const frame = orRefused(() => readPeerFrame(bytes, bounds));
      for (const entry of frame?.entries ?? []) {
        assert.equal(readEntries(Buffer.from(entryView(entry))).length, 1);
        assert.equal(entryFault(entry, bounds), undefined);
      }
    }),
    { numRuns: 2000 },
  );
});

function orRefused<Result>(attempt: () => Result): Result | undefined {
  try {
    return attempt();
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'corrupt-frame');
    return undefined;
  }
}

/** The record of a sample as a reply. */
function recordReply(entry: Buffer): Reply {
  const bytes = entry.subarray(keyEnd);
  return { code: replyCodes.record, bytes, offset: 0, length: bytes.length };
}

test('failed replies stand where the entries stood that were not executed', () => {
  const record = recordReply(write());
  const writer = new FrameWriter(0);
  writer.reply(replyCodes.applied);
  writer.replyRecord(record.bytes, record.length);
  writer.replyLarge(record.bytes, 500_000);
  const replies = writer.finish();
  const { applied, failed, large } = replyCodes;
  const codes = (...positions: number[]): number[] => {
    const faults = new Map(positions.map((position) => [position, 'why']));
    return readReplies(withFailedReplies(replies, faults)).map(({ code }) => code);
  };
  assert.deepEqual(codes(), [applied, replyCodes.record, large]);
  assert.deepEqual(codes(0), [failed, applied, replyCodes.record, large]);
  assert.deepEqual(codes(1, 2, 5), [applied, failed, failed, replyCodes.record, large, failed]);
  assert.deepEqual(readReplies(withFailedReplies(Buffer.alloc(0), new Map([[0, 'why']]))).length, 1);
});

const plainReply = (code: Reply['code']): Reply => ({ code, bytes: Buffer.alloc(0), offset: 0, length: 0 });

const plainReadCodes = new Set<number>([
  replyCodes.absent,
  replyCodes.damaged,
  replyCodes.recovering,
  replyCodes.failed,
]);
const plainWriteCodes = new Set<number>([
  replyCodes.applied,
  replyCodes.full,
  replyCodes.failed,
  replyCodes.refusedClock,
  replyCodes.damaged,
]);

test('only a version can stand in the way of a write', () => {
  for (const [version, isPossible] of [
    [1, true],
    [0, true],
    [Number.NaN, false],
    [-1, false],
    [0.5, false],
  ] as const) {
    const writer = new FrameWriter(0);
    writer.replySuperseded(version, 1);
    const [reply] = readReplies(writer.finish()) as [Reply];
    assert.equal(isReplyTo(operationKinds.write, reply), isPossible, String(version));
    assert.equal(isReplyTo(operationKinds.read, reply), false);
  }
});

test('only what a replica can say to an operation is a reply to it', () => {
  const { read: toRead, write: toWrite } = operationKinds;
  for (const [name, code] of Object.entries(replyCodes)) {
    if (tellsRecord(plainReply(code)) || code === replyCodes.superseded) continue;
    assert.equal(isReplyTo(toRead, plainReply(code)), plainReadCodes.has(code), `${name} to a read`);
    assert.equal(isReplyTo(toWrite, plainReply(code)), plainWriteCodes.has(code), `${name} to a write`);
  }
  const record = recordReply(write());
  assert.deepEqual([isReplyTo(toRead, record), isReplyTo(toWrite, record)], [true, false]);
  const announced = announcementOf(record);
  assert.deepEqual([isReplyTo(toRead, announced), isReplyTo(toWrite, announced)], [true, false]);
});

test('a reply whose record cannot be one is no reply, nor is what announces it', () => {
  const tombstoneWithValue = patched(write(), keyEnd + 16, recordKinds.tombstone);
  const impossible = [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY].map((version) => write({ version }));
  for (const entry of [...impossible, tombstoneWithValue, patched(write(), keyEnd + 16, 2)]) {
    const record = recordReply(entry);
    assert.equal(isReplyTo(operationKinds.read, record), false);
    assert.equal(isReplyTo(operationKinds.read, announcementOf(record)), false);
  }
  for (const recordBytes of [0, RECORD_HEADER_BYTES - 1, 0xffffffff]) {
    const announced = announcementOf(recordReply(write()));
    announced.bytes.writeUInt32LE(recordBytes, RECORD_HEADER_BYTES);
    assert.equal(isReplyTo(operationKinds.read, announced), false, `${recordBytes} bytes`);
  }
});
