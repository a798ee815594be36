/** What a replica says to a write that meets a record under its key. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import { areSameLargeWrite, makeHead } from '../../../src/formats/large-head.ts';
import { recordKinds, type RecordKind } from '../../../src/formats/record.ts';
import { meet } from '../../../workers/store/wins.ts';
import { makeRecord, recordBytes } from '../../formats/arbitraries.ts';

const key = Buffer.from('key');

function record(version: number, text: string, kind: RecordKind = recordKinds.value): Buffer {
  return recordBytes(makeRecord(key, { version, nodeId: 1, kind }, Buffer.from(text)));
}

const setId = (byte: number): Buffer => Buffer.alloc(16, byte);

for (const [what, written, current, meeting] of [
  ['a newer one', record(2, 'a'), record(1, 'b'), 'wins'],
  ['an older one', record(1, 'b'), record(2, 'a'), 'loses'],
  ['the same one', record(1, 'a'), record(1, 'a'), 'again'],
  // A node whose directory is an older copy of itself gave this stamp before.
  ['another one of the same stamp that loses', record(1, 'a'), record(1, 'b'), 'loses'],
  ['another one of the same stamp that wins', record(1, 'b'), record(1, 'a'), 'wins'],
  ['a value of the stamp of a delete', record(1, 'a'), record(1, '', recordKinds.tombstone), 'loses'],
  ['a record that is damaged', record(2, 'a'), damaged(record(1, 'b')), 'damaged'],
] as const) {
  test(`a write meets a record: ${what}`, () => assert.equal(meet(written, current, key), meeting));
}

test('a large value that is written again is the same write, whatever its chunks are called', () => {
  const head = (letter: string, byte: number): Buffer => makeHead(record(1, letter.repeat(200_000)), setId(byte));
  assert.equal(areSameLargeWrite(head('x', 1), head('x', 2)), true);
  assert.deepEqual([meet(head('x', 1), head('x', 2), key), meet(head('x', 2), head('x', 1), key)], ['again', 'wins']);
  // Another one of the same stamp.
  assert.equal(areSameLargeWrite(head('x', 1), head('y', 2)), false);
  assert.deepEqual([meet(head('x', 1), head('y', 2), key), meet(head('y', 2), head('x', 1), key)].sort(), [
    'loses',
    'wins',
  ]);
});

function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] as number) ^ 0xff;
  return copy;
}
