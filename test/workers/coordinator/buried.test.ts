/** What was deleted and removed everywhere is not read again where one replica has an old record of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeCodes, replyCodes } from '../../../src/formats/codes.ts';
import { isIntact, isTombstone } from '../../../src/formats/record.ts';
import { failedReply, type Reply } from '../../../src/formats/reply.ts';
import type { Decision } from '../../../workers/coordinator/pending-frame.ts';
import {
  absent,
  absentBelow,
  announced,
  frameBytes,
  key,
  outcomesIn,
  pendingFrame,
  recordOf,
  tombstoneOf,
  versionOf,
} from './samples.ts';

/** What a read of three replicas answers when they reply in order, and what it does at the end. */
function read(replies: readonly Reply[], acksRequired = 2) {
  const frame = pendingFrame(frameBytes(1, 0, { acksRequired, replicaCount: 3 }), { readRepair: 'blocking' });
  const [operation] = frame.operations;
  assert.ok(operation);
  let last: Decision = { do: 'nothing' };
  let asked: number | undefined;
  for (const [node, reply] of replies.entries()) {
    last = frame.take(operation, node, reply);
    if (last.do === 'ask-large') asked = last.node;
  }
  // It was asked before it was known to be deleted.
  if (asked !== undefined) last = frame.take(operation, asked, recordOf(5));
  const leaving = frame.leave();
  const [outcome] = leaving.do === 'end-task' ? outcomesIn(leaving.outcomes) : [];
  return { outcome, last };
}

const missing = { tag: 0, code: outcomeCodes.missing, value: '' };

test('a record below the floors of a majority that lacks it is missing, and whoever holds it is sent its tombstone', () => {
  for (const held of [recordOf(5), announced(5, 1_000_000)]) {
    const { outcome, last } = read([absentBelow(6), held, absentBelow(9)]);
    assert.deepEqual(outcome, missing);
    assert.ok(last.do === 'repair');
    assert.deepEqual(last.nodes, [1]);
    const { bytes, offset, length } = last.record;
    assert.ok(isTombstone(bytes, offset) && isIntact(bytes, offset, length, key));
    assert.equal(versionOf(last.record), 5, 'it wins over what it buries, and over nothing else');
  }
});

test('one replica that lacks a record, or a floor that is not above it, buries nothing', () => {
  for (const replies of [
    [absentBelow(6), recordOf(5), recordOf(5)],
    [absent, recordOf(5), recordOf(5)],
    [absentBelow(5), recordOf(5), recordOf(5)],
    [recordOf(5), recordOf(5), absentBelow(9)],
  ]) {
    const { outcome, last } = read(replies);
    assert.deepEqual(outcome, { tag: 0, code: outcomeCodes.found, value: 'value 5' });
    assert.ok(last.do !== 'repair' || !isTombstone(last.record.bytes, last.record.offset));
  }
});

// Seed 10005541 of the simulation: reads at 3 of 3 failed for ever.
test('what a majority holds is written to the replica whose floor contradicts it, and vouched for', () => {
  for (const replies of [
    [absentBelow(6), recordOf(5), recordOf(5)],
    [recordOf(5), recordOf(5), absentBelow(9)],
  ]) {
    const { last } = read(replies);
    assert.ok(last.do === 'repair');
    const doubting = replies.findIndex(({ code }) => code === replyCodes.absent);
    assert.deepEqual([last.nodes, last.doubting, last.isVouched], [[doubting], [doubting], true]);
  }
  const { last } = read([absentBelow(9), recordOf(5), absent]);
  assert.ok(last.do === 'repair' && !last.isVouched, 'what one holds alone is not');
});

test('floors of replicas without votes do not count', () => {
  const recovering: Reply = { ...absentBelow(9), code: replyCodes.recovering, length: 0 };
  for (const replies of [
    [absentBelow(9), recordOf(5), recovering],
    [absentBelow(9), recordOf(5), failedReply],
  ]) {
    assert.notDeepEqual(read(replies).outcome, missing);
  }
});

// Seed 5000904 of the simulation: node 1 had replied before it took the tombstone that node 0 saw on it and then removed.
test('what one replica has removed is not answered because another one replied before it was deleted there', () => {
  const unreachable = { tag: 0, code: outcomeCodes.unreachable, value: '' };
  const found = { tag: 0, code: outcomeCodes.found, value: 'value 5' };
  const cases: readonly (readonly [replies: readonly Reply[], outcome: unknown])[] = [
    [[recordOf(5), absentBelow(9)], undefined],
    [[recordOf(5), absentBelow(9), tombstoneOf(7)], missing],
    [[absentBelow(9), tombstoneOf(7), recordOf(5)], missing],
    [[recordOf(5), absentBelow(9), recordOf(5)], found],
    [[recordOf(5), absentBelow(9), absent], unreachable],
    [[recordOf(5), absentBelow(9), failedReply], unreachable],
  ];
  for (const [replies, expected] of cases) assert.deepEqual(read(replies).outcome, expected);
});
