/** Decisions on replies: when an operation settles and by what, which outcomes leave, and who is repaired. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeCodes, type OutcomeCode } from '../../../src/formats/codes.ts';
import { failedReply, type Reply } from '../../../src/formats/reply.ts';
import type { PendingFrame } from '../../../workers/coordinator/pending-frame.ts';
import type { PendingOperation } from '../../../workers/coordinator/pending-operation.ts';
import {
  absent,
  applied,
  expiringOf,
  frameBytes,
  full,
  outcomesIn,
  pendingFrame,
  recordOf,
  tombstoneOf,
  versionOf,
  versionsUpTo,
  type Settled,
} from './samples.ts';

const quorum = { acksRequired: 2, replicaCount: 3 };
const nothing = { do: 'nothing' };

const frameOf = (reads: number, writes = 0): PendingFrame => pendingFrame(frameBytes(reads, writes, quorum));

const operationOf = (frame: PendingFrame, index = 0): PendingOperation =>
  frame.operations[index] ?? assert.fail(`no operation ${index}`);

/** Has the nodes reply to one operation, in order. */
function takeAll(frame: PendingFrame, replies: readonly Reply[], index = 0): void {
  for (const [node, reply] of replies.entries()) frame.take(operationOf(frame, index), node, reply);
}

/** What leaves with the end of the task. */
function endOf(frame: PendingFrame): Settled[] {
  const leaving = frame.leave();
  return leaving.do === 'end-task' ? outcomesIn(leaving.outcomes) : assert.fail(`the task does not end: ${leaving.do}`);
}

/** What leaves ahead of the task. */
function aheadOf(frame: PendingFrame): Settled[] {
  const leaving = frame.leave();
  return leaving.do === 'send-ahead' ? outcomesIn(leaving.outcomes) : assert.fail(`not ahead: ${leaving.do}`);
}

test('a read settles at its quorum by the newest record, whichever came first', () => {
  for (const replies of [
    [recordOf(1, 'old'), recordOf(2, 'new')],
    [recordOf(2, 'new'), recordOf(1, 'old')],
    [absent, recordOf(1, 'new')],
    [failedReply, recordOf(1, 'new'), absent],
  ]) {
    const frame = frameOf(1);
    takeAll(frame, replies);
    assert.deepEqual(endOf(frame), [{ tag: 0, code: outcomeCodes.found, value: 'new' }]);
  }
});

test('a newest value that has expired is missing, and found before', () => {
  const outcomeAt = (now: number): Settled | undefined => {
    const frame = pendingFrame(frameBytes(1, 0, quorum), { wallMs: () => now });
    takeAll(frame, [recordOf(1), expiringOf(2, 5000)]);
    return endOf(frame)[0];
  };
  assert.deepEqual(outcomeAt(4999), { tag: 0, code: outcomeCodes.found, value: 'value 2' });
  assert.deepEqual(outcomeAt(5000), { tag: 0, code: outcomeCodes.missing, value: '' });
});

test('a newest tombstone or nothing at all is missing', () => {
  for (const replies of [
    [recordOf(1), tombstoneOf(2)],
    [absent, absent],
  ]) {
    const frame = frameOf(1);
    takeAll(frame, replies);
    assert.deepEqual(endOf(frame), [{ tag: 0, code: outcomeCodes.missing, value: '' }]);
  }
});

test('a write settles at its quorum, is unreachable at from - ack + 1 failures, and full where that was a reason', () => {
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
    takeAll(frame, replies);
    assert.deepEqual(
      endOf(frame).map((one) => one.code),
      [code],
    );
  }
});

test('one acknowledgement or one failure of three settles nothing', () => {
  for (const reply of [applied, failedReply]) {
    const frame = frameOf(0, 1);
    assert.deepEqual(frame.take(operationOf(frame), 0, reply), nothing);
    assert.deepEqual([operationOf(frame).state, frame.leave()], ['pending', nothing]);
  }
});

test('a record from too far in the future counts as a failed reply', () => {
  const frame = pendingFrame(frameBytes(1, 0, quorum), { versions: versionsUpTo(5) });
  takeAll(frame, [recordOf(6, 'future'), recordOf(5, 'now'), absent]);
  assert.deepEqual(endOf(frame), [{ tag: 0, code: outcomeCodes.found, value: 'now' }]);
});

test('an operation does not wait for the others of its frame, and each outcome leaves once', () => {
  const frame = frameOf(2, 1);
  takeAll(frame, [absent, absent], 1);
  assert.deepEqual(
    aheadOf(frame).map(({ tag }) => tag),
    [1],
  );
  assert.deepEqual(frame.leave(), nothing);
  takeAll(frame, [absent, absent], 0);
  takeAll(frame, [applied, applied], 2);
  assert.deepEqual(
    endOf(frame).map(({ tag }) => tag),
    [0, 2],
  );
  assert.deepEqual(frame.leave(), nothing, 'a task ends once');
});

test('after every reply those that have less than the newest record are to be repaired, and nobody else', () => {
  const cases: readonly (readonly [readonly Reply[], readonly number[]])[] = [
    [
      [recordOf(1), recordOf(2), absent],
      [0, 2],
    ],
    [[recordOf(2), failedReply, recordOf(1)], [2]],
    [
      [absent, absent, tombstoneOf(1)],
      [0, 1],
    ],
    [[recordOf(1), recordOf(1), recordOf(1)], []],
    [[absent, failedReply, absent], []],
  ];
  for (const [replies, nodes] of cases) {
    const frame = frameOf(1);
    takeAll(frame, replies.slice(0, 2));
    const decision = frame.take(operationOf(frame), 2, replies[2] as Reply);
    assert.ok(frame.complete);
    if (nodes.length === 0) assert.deepEqual(decision, nothing);
    else if (decision.do !== 'repair') assert.fail(`not repaired: ${decision.do}`);
    else assert.deepEqual([decision.nodes, versionOf(decision.record)], [nodes, Math.max(...replies.map(versionOf))]);
  }
});

test('nobody is repaired after a write, or where read repair is off', () => {
  const write = frameOf(0, 1);
  takeAll(write, [applied, failedReply]);
  assert.deepEqual(write.take(operationOf(write), 2, applied), nothing);
  const read = pendingFrame(frameBytes(1, 0, quorum), { readRepair: 'off' });
  takeAll(read, [recordOf(1), absent]);
  assert.deepEqual(read.take(operationOf(read), 2, absent), nothing);
  assert.ok(write.complete && read.complete);
});

test('a complete operation lets go of what was read, whether others of its frame are complete or not', () => {
  const frame = frameOf(2);
  takeAll(frame, [recordOf(1), recordOf(2), absent]);
  const { state, newest, replies } = operationOf(frame);
  assert.deepEqual([state, newest, replies], ['complete', undefined, []]);
  assert.equal(frame.complete, false);
});

test('expire() times out what has no outcome once the deadline has passed, and nothing else', () => {
  const frame = frameOf(1, 1);
  takeAll(frame, [absent, absent]);
  const ahead = aheadOf(frame);
  assert.equal(frame.expire(999), false);
  assert.deepEqual(frame.leave(), nothing);
  assert.equal(frame.expire(1000), true);
  takeAll(frame, [applied, applied], 1);
  assert.deepEqual(
    [...ahead, ...endOf(frame)].map(({ code }) => code),
    [outcomeCodes.missing, outcomeCodes.timedOut],
  );
});

test('asked in turn, a replica follows the reply of the one before, and the task ends with the last reply', () => {
  const frame = pendingFrame(frameBytes(0, 1, quorum), { inTurn: () => [2, 0, 1] });
  const operation = operationOf(frame);
  assert.deepEqual(frame.next(), { operation, node: 2 });
  assert.equal(frame.next(), undefined, 'one at a time');
  frame.take(operation, 2, applied);
  assert.deepEqual(frame.next(), { operation, node: 0 });
  frame.take(operation, 0, applied);
  assert.deepEqual(frame.next(), { operation, node: 1 });
  assert.deepEqual(
    aheadOf(frame).map(({ code }) => code),
    [outcomeCodes.written],
    'the outcome does not wait for the last replica',
  );
  frame.take(operation, 1, failedReply);
  assert.equal(frame.next(), undefined);
  assert.deepEqual(frame.leave(), { do: 'end-task', outcomes: undefined });
});

test('asked in turn, nobody is asked after the deadline, and the task ends by it', () => {
  const frame = pendingFrame(frameBytes(0, 2, quorum), { inTurn: () => [0, 1, 2] });
  frame.next();
  assert.ok(frame.expire(1000));
  assert.deepEqual(
    endOf(frame).map(({ code }) => code),
    [outcomeCodes.timedOut, outcomeCodes.timedOut],
  );
  frame.take(operationOf(frame), 0, applied);
  assert.equal(frame.next(), undefined);
});
