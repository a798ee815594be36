/** Which copies a node may let go of when the cluster's list has changed. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { preferenceList } from '../../src/domain/rendezvous.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import {
  isMissedByFormer,
  isSurplus,
  maySurplusGo,
  openedUnder,
  type PlacementHistory,
} from '../../src/domain/surplus.ts';
import { replyCodes } from '../../src/formats/codes.ts';
import { RECORD_HEADER_BYTES, recordKinds, sealRecord } from '../../src/formats/record.ts';
import { announcementOf, failedReply, FrameWriter, readReplies, type Reply } from '../../src/formats/reply.ts';

const ids = [11, 22, 33, 44, 55];
const placement = (count: number, replicationFactor = 3): Placement => {
  return { name: `${count} at ${replicationFactor}`, nodeIds: ids.slice(0, count), selfIndex: 0, replicationFactor };
};

function history(...opened: readonly (readonly [Placement, number])[]): PlacementHistory {
  let known: PlacementHistory | undefined;
  for (const [list, newest] of opened) known = openedUnder(known, list, { newest, nowMicros: 2 * newest });
  return known ?? assert.fail();
}

test('a list that is opened again changes nothing, another one becomes the one of now, and four former ones are remembered', () => {
  const same = history([placement(3), 5]);
  assert.equal(openedUnder(same, placement(3), { newest: 9, nowMicros: 9 }), same);
  const many = history(
    [placement(3), 5],
    [placement(4), 7],
    [placement(5), 9],
    [placement(5, 2), 11],
    [placement(5, 1), 13],
    [placement(2), 15],
  );
  assert.deepEqual([many.now.name, many.former.map(({ until }) => until)], ['2 at 3', [15, 13, 11, 9]]);
});

test('a copy is surplus if a former list gave it to this node, the list of now does not, and it is no newer than that list', () => {
  const grown = history([placement(3, 2), 0], [placement(5, 2), 100]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 1, max: 200 }), (hash, version) => {
      const isNow = preferenceList(hash, ids, 2).includes(0);
      const wasThen = preferenceList(hash, ids.slice(0, 3), 2).includes(0);
      assert.equal(isSurplus(grown, hash, version), !isNow && wasThen && version <= 100);
      assert.equal(
        isSurplus(history([placement(5, 2), 100]), hash, version),
        false,
        'without a former list nothing is',
      );
    }),
  );
});

test('what was kept for a node under a former list is not brought to it if the key is none of its any more', () => {
  const grown = history([placement(3, 2), 0], [placement(5, 2), 100]);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.nat({ max: 400 }),
      fc.nat({ max: 4 }),
      (keyHash, version, node) => {
        const isIts = preferenceList(keyHash, ids, 2).includes(node);
        assert.equal(isMissedByFormer(grown, node, { keyHash, version }), !isIts && version <= 200);
        assert.equal(isMissedByFormer(history([placement(5, 2), 100]), node, { keyHash, version }), false);
      },
    ),
  );
});

function record(
  version: number,
  kind: typeof recordKinds.value | typeof recordKinds.tombstone = recordKinds.value,
): Reply {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES);
  sealRecord(bytes, 0, 0, Buffer.from('key'), { version, nodeId: 1, kind });
  return { code: replyCodes.record, bytes, offset: 0, length: bytes.length };
}

function absent(floor: number): Reply {
  const writer = new FrameWriter(0);
  writer.replyAbsent(floor);
  return readReplies(writer.finish())[0] as Reply;
}

const copy = record(10);
const recovering: Reply = { ...record(20), code: replyCodes.recoveringRecord };
const held = record(10);
const newer = announcementOf(record(12, recordKinds.tombstone));
const older = record(9);

for (const [what, replies, expected] of [
  ['all replicas hold it, or something newer', [held, newer, held], true],
  ['one lacks it', [held, held, absent(0)], false],
  ['one holds something older', [held, older, held], false],
  ['one recovers, whatever it has', [held, held, recovering], false],
  ['one did not answer', [held, held, failedReply], false],
  ['all have removed it', [absent(11), absent(11), absent(11)], true],
  ['so many have removed it as every quorum has one of', [absent(11), absent(11), absent(0)], true],
  ['one says that it was deleted, and it may have lost it', [absent(11), absent(0), absent(0)], false],
  ['their floors are not above it', [absent(10), absent(10), absent(10)], false],
  ['some hold it though others have removed it', [absent(11), absent(11), held], false],
  ['nobody was asked', [], false],
] as const) {
  test(`a surplus copy ${expected ? 'may go' : 'stays'}: ${what}`, () => {
    assert.equal(maySurplusGo(copy, replies), expected);
  });
}
