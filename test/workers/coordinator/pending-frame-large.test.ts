/** Large values are announced by all replicas and read from one: what is answered, what is asked, and what is held. */
import assert from 'node:assert/strict';
import type { ReadRepair } from '../../../src/domain/modes.ts';
import { test } from 'node:test';
import fc from 'fast-check';
import { asOutcome } from '../../../src/dispatch/outcomes.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import { outcomeCodes, replyCodes } from '../../../src/formats/codes.ts';
import { EXPIRY_BYTES, largeValueBytes, readVersion, RECORD_HEADER_BYTES } from '../../../src/formats/record.ts';
import { failedReply, visitOutcomes, type Reply } from '../../../src/formats/reply.ts';
import type { Decision, PendingFrame } from '../../../workers/coordinator/pending-frame.ts';
import type { PendingOperation } from '../../../workers/coordinator/pending-operation.ts';
import {
  absent,
  absentBelow,
  announced,
  expiringOf,
  frameBytes,
  headOnlyFrame,
  outcomesIn,
  pendingFrame,
  recordOf,
  versionOf,
} from './samples.ts';

const nothing = { do: 'nothing' };
const recordBytes = 1_000_000;
const announcement = announced(1, recordBytes);

function readOf(acksRequired: number, replicaCount: number, readRepair: ReadRepair = 'background'): PendingFrame {
  return pendingFrame(frameBytes(1, 0, { acksRequired, replicaCount }), { readRepair });
}

const operationOf = (frame: PendingFrame): PendingOperation => frame.operations[0] ?? assert.fail('no operation');

const askLarge = (node: number): Decision => ({ do: 'ask-large', node, bytes: recordBytes });

function outcomeOf(frame: PendingFrame): { readonly code: number; readonly value: string } {
  const leaving = frame.leave();
  const [outcome, ...others] = leaving.do === 'end-task' ? outcomesIn(leaving.outcomes) : [];
  assert.deepEqual(others, []);
  const { code, value } = outcome ?? assert.fail(`nothing left: ${leaving.do}`);
  return { code, value };
}

/** What a replica does: what it announces or gives, and what it says when it is asked for the large value. */
interface Replica {
  readonly version: number;
  readonly isLarge: boolean;
  readonly fails: boolean;
  readonly asked: 'given' | 'damaged' | 'fails' | 'newer' | 'announced again';
}

function firstReply({ version, isLarge, fails }: Replica): Reply {
  if (fails) return failedReply;
  if (version === 0) return absent;
  return isLarge ? announced(version, recordBytes) : recordOf(version);
}

function largeReply({ version, asked }: Replica): Reply {
  if (asked === 'damaged') return absent;
  if (asked === 'fails') return failedReply;
  if (asked === 'announced again') return announced(version, recordBytes);
  return recordOf(asked === 'newer' ? version + 1 : version);
}

const replicas = fc.record({
  version: fc.nat(4),
  isLarge: fc.boolean(),
  fails: fc.boolean(),
  asked: fc.constantFrom('given', 'given', 'damaged', 'fails', 'newer', 'announced again'),
} satisfies { [name in keyof Replica]: fc.Arbitrary<unknown> }) as fc.Arbitrary<Replica>;

test('whatever replicas announce, give and fail to give, the newest that a quorum told of is answered, and the others repaired', () => {
  const draws = fc.array(fc.nat(1000), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(replicas, { minLength: 1, maxLength: 5 }), fc.nat(4), draws, (all, ack, drawn) => {
      const acksRequired = (ack % all.length) + 1;
      const frame = readOf(acksRequired, all.length);
      const operation = operationOf(frame);
      const toReply = all.map((_replica, node) => node);
      /** By node, the version that it told of last; without those that failed. */
      const told = new Map<number, number>();
      const wereAsked = new Set<number>();
      let asked: number | undefined;
      let [draw, answered] = [0, -1];
      let last: Decision = { do: 'nothing' };
      while (toReply.length > 0 || asked !== undefined) {
        const next = (drawn[draw++ % drawn.length] as number) % (toReply.length + (asked === undefined ? 0 : 1));
        const isLargeRead = next === toReply.length;
        const node = isLargeRead ? (asked as number) : (toReply.splice(next, 1)[0] as number);
        const replica = all[node] as Replica;
        const reply = isLargeRead ? largeReply(replica) : firstReply(replica);
        if (isLargeRead) asked = undefined;
        if (reply.code === replyCodes.failed || (isLargeRead && reply.code === replyCodes.large)) told.delete(node);
        else told.set(node, versionOf(reply));
        last = frame.take(operation, node, reply);
        if (operation.state !== 'pending' && answered < 0) answered = Math.max(0, ...told.values());
        if (last.do !== 'ask-large') continue;
        assert.ok(asked === undefined && !wereAsked.has(last.node), 'one replica at a time, and none twice');
        asked = last.node;
        wereAsked.add(asked);
      }
      assert.ok(operation.state === 'complete' && frame.complete);
      const newest = Math.max(0, ...told.values());
      const lacking = [...told].filter(([, version]) => version < newest).map(([node]) => node);
      const repaired = last.do === 'repair' ? last : undefined;
      assert.deepEqual(new Set(repaired?.nodes ?? []), new Set(lacking));
      if (repaired !== undefined) assert.equal(versionOf(repaired.record), newest);
      const { code, value } = outcomeOf(frame);
      if (operation.tally.acks < acksRequired) assert.equal(code, outcomeCodes.unreachable);
      if (code === outcomeCodes.unreachable) return assert.ok(operation.tally.failures > all.length - acksRequired);
      const found = [outcomeCodes.found, `value ${answered}`];
      return assert.deepEqual([code, value], answered === 0 ? [outcomeCodes.missing, ''] : found);
    }),
    { numRuns: 2000 },
  );
});

test('one replica is asked, and not before the quorum is met', () => {
  const frame = readOf(2, 3);
  const operation = operationOf(frame);
  assert.deepEqual(frame.take(operation, 2, announcement), nothing);
  assert.deepEqual(frame.take(operation, 1, announcement), askLarge(2));
  assert.deepEqual(frame.take(operation, 0, announcement), nothing, 'nobody beside the one that is asked');
  assert.equal(operation.state, 'pending');
  assert.deepEqual(frame.take(operation, 2, recordOf(1)), nothing);
  assert.equal(operation.state, 'complete');
  assert.deepEqual(outcomeOf(frame), { code: outcomeCodes.found, value: 'value 1' });
});

test('a large value that has expired is missing without being read, and read only for a replica that lacks it', () => {
  const expired = announced(1, recordBytes, expiringOf(1, 5000));
  const frameOf = (readRepair: ReadRepair): PendingFrame =>
    pendingFrame(frameBytes(1, 0, { acksRequired: 2, replicaCount: 3 }), { readRepair, wallMs: () => 5000 });
  const frame = frameOf('background');
  for (const node of [2, 1]) assert.deepEqual(frame.take(operationOf(frame), node, expired), nothing);
  assert.equal(outcomeOf(frame).code, outcomeCodes.missing);
  assert.deepEqual(frame.take(operationOf(frame), 0, absent), askLarge(2));
  const blocking = frameOf('blocking');
  blocking.take(operationOf(blocking), 2, expired);
  assert.deepEqual(
    blocking.take(operationOf(blocking), 1, absent),
    askLarge(2),
    'a later read is to find it gone, too',
  );
});

test("this node's own replica is asked before others, and another where it cannot give what it announced", () => {
  const frame = readOf(2, 3);
  const operation = operationOf(frame);
  frame.take(operation, 2, announcement);
  assert.deepEqual(frame.take(operation, 0, announcement), askLarge(0));
  assert.deepEqual(frame.take(operation, 0, failedReply), nothing, 'one of three is no quorum any more');
  assert.deepEqual(frame.take(operation, 1, announcement), askLarge(2));
  assert.deepEqual(frame.take(operation, 2, failedReply), nothing);
  assert.equal(outcomeOf(frame).code, outcomeCodes.unreachable);
});

test('what was read is let go while others are waited for, and read again for a replica that lacks it', () => {
  const frame = readOf(2, 3);
  const operation = operationOf(frame);
  const record = recordOf(1, 'x'.repeat(largeValueBytes + 1));
  const length = record.length;
  const large = announced(1, length, record);
  frame.take(operation, 1, large);
  assert.deepEqual(frame.take(operation, 2, large), { do: 'ask-large', node: 1, bytes: length });
  assert.deepEqual(frame.take(operation, 1, record), nothing);
  assert.equal(operation.state, 'settled');
  assert.ok(operation.replies.every(({ reply }) => reply.code === replyCodes.large));
  assert.deepEqual(frame.take(operation, 0, absent), { do: 'ask-large', node: 2, bytes: length });
  assert.deepEqual(frame.take(operation, 2, record), { do: 'repair', nodes: [0], record, isVouched: true });
  assert.deepEqual([operation.state, operation.replies], ['complete', []]);
  assert.equal(outcomeOf(frame).value.length, largeValueBytes + 1);
});

test('without read repair nothing is read that no outcome needs', () => {
  const frame = readOf(1, 3, 'off');
  const operation = operationOf(frame);
  for (const [node, reply] of [absent, announcement, announcement].entries()) {
    assert.deepEqual(frame.take(operation, node, reply), nothing);
  }
  assert.equal(operation.state, 'complete');
});

test('a read whose value does not come in time times out, and nothing more is asked for it', () => {
  const frame = readOf(1, 2);
  const operation = operationOf(frame);
  assert.deepEqual(frame.take(operation, 0, announcement), askLarge(0));
  frame.expire(1000);
  assert.equal(outcomeOf(frame).code, outcomeCodes.timedOut);
  assert.deepEqual(frame.take(operation, 1, announcement), nothing);
  assert.equal(operation.state, 'settled');
  assert.deepEqual(frame.take(operation, 0, failedReply), nothing);
  assert.equal(operation.state, 'complete');
});

test('asked in turn, the next replica follows the large value of the one before', () => {
  const rules = { inTurn: () => [2, 1] };
  const frame = pendingFrame(frameBytes(1, 0, { acksRequired: 1, replicaCount: 2 }), rules);
  const operation = operationOf(frame);
  assert.equal(frame.next()?.node, 2);
  assert.deepEqual(frame.take(operation, 2, announcement), askLarge(2));
  assert.equal(frame.next(), undefined);
  frame.take(operation, 2, recordOf(1));
  assert.equal(frame.next()?.node, 1);
});

/** A read of a head at 2 of 3, and what came of it. */
function headRead(readRepair: ReadRepair): {
  frame: PendingFrame;
  operation: PendingOperation;
  outcome: () => Outcome;
} {
  const frame = pendingFrame(headOnlyFrame({ acksRequired: 2, replicaCount: 3 }), { readRepair });
  const outcome = (): Outcome => {
    const leaving = frame.leave();
    const settled: Outcome[] = [];
    if (leaving.do !== 'end-task' || leaving.outcomes === undefined) throw new Error(`nothing left: ${leaving.do}`);
    visitOutcomes(leaving.outcomes, (_tag, code, tally, value, version, expiresAt) => {
      settled.push(asOutcome(code, tally, value, version, expiresAt));
    });
    return settled[0] ?? assert.fail('no outcome');
  };
  return { frame, operation: operationOf(frame), outcome };
}

test('a read that may do without the value is answered by what enough replicas announce, and reads nothing', () => {
  for (const [record, expiresAt] of [
    [recordOf(1), 0],
    [expiringOf(1, 5000), 5000],
  ] as const) {
    const large = announced(1, recordBytes, record);
    const { frame, operation, outcome } = headRead('blocking');
    for (const node of [2, 0]) assert.deepEqual(frame.take(operation, node, large), nothing);
    const valueBytes = recordBytes - RECORD_HEADER_BYTES - (expiresAt === 0 ? 0 : EXPIRY_BYTES);
    const version = readVersion(record.bytes, record.offset);
    assert.deepEqual(outcome(), { kind: 'announced', valueBytes, version, expiresAt });
    assert.deepEqual(frame.take(operation, 1, large), nothing);
    assert.equal(operation.state, 'complete');
  }
});

test('such a read reads the value where too few announce it, and for a replica that lacks it', () => {
  for (const readRepair of ['blocking', 'background'] as const) {
    const { frame, operation } = headRead(readRepair);
    frame.take(operation, 2, announcement);
    assert.deepEqual(frame.take(operation, 1, absent), askLarge(2), readRepair);
    assert.equal(operation.state, 'pending');
  }
  const { frame, operation, outcome } = headRead('blocking');
  for (const node of [2, 1]) frame.take(operation, node, announcement);
  assert.equal(outcome().kind, 'announced');
  assert.deepEqual(frame.take(operation, 0, absent), askLarge(2));
});

test('such a read of what one replica has removed is answered where enough announce it, and says if too few do', () => {
  const agreed = headRead('blocking');
  for (const [node, reply] of [announcement, absentBelow(5), announcement].entries()) {
    agreed.frame.take(agreed.operation, node, reply);
  }
  assert.equal(agreed.outcome().kind, 'announced');
  const alone = headRead('blocking');
  for (const [node, reply] of [announcement, absentBelow(5), failedReply].entries()) {
    alone.frame.take(alone.operation, node, reply);
  }
  assert.equal(alone.outcome().kind, 'unreachable');
});
