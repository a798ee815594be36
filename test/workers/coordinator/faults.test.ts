/** What an outcome that missed its quorum says of each replica. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replyCodes } from '../../../src/formats/codes.ts';
import { readFaults } from '../../../src/formats/faults.ts';
import { failedReply, visitOutcomes, type Reply } from '../../../src/formats/reply.ts';
import type { PendingFrame } from '../../../workers/coordinator/pending-frame.ts';
import type { PendingOperation } from '../../../workers/coordinator/pending-operation.ts';
import { absent, applied, frameBytes, full, pendingFrame, plainReply, recordOf, superseded } from './samples.ts';

const quorum = { acksRequired: 2, replicaCount: 3 };
const faults = {
  replicasOf: () => [2, 0, 1],
  whyDown: (node: number) => (node === 1 ? 'connection refused' : undefined),
};
const read = (): PendingFrame => pendingFrame(frameBytes(1, 0, quorum), { faults, readRepair: 'blocking' });
const write = (): PendingFrame => pendingFrame(frameBytes(0, 1, quorum), { faults });
const only = ({ operations }: PendingFrame): PendingOperation => operations[0] ?? assert.fail('no operation');

/** Who failed and how, of the frame's one outcome, by node. */
function told(frame: PendingFrame): string[] {
  const leaving = frame.leave();
  const said: string[] = [];
  if (leaving.do !== 'end-task' || leaving.outcomes === undefined) assert.fail(leaving.do);
  visitOutcomes(leaving.outcomes, (_tag, _code, _tally, bytes) => {
    said.push(...readFaults(bytes).map(({ node, kind, detail }) => `${node} ${kind} ${detail}`.trim()));
  });
  return said.sort();
}

const cases: readonly (readonly [what: string, frame: () => PendingFrame, replies: readonly Reply[], string[]])[] = [
  [
    'who could not be asked, and what is known of that',
    read,
    [failedReply, failedReply],
    ['0 unreached', '1 unreached connection refused'],
  ],
  [
    'who has damaged or lost its data',
    read,
    [plainReply(replyCodes.damaged), plainReply(replyCodes.recovering)],
    ['0 damaged', '1 recovering'],
  ],
  ['who answers what is no answer', read, [applied, plainReply(replyCodes.full)], ['0 refused', '1 refused']],
  ['who has no room, or doubts the time', write, [full, plainReply(replyCodes.refusedClock)], ['0 full', '1 clock']],
  ['who failed after another has acknowledged', write, [applied, full, failedReply], ['1 full', '2 unreached']],
];

for (const [what, make, replies, expected] of cases) {
  test(`an outcome without its quorum names ${what}`, () => {
    const frame = make();
    for (const [node, reply] of replies.entries()) frame.take(only(frame), node, reply);
    assert.deepEqual(told(frame), expected);
  });
}

test('at its deadline an operation names those that are silent, and not those that have voted', () => {
  const reading = read();
  reading.take(only(reading), 0, absent);
  reading.expire(1000);
  assert.deepEqual(told(reading), ['1 silent connection refused', '2 silent']);
  const writing = write();
  writing.take(only(writing), 2, applied);
  writing.take(only(writing), 0, superseded(9));
  writing.expire(1000);
  assert.deepEqual(told(writing), ['0 superseded', '1 silent connection refused']);
});

test('a write names a replica whose process has ended since it acknowledged', () => {
  const frame = write();
  frame.take(only(frame), 0, applied);
  frame.forget(0);
  frame.take(only(frame), 1, failedReply);
  assert.deepEqual(told(frame), ['0 restarted', '1 unreached connection refused']);
});

test('a read names a replica that lacks the newest version and did not take it', () => {
  const frame = read();
  const newest = recordOf(2);
  frame.take(only(frame), 0, newest);
  frame.take(only(frame), 1, recordOf(1));
  frame.take(only(frame), 2, failedReply);
  frame.wroteBack(only(frame), 1, newest, false);
  assert.deepEqual(told(frame), ['1 stale', '2 unreached']);
});

test('an operation that reached its quorum keeps no reasons of others', () => {
  const frame = write();
  for (const node of [0, 1]) frame.take(only(frame), node, applied);
  assert.deepEqual(told(frame), []);
  assert.equal(only(frame).faults, undefined);
});
