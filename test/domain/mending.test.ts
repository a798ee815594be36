/** From which replies a damaged record is mended. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { mendFrom } from '../../src/domain/mending.ts';
import type { ReplicaReply } from '../../src/domain/resolution.ts';
import { replyCodes, type ReplyCode } from '../../src/formats/codes.ts';
import { RECORD_HEADER_BYTES, sealRecord } from '../../src/formats/record.ts';

const none = Buffer.alloc(0);

function record(node: number, version: number, code: ReplyCode = replyCodes.record): ReplicaReply {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + 4);
  sealRecord(bytes, 0, 4, Buffer.from('k'), { version, nodeId: 1, kind: 0 });
  return { node, reply: { code, bytes, offset: 0, length: bytes.length } };
}

function other(node: number, code: ReplyCode): ReplicaReply {
  return { node, reply: { code, bytes: none, offset: 0, length: 0 } };
}

test('the newest of enough votes is written, and read first where it was only announced', () => {
  const newest = record(2, 9);
  assert.deepEqual(mendFrom([record(1, 5), newest], 3), { kind: 'write', ...newest });
  const large = record(2, 9, replyCodes.large);
  assert.deepEqual(mendFrom([other(1, replyCodes.absent), large], 3), { kind: 'read', ...large });
});

test('what a node that recovers has counts as data, not as a vote', () => {
  const recovering = record(2, 9, replyCodes.recoveringRecord);
  assert.deepEqual(mendFrom([record(1, 5), recovering], 3), { kind: 'wait' });
  assert.deepEqual(mendFrom([record(1, 5), record(3, 6), recovering], 3), { kind: 'write', ...recovering });
});

test('it waits where too few replicas say what they know', () => {
  const damaged = other(2, replyCodes.damaged);
  assert.deepEqual(mendFrom([record(1, 5), damaged], 3), { kind: 'wait' });
  assert.deepEqual(mendFrom([record(1, 5)], 3), { kind: 'wait' });
  assert.deepEqual(mendFrom([record(1, 5)], 2), { kind: 'write', ...record(1, 5) });
  assert.deepEqual(mendFrom([], 1), { kind: 'wait' }, 'a key without other replicas');
});

test('where enough others have nothing no acknowledged write is under the key', () => {
  assert.deepEqual(mendFrom([other(1, replyCodes.absent), other(2, replyCodes.absent)], 3), { kind: 'nothing' });
});
