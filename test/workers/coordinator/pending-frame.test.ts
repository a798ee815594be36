import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  allocateFrame,
  entryBytes,
  readEntries,
  valueOffset,
  writeRead,
  writeWrite,
} from '../../../src/formats/frame.ts';
import { operationKinds, outcomeCodes, replyCodes, type OutcomeCode } from '../../../src/domain/operation.ts';
import { sealRecord } from '../../../src/formats/record.ts';
import { failedReply, visitOutcomes, type Reply } from '../../../src/formats/reply.ts';
import { SeenVersions } from '../../../workers/ground/seen-versions.ts';
import { PendingFrame } from '../../../workers/coordinator/pending-frame.ts';

const key = Buffer.from('key');
const quorum = { acksRequired: 2, replicaCount: 3 };
const applied: Reply = { code: replyCodes.applied, bytes: Buffer.alloc(0), offset: 0, length: 0 };
const absent: Reply = { code: replyCodes.absent, bytes: Buffer.alloc(0), offset: 0, length: 0 };
const full: Reply = { code: replyCodes.full, bytes: Buffer.alloc(0), offset: 0, length: 0 };
const nowMicros = Date.now() * 1000;

function recordReply(value: string | undefined, version: number): Reply {
  const bytes = Buffer.alloc(17 + (value?.length ?? 0));
  bytes.write(value ?? '', 17);
  sealRecord(bytes, 0, value?.length ?? 0, key, { version, nodeId: 1, kind: value === undefined ? 1 : 0 });
  return { code: replyCodes.record, bytes, offset: 0, length: bytes.length };
}

/** A frame of `reads` reads and then `writes` writes, with tags from 0. */
function frameOf(reads: number, writes = 0): PendingFrame {
  const bytes = allocateFrame(reads * entryBytes(key.length, undefined) + writes * entryBytes(key.length, 1));
  let end = 0;
  for (let tag = 0; tag < reads; tag++) end = writeRead(bytes, end, { tag, kind: operationKinds.read, quorum }, key);
  for (let tag = reads; tag < reads + writes; tag++) {
    bytes[valueOffset(end, key.length)] = 0x76;
    const stamp = { version: nowMicros, nodeId: 1, kind: 0 } as const;
    end = writeWrite(bytes, end, { tag, kind: operationKinds.write, quorum }, key, { stamp, valueBytes: 1 });
  }
  return new PendingFrame(readEntries(bytes), {
    deadlineAt: 0,
    versions: new SeenVersions(60_000, () => {}),
    readRepair: true,
  });
}

interface Settled {
  readonly tag: number;
  readonly code: OutcomeCode;
  readonly value: string;
}

function outcomesIn(bytes: Buffer | undefined): Settled[] {
  const settled: Settled[] = [];
  if (bytes !== undefined)
    visitOutcomes(bytes, (tag, code, _tally, value) => settled.push({ tag, code, value: value.toString() }));
  return settled;
}

const operation = (frame: PendingFrame, index: number) =>
  frame.operations[index] ?? assert.fail(`no operation ${index}`);

test('a read settles at its quorum by the newest record, whichever came first', async () => {
  for (const replies of [
    [recordReply('old', nowMicros), recordReply('new', nowMicros + 1)],
    [recordReply('new', nowMicros + 1), recordReply('old', nowMicros)],
    [absent, recordReply('new', nowMicros)],
    [failedReply, recordReply('new', nowMicros), absent],
  ]) {
    const frame = frameOf(1);
    for (const [node, reply] of replies.entries()) frame.take(operation(frame, 0), node, reply);
    assert.equal(frame.release(false), undefined, 'the whole frame leaves as the result of its task');
    assert.deepEqual(outcomesIn(await frame.settled), [{ tag: 0, code: outcomeCodes.found, value: 'new' }]);
  }
});

test('a newest tombstone or nothing at all is missing', async () => {
  for (const replies of [
    [recordReply('old', nowMicros), recordReply(undefined, nowMicros + 1)],
    [absent, absent],
  ]) {
    const frame = frameOf(1);
    for (const [node, reply] of replies.entries()) frame.take(operation(frame, 0), node, reply);
    frame.release(false);
    assert.deepEqual(
      outcomesIn(await frame.settled).map(({ code }) => code),
      [outcomeCodes.missing],
    );
  }
});

test('a write settles at its quorum, is unreachable at from - ack + 1 failures, and full where that was a reason', async () => {
  const cases: readonly (readonly [readonly Reply[], OutcomeCode])[] = [
    [[applied, applied], outcomeCodes.written],
    [[failedReply, applied, applied], outcomeCodes.written],
    [[full, applied, applied], outcomeCodes.written],
    [[failedReply, failedReply], outcomeCodes.unreachable],
    [[applied, failedReply, failedReply], outcomeCodes.unreachable],
    [[full, failedReply], outcomeCodes.full],
    [[failedReply, applied, full], outcomeCodes.full],
  ];
  for (const [replies, code] of cases) {
    const frame = frameOf(0, 1);
    for (const [node, reply] of replies.entries()) frame.take(operation(frame, 0), node, reply);
    frame.release(false);
    assert.deepEqual(
      outcomesIn(await frame.settled).map((one) => one.code),
      [code],
    );
  }
});

test('one acknowledgement or one failure of three settles nothing', () => {
  for (const reply of [applied, failedReply]) {
    const frame = frameOf(0, 1);
    frame.take(operation(frame, 0), 0, reply);
    assert.equal(frame.release(false), undefined);
    assert.equal(operation(frame, 0).settled, false);
  }
});

test('an operation does not wait for the others of its frame', async () => {
  const frame = frameOf(2, 1);
  for (const node of [0, 1]) frame.take(operation(frame, 1), node, absent);
  assert.deepEqual(
    outcomesIn(frame.release(false)).map(({ tag }) => tag),
    [1],
    'ahead of the task',
  );
  assert.equal(frame.release(false), undefined, 'and once only');
  for (const index of [0, 2]) for (const node of [0, 1]) frame.take(operation(frame, index), node, applied);
  assert.equal(frame.release(false), undefined);
  assert.deepEqual(
    outcomesIn(await frame.settled).map(({ tag }) => tag),
    [0, 2],
  );
});

test('late replies change no outcome, and complete the operation and the frame', async () => {
  const frame = frameOf(1);
  for (const node of [0, 1]) frame.take(operation(frame, 0), node, absent);
  frame.release(false);
  assert.equal(frame.complete, false);
  frame.take(operation(frame, 0), 2, recordReply('late', nowMicros));
  assert.equal(frame.release(false), undefined);
  assert.ok(frame.complete && operation(frame, 0).complete);
  assert.equal(operation(frame, 0).newest?.code, replyCodes.record, 'known, for read repair');
  assert.deepEqual(
    outcomesIn(await frame.settled).map(({ code }) => code),
    [outcomeCodes.missing],
  );
});

test('expire() times out what has no outcome and nothing else', async () => {
  const frame = frameOf(1, 1);
  for (const node of [0, 1]) frame.take(operation(frame, 0), node, absent);
  const ahead = outcomesIn(frame.release(false));
  frame.expire();
  frame.take(operation(frame, 1), 0, applied);
  frame.take(operation(frame, 1), 1, applied);
  assert.equal(frame.release(false), undefined);
  const rest = outcomesIn(await frame.settled);
  assert.deepEqual(
    [...ahead, ...rest].map(({ code }) => code),
    [outcomeCodes.missing, outcomeCodes.timedOut],
  );
});

test('release(true) sends everything ahead, since the task goes on', async () => {
  const frame = frameOf(0, 1);
  for (const node of [0, 1]) frame.take(operation(frame, 0), node, applied);
  assert.deepEqual(
    outcomesIn(frame.release(true)).map(({ code }) => code),
    [outcomeCodes.written],
  );
  assert.equal(await frame.settled, undefined);
});
