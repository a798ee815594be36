/** What is kept for nodes that are away, what goes at the bound, and what is done with what they answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heirOf, judgeDelivery, mergeKept, roomFor, type HintRoom, type RoomTaken } from '../../src/domain/hints.ts';
import { replyCodes } from '../../src/formats/codes.ts';

const { applied, superseded, full, failed, damaged } = replyCodes;

test('at the bound the oldest hints go of the node for which most is kept, and nothing that is being delivered', () => {
  const cases: [what: string, bytes: number, taken: RoomTaken[], room: HintRoom][] = [
    ['there is room', 10, [{ bytes: 90, canDrop: true }], { do: 'keep' }],
    ['nothing is kept yet', 100, [], { do: 'keep' }],
    ['a hint beyond the whole bound', 101, [], { do: 'refuse' }],
    ['one node', 11, [{ bytes: 90, canDrop: true }], { do: 'drop-oldest', of: 0 }],
    [
      'two nodes',
      11,
      [
        { bytes: 30, canDrop: true },
        { bytes: 60, canDrop: true },
      ],
      { do: 'drop-oldest', of: 1 },
    ],
    [
      'the most is being delivered or filled',
      11,
      [
        { bytes: 30, canDrop: true },
        { bytes: 60, canDrop: false },
      ],
      { do: 'drop-oldest', of: 0 },
    ],
    ['nothing can go', 11, [{ bytes: 90, canDrop: false }], { do: 'refuse' }],
  ];
  for (const [what, bytes, taken, room] of cases) assert.deepEqual(roomFor(bytes, 100, taken), room, what);
});

test('a batch is over when all of it is durable at the target, or the target will never take the rest', () => {
  const cases: [what: string, codes: Parameters<typeof judgeDelivery>[0], tries: number, delivery: object][] = [
    ['all is there', [applied, superseded], 0, { do: 'advance', delivered: 2, refused: 0 }],
    ['nothing was to be sent', [], 0, { do: 'advance', delivered: 0, refused: 0 }],
    ['it could not be asked', undefined, 3, { do: 'again', tries: 3 }],
    ['its disk is full', [applied, full], 4, { do: 'again', tries: 4 }],
    ['it failed one', [applied, failed], 0, { do: 'again', tries: 1 }],
    ['it failed one again and again', [applied, failed], 4, { do: 'advance', delivered: 1, refused: 1 }],
    ['what it has is damaged', [damaged, applied], 0, { do: 'advance', delivered: 1, refused: 1 }],
  ];
  for (const [what, codes, tries, delivery] of cases) assert.deepEqual(judgeDelivery(codes, tries), delivery, what);
});

test('the next node after the target that is up takes over its hints, never the target or the one that stops', () => {
  assert.equal(heirOf(0, 2, [false, true, false, true]), 1);
  assert.equal(heirOf(1, 2, [true, false, true, true]), 3);
  assert.equal(heirOf(2, 0, [true, false, false]), undefined);
  assert.equal(heirOf(1, 0, [false, true]), undefined);
});

test('what the workers of a node keep is told by target, with the oldest version of all', () => {
  const none = { count: 0, bytes: 0, oldest: undefined };
  const kept = mergeKept([
    { target: 'b', count: 2, bytes: 20, oldest: 7 },
    { target: 'a', count: 1, bytes: 10, oldest: 9 },
    { target: 'c', ...none },
    { target: 'b', count: 3, bytes: 30, oldest: 5 },
    { target: 'a', ...none },
  ]);
  assert.deepEqual(kept, [
    { target: 'a', count: 1, bytes: 10, oldest: 9 },
    { target: 'b', count: 5, bytes: 50, oldest: 5 },
  ]);
});
