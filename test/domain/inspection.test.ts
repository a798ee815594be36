import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { replyCodes } from '../../src/formats/codes.ts';
import { RECORD_HEADER_BYTES, recordKinds, sealRecord, type RecordKind } from '../../src/formats/record.ts';
import { failedReply, FrameWriter, readReplies, type Reply } from '../../src/formats/reply.ts';
import { holdingOf, lacks, newestHeld } from '../../src/domain/inspection.ts';

const silent = { kind: 'silent', detail: 'no reply within 10 ms' } as const;

function announced(version: number, kind: RecordKind, valueBytes: number, nodeId = 7): Reply {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  sealRecord(header, 0, 0, Buffer.from('k'), { version, nodeId, kind });
  const writer = new FrameWriter(64);
  writer.replyLarge(header, RECORD_HEADER_BYTES + valueBytes);
  return readReplies(writer.finish())[0] as Reply;
}

const plain = (code: Reply['code']): Reply => ({ ...failedReply, code });

test('holdingOf() tells what is held, whether that is a vote, and why it is none', () => {
  assert.deepEqual(holdingOf(2, announced(5, recordKinds.value, 300_000), silent), {
    node: 2,
    record: { kind: 'value', version: 5, nodeId: 7, valueBytes: 300_000, expiresAt: 0 },
    isVote: true,
    fault: undefined,
  });
  assert.equal(holdingOf(0, announced(5, recordKinds.tombstone, 0), silent).record?.kind, 'tombstone');
  const cases = [
    [replyCodes.absent, true, undefined],
    [replyCodes.damaged, false, 'damaged'],
    [replyCodes.recovering, false, 'recovering'],
    [replyCodes.failed, false, 'silent'],
  ] as const;
  for (const [code, isVote, kind] of cases) {
    const holding = holdingOf(1, plain(code), silent);
    assert.deepEqual([holding.record, holding.isVote, holding.fault?.kind], [undefined, isVote, kind], `${code}`);
  }
});

test('lacks() is of who holds less than the newest, in the order in which replicas merge', () => {
  const holdings = [
    holdingOf(0, announced(5, recordKinds.value, 1), silent),
    holdingOf(1, announced(5, recordKinds.value, 1, 8), silent),
    holdingOf(2, plain(replyCodes.absent), silent),
    holdingOf(3, failedReply, silent),
  ];
  const newest = newestHeld(holdings);
  assert.equal(newest?.nodeId, 8);
  assert.deepEqual(
    holdings.map((holding) => lacks(holding, newest)),
    [true, false, true, undefined],
  );
  const [empty] = holdings.slice(2);
  assert.ok(empty !== undefined && !lacks(empty, newestHeld([empty])), 'nobody has it');
});
