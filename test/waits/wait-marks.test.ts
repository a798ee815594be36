import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  batchMarks,
  decodeRemote,
  encodeRemote,
  isSampled,
  slotBits,
  type PeerMarks,
} from '../../src/waits/wait-marks.ts';

test('isSampled() takes one in so many, of operations that come together and of those that come one after another', () => {
  for (const every of [1, 2, 7, 16, 1000]) {
    const together = Array.from({ length: every * 10 }, (_, slot) => 5 * 2 ** slotBits + slot);
    const inTurn = Array.from({ length: every * 4 }, (_, generation) => (generation % 4096) * 2 ** slotBits + 3);
    assert.equal(together.filter((tag) => isSampled(tag, every)).length, 10, `${every} together`);
    assert.equal(inTurn.filter((tag) => isSampled(tag, every)).length, 4, `${every} in turn`);
  }
});

test('what a peer tells is read back to the microsecond', () => {
  const durations = fc.array(fc.nat(10_000_000), { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(durations, fc.boolean(), (parts, isLarge) => {
      const [receiveUs = 0, turnUs = 0, mergeUs = 0, writeUs = 0, durableUs = 0, answerUs = 0] = parts;
      const at = parts.reduce<number[]>((sums, part) => [...sums, (sums.at(-1) ?? 0) + part], [0]);
      const [, submittedAt = 0, startedAt = 0, mergedAt = 0, writtenAt = 0, durableAt = 0, repliedAt = 0] = at.map(
        (micros) => micros / 1000,
      );
      const run = isLarge ? undefined : { startedAt, mergedAt, writtenAt, durableAt };
      const told = decodeRemote(encodeRemote(0, { submittedAt, run, repliedAt }));
      const rest = turnUs + mergeUs + writeUs + durableUs + answerUs;
      const large = { receiveUs, turnUs: 0, mergeUs: 0, writeUs: 0, durableUs: 0, answerUs: rest, isLarge };
      assert.deepEqual(told, isLarge ? large : { receiveUs, turnUs, mergeUs, writeUs, durableUs, answerUs, isLarge });
    }),
  );
});

test('what no peer of ours would tell is no durations', () => {
  for (const text of [
    undefined,
    '',
    '1',
    '1,2,3',
    '1,2,3,4,5,6,7',
    '1,-2',
    '1,2.5',
    'a,b',
    '1,,2',
    '1e9,2',
    `${'9'.repeat(13)},1`,
  ]) {
    assert.equal(decodeRemote(text), undefined, String(text));
  }
});

test('batchMarks() gives all marked parts of a request the same marks, and a request without any none', () => {
  const [one, other]: PeerMarks[] = [{ batch: undefined }, { batch: undefined }];
  const batch = batchMarks([{ marks: one }, {}, { marks: other }], 5);
  assert.equal(batch?.sentAt, 5);
  assert.ok(one?.batch === batch && other?.batch === batch);
  assert.equal(batchMarks([{}, { marks: undefined }], 5), undefined);
});
