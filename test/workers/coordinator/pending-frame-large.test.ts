/** Large records are announced by all replicas and read from one: what is answered, what is asked, and what is held. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { allocateFrame, entryBytes, readEntries, writeRead } from '../../../src/formats/frame.ts';
import { operationKinds, outcomeCodes, replyCodes } from '../../../src/domain/operation.ts';
import { largeValueBytes, readVersion, sealRecord } from '../../../src/formats/record.ts';
import { announcementOf, failedReply, visitOutcomes, type Reply } from '../../../src/formats/reply.ts';
import { SeenVersions } from '../../../workers/ground/seen-versions.ts';
import { PendingFrame, type PendingOperation } from '../../../workers/coordinator/pending-frame.ts';

const key = Buffer.from('key');
const nowMicros = Date.now() * 1000;
const absent: Reply = { code: replyCodes.absent, bytes: Buffer.alloc(0), offset: 0, length: 0 };

/** The record that was written at a version; 0 is nothing. */
function recordAt(version: number, value = `value ${version}`): Reply {
  if (version === 0) return absent;
  const bytes = Buffer.alloc(17 + value.length);
  bytes.write(value, 17);
  sealRecord(bytes, 0, value.length, key, { version: nowMicros + version, nodeId: 1, kind: 0 });
  return { code: replyCodes.record, bytes, offset: 0, length: bytes.length };
}

const versionOf = ({ code, bytes, offset }: Reply): number =>
  code === replyCodes.record || code === replyCodes.large ? readVersion(bytes, offset) - nowMicros : 0;

function readOf(acksRequired: number, replicaCount: number, readRepair = true): PendingFrame {
  const bytes = allocateFrame(entryBytes(key.length, undefined));
  writeRead(bytes, 0, { tag: 7, kind: operationKinds.read, quorum: { acksRequired, replicaCount } }, key);
  const versions = new SeenVersions(60_000, () => {});
  return new PendingFrame(readEntries(bytes), { deadlineAt: 0, versions, readRepair });
}

const operationOf = (frame: PendingFrame): PendingOperation => frame.operations[0] ?? assert.fail('no operation');

interface Told {
  readonly code: number;
  readonly value: string;
}

async function outcomeOf(frame: PendingFrame): Promise<Told> {
  const told: Told[] = [];
  visitOutcomes((await frame.settled) ?? assert.fail('nothing left'), (_tag, code, _tally, value) => {
    told.push({ code, value: value.toString() });
  });
  assert.equal(told.length, 1);
  return told[0] as Told;
}

/** What a replica does: what it announces or gives, and what it says when it is asked for the whole. */
interface Replica {
  readonly version: number;
  readonly isLarge: boolean;
  readonly fails: boolean;
  readonly whole: 'given' | 'damaged' | 'fails' | 'newer' | 'announced again';
}

function firstReply({ version, isLarge, fails }: Replica): Reply {
  if (fails) return failedReply;
  return isLarge && version > 0 ? announcementOf(recordAt(version)) : recordAt(version);
}

function wholeReply({ version, whole }: Replica): Reply {
  if (whole === 'damaged') return absent;
  if (whole === 'fails') return failedReply;
  if (whole === 'announced again') return announcementOf(recordAt(version));
  return recordAt(whole === 'newer' ? version + 1 : version);
}

const replicas = fc.record({
  version: fc.nat(4),
  isLarge: fc.boolean(),
  fails: fc.boolean(),
  whole: fc.constantFrom('given', 'given', 'damaged', 'fails', 'newer', 'announced again'),
} satisfies { [name in keyof Replica]: fc.Arbitrary<unknown> }) as fc.Arbitrary<Replica>;

test('whatever replicas announce, give and fail to give, the newest that a quorum told of is answered, and the read ends', async () => {
  const draws = fc.array(fc.nat(1000), { minLength: 20, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.array(replicas, { minLength: 1, maxLength: 5 }), fc.nat(4), draws, async (all, ack, drawn) => {
      const acksRequired = (ack % all.length) + 1;
      const frame = readOf(acksRequired, all.length);
      const operation = operationOf(frame);
      const toReply = all.map((_replica, node) => node);
      const asked = new Set<number>();
      let [draw, settledAt] = [0, -1];
      const pick = (length: number): number => (drawn[draw++ % drawn.length] as number) % length;
      while (toReply.length > 0 || operation.asked !== undefined) {
        const next = pick(toReply.length + (operation.asked === undefined ? 0 : 1));
        if (next === toReply.length) {
          frame.takeWhole(operation, wholeReply(all[operation.asked as number] as Replica));
        } else {
          const [node] = toReply.splice(next, 1) as [number];
          frame.take(operation, node, firstReply(all[node] as Replica));
        }
        if (operation.settled && settledAt < 0) {
          // Of those whose replies count, none told of anything newer than what is answered.
          settledAt = Math.max(0, ...operation.replies.map(({ reply }) => versionOf(reply)));
          assert.ok(operation.tally.acks >= acksRequired || operation.tally.failures > all.length - acksRequired);
        }
        const holders = frame.wanted(operation);
        if (holders.length === 0) continue;
        const node = holders[pick(holders.length)] as number;
        assert.ok(!asked.has(node), 'no replica is asked twice');
        asked.add(node);
        operation.asked = node;
      }
      assert.ok(operation.settled && operation.complete && frame.complete);
      frame.release(false);
      const { code, value } = await outcomeOf(frame);
      if (operation.tally.acks < acksRequired) assert.equal(code, outcomeCodes.unreachable);
      if (code === outcomeCodes.unreachable) return;
      assert.deepEqual(
        [code, value],
        settledAt === 0 ? [outcomeCodes.missing, ''] : [outcomeCodes.found, `value ${settledAt}`],
      );
    }),
    { numRuns: 2000 },
  );
});

test('one replica is asked, where all have the same', async () => {
  const frame = readOf(2, 3);
  const operation = operationOf(frame);
  frame.take(operation, 2, announcementOf(recordAt(1)));
  assert.deepEqual(frame.wanted(operation), [], 'nobody before the quorum is met');
  frame.take(operation, 0, announcementOf(recordAt(1)));
  assert.deepEqual(frame.wanted(operation), [2, 0]);
  operation.asked = 0;
  frame.take(operation, 1, announcementOf(recordAt(1)));
  assert.deepEqual(frame.wanted(operation), [], 'nobody beside the one that is asked');
  assert.equal(operation.complete, false);
  frame.takeWhole(operation, recordAt(1));
  assert.ok(operation.complete);
  frame.release(false);
  assert.deepEqual(await outcomeOf(frame), { code: outcomeCodes.found, value: 'value 1' });
});

test('what was read is let go while others are waited for, and read again for a replica that lacks it', async () => {
  const frame = readOf(2, 3);
  const operation = operationOf(frame);
  const record = recordAt(1, 'x'.repeat(largeValueBytes + 1));
  for (const node of [0, 1]) frame.take(operation, node, announcementOf(record));
  operation.asked = 1;
  frame.takeWhole(operation, record);
  assert.ok(operation.settled && operation.replies.every(({ reply }) => reply.code === replyCodes.large));
  frame.take(operation, 2, absent);
  assert.deepEqual([operation.complete, frame.wanted(operation)], [false, [0, 1]]);
  operation.asked = 0;
  frame.takeWhole(operation, record);
  assert.ok(operation.complete && operation.newest?.code === replyCodes.record, 'there for the repair');
  frame.release(false);
  assert.equal((await outcomeOf(frame)).value.length, largeValueBytes + 1);
});

test('without read repair nothing is read that no outcome needs', () => {
  const frame = readOf(1, 3, false);
  const operation = operationOf(frame);
  frame.take(operation, 0, absent);
  for (const node of [1, 2]) frame.take(operation, node, announcementOf(recordAt(1)));
  assert.deepEqual([operation.settled, operation.complete, frame.wanted(operation)], [true, true, []]);
});

test('a read whose value does not come in time times out, and nothing more is asked for it', async () => {
  const frame = readOf(1, 2);
  const operation = operationOf(frame);
  frame.take(operation, 0, announcementOf(recordAt(1)));
  operation.asked = 0;
  frame.expire();
  frame.release(false);
  assert.equal((await outcomeOf(frame)).code, outcomeCodes.timedOut);
  frame.take(operation, 1, absent);
  assert.equal(operation.complete, false);
  frame.takeWhole(operation, failedReply);
  assert.deepEqual([operation.complete, frame.wanted(operation)], [true, []]);
});
