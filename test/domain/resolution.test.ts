/** Resolving reads: the newest record answers, and exactly those with less are to be repaired. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import { replyCodes } from '../../src/formats/codes.ts';
import { compareRecords } from '../../src/domain/merge.ts';
import { recordKinds } from '../../src/formats/record.ts';
import { announcementOf, failedReply, type Reply } from '../../src/formats/reply.ts';
import { announcersOf, countHolders, newerReply, readStep, staleReplicas } from '../../src/domain/resolution.ts';
import { bytesOf, makeRecord } from '../formats/arbitraries.ts';

const key = Buffer.from('key');
const absent: Reply = { ...failedReply, code: replyCodes.absent };

const recordReply = (version: number, kind: 0 | 1 = recordKinds.value, value: Buffer = Buffer.from('v')): Reply => ({
  code: replyCodes.record,
  ...makeRecord(key, { version, nodeId: 1, kind }, kind === recordKinds.tombstone ? Buffer.alloc(0) : value),
});

const anyReply = fc.oneof(
  fc.constant(absent),
  fc.constant(failedReply),
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom(recordKinds.value, recordKinds.tombstone), bytesOf(0, 1))
    .map((parts) => recordReply(...parts)),
);

test('the newest of any replies is the greatest record among them, in whatever order they arrive', () => {
  fc.assert(
    fc.property(fc.array(anyReply, { minLength: 1, maxLength: 6 }), (replies) => {
      const records = replies.filter((reply) => reply.code === replyCodes.record);
      for (const order of [replies, replies.toReversed()]) {
        const newest = order.reduce(newerReply);
        if (records.length === 0) assert.notEqual(newest.code, replyCodes.record);
        else assert.ok(records.every((record) => compareRecords(newest, record) >= 0));
      }
    }),
    { numRuns: 1000 },
  );
});

test('a record is newer than nothing, and a newer tombstone hides a value', () => {
  const value = recordReply(1);
  const tombstone = recordReply(2, recordKinds.tombstone);
  assert.equal(newerReply(absent, value), value);
  assert.equal(newerReply(value, absent), value);
  assert.equal(newerReply(value, failedReply), value);
  assert.equal(newerReply(value, tombstone), tombstone);
  assert.equal(newerReply(tombstone, recordReply(1)), tombstone);
});

test('the replicas to repair are those that have less than the newest, never one that failed', () => {
  fc.assert(
    fc.property(fc.array(anyReply, { minLength: 1, maxLength: 6 }), (replies) => {
      const newest = replies.reduce(newerReply);
      const stale = staleReplicas(
        replies.map((reply, node) => ({ node, reply })),
        newest,
      );
      const naive = replies.flatMap((reply, node) => {
        if (newest.code !== replyCodes.record || reply.code === replyCodes.failed) return [];
        return reply.code === replyCodes.absent || compareRecords(newest, reply) > 0 ? [node] : [];
      });
      assert.deepEqual(stale, naive);
    }),
    { numRuns: 1000 },
  );
});

test('records that are only announced are compared by their stamps, as the whole ones would be', () => {
  const versions = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.boolean()), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(versions, (drawn) => {
      // One value a version, as coordinators stamp them; version 0 stands for nothing.
      const whole = drawn.map(([version]) => (version === 0 ? absent : recordReply(version)));
      const some = whole.map((reply, node) =>
        drawn[node]?.[1] === true && reply !== absent ? announcementOf(reply) : reply,
      );
      const newest = some.reduce(newerReply);
      const best = Math.max(...drawn.map(([version]) => version));
      const having = drawn.flatMap(([version], node) => (version === best ? [node] : []));
      const replies = some.map((reply, node) => ({ node, reply }));
      const stale = best === 0 ? [] : drawn.flatMap(([version], node) => (version < best ? [node] : []));
      assert.deepEqual(staleReplicas(replies, newest), stale);
      assert.deepEqual(
        announcersOf(replies, newest),
        having.filter((node) => some[node]?.code === replyCodes.large),
      );
      const isWhole = having.some((node) => some[node]?.code === replyCodes.record);
      const told = isWhole ? replyCodes.record : replyCodes.large;
      assert.equal(newest.code, best === 0 ? replyCodes.absent : told);
    }),
    { numRuns: 1000 },
  );
});

test('two writes of one stamp are two: who holds the one does not hold the other, announced or not', () => {
  const [lesser, greater] = [
    recordReply(3, recordKinds.value, Buffer.from('a')),
    recordReply(3, recordKinds.value, Buffer.from('b')),
  ];
  const holders = (...replies: Reply[]) => {
    const told = replies.map((reply, node) => ({ node, reply }));
    return [countHolders(told, greater), countHolders(told, lesser), staleReplicas(told, greater)];
  };
  assert.equal(newerReply(lesser, greater), greater);
  assert.deepEqual(holders(lesser, greater, greater), [2, 1, [0]]);
  assert.deepEqual(holders(announcementOf(lesser), announcementOf(greater)), [1, 1, [0]]);
  const announced = [lesser, greater].map((reply, node) => ({ node, reply: announcementOf(reply) }));
  assert.deepEqual(announcersOf(announced, greater), [1], 'the value is read from who has this one');
});

test('where no replica has a record there is nothing to repair', () => {
  assert.deepEqual(
    staleReplicas(
      [
        { node: 0, reply: absent },
        { node: 1, reply: failedReply },
      ],
      absent,
    ),
    [],
  );
});

test('a replica that only lacks a tombstone is repaired too', () => {
  const tombstone = recordReply(2, recordKinds.tombstone);
  const replies = [tombstone, recordReply(1), absent].map((reply, node) => ({ node, reply }));
  assert.deepEqual(staleReplicas(replies, tombstone), [1, 2]);
});

test('a replica that does not know what it had lacks the newest, whatever it has', () => {
  const newest = recordReply(3);
  const recovering: Reply = { ...recordReply(2), code: replyCodes.recoveringRecord };
  const replies = [newest, { ...failedReply, code: replyCodes.damaged }, recovering, failedReply].map((reply, node) => {
    return { node, reply };
  });
  assert.deepEqual(staleReplicas(replies, newest), [1, 2]);
  assert.equal(countHolders(replies, newest), 1);
  assert.equal(countHolders(replies, recordReply(2)), 2, 'what a recovering replica holds it holds');
  assert.equal(newerReply(recordReply(2), { ...recordReply(3), code: replyCodes.recoveringRecord }).code, 9);
});

test('a read that has its votes answers only what enough replicas hold, and always comes to an end', () => {
  const few = fc.nat(4);
  const progress = fc.record({
    acksRequired: fc.integer({ min: 1, max: 4 }),
    holders: few,
    outstanding: few,
    hasWaited: fc.boolean(),
    stale: few,
    writing: few,
  });
  fc.assert(
    fc.property(progress, (one) => {
      const step = readStep(one);
      assert.equal(step === 'answer', one.holders >= one.acksRequired);
      if (step === 'await-votes') assert.ok(one.outstanding > 0 && !one.hasWaited);
      if (step === 'write-back') assert.ok(one.stale > 0 && (one.hasWaited || one.outstanding === 0));
      if (step === 'pending') assert.ok(one.outstanding + one.writing > 0 && one.stale === 0);
      if (step === 'unreachable') assert.equal(one.outstanding + one.writing + one.stale, 0);
    }),
    { numRuns: 2000 },
  );
});
