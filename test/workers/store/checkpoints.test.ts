/** When segments are checkpointed, with a writer that is told when a checkpoint ends. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Checkpoints, type SealedSegment } from '../../../workers/store/checkpoints.ts';
import { MemtableLayer } from '../../../workers/store/memtable.ts';
import type { WriterEnd } from '../../../workers/store/writer.ts';

interface Bench {
  readonly checkpoints: Checkpoints;
  /** Sequences of the segments whose checkpoints have begun. */
  readonly begun: number[];
  /** Over how long each was to be spread, milliseconds; and how often the writer was told to hurry. */
  readonly spreads: number[];
  readonly hurries: () => number;
  /** Ends the checkpoint that runs. */
  readonly endOne: () => Promise<void>;
}

function bench(): Bench {
  const begun: number[] = [];
  const spreads: number[] = [];
  let hurries = 0;
  let end: ((end: WriterEnd) => void) | undefined;
  const checkpoints = new Checkpoints({
    writer: {
      checkpoint: ({ sequence, spreadMs }) => {
        begun.push(sequence);
        spreads.push(spreadMs);
        return new Promise((resolve) => (end = resolve));
      },
      hurry: () => hurries++,
    },
    onDone: () => {},
    onFull: () => {},
    onFatal: (error) => assert.fail(String(error)),
  });
  const endOne = async (): Promise<void> => {
    end?.({ kind: 'done', id: 0, records: 0, seconds: 0 });
    await nextTurn();
  };
  return { checkpoints, begun, spreads, hurries: () => hurries, endOne };
}

function segment(sequence: number): SealedSegment {
  const file = { name: `${sequence}`, write: () => {}, sync: async () => {}, close: () => {} };
  return { file, sequence, layer: new MemtableLayer(Buffer.alloc(0)) };
}

test('a hold keeps back segments that come after it, and no others', async () => {
  const { checkpoints, begun, endOne } = bench();
  checkpoints.add(segment(1));
  checkpoints.add(segment(2));
  const hold = checkpoints.hold();
  checkpoints.add(segment(3));
  const later = checkpoints.hold();
  await endOne();
  await endOne();
  assert.deepEqual(begun, [1, 2]);
  assert.equal(hold.release(), true);
  await nextTurn();
  assert.deepEqual(begun, [1, 2, 3], 'a hold that came after the segment does not keep it back');
  assert.equal(later.release(), true);
});

test('a segment waits for every hold that is older', async () => {
  const { checkpoints, begun } = bench();
  const [one, other] = [checkpoints.hold(), checkpoints.hold()];
  checkpoints.add(segment(1));
  await nextTurn();
  assert.equal(one.release(), true);
  assert.equal(one.release(), true, 'releasing twice is releasing once');
  await nextTurn();
  assert.deepEqual(begun, []);
  assert.equal(other.release(), true);
  await nextTurn();
  assert.deepEqual(begun, [1]);
});

test('a segment that has waited for a second is checkpointed, and the hold says that it did not hold', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { checkpoints, begun } = bench();
  const hold = checkpoints.hold();
  checkpoints.add(segment(1));
  await nextTurn();
  t.mock.timers.tick(999);
  await nextTurn();
  assert.deepEqual(begun, []);
  t.mock.timers.tick(1);
  await nextTurn();
  assert.deepEqual(begun, [1]);
  assert.equal(hold.release(), false);
  assert.equal(checkpoints.hold().release(), true);
});

test('end() waits for no hold', async () => {
  const { checkpoints, begun, endOne } = bench();
  checkpoints.hold();
  checkpoints.add(segment(1));
  await nextTurn();
  const ended = checkpoints.end();
  await nextTurn();
  assert.deepEqual(begun, [1]);
  await endOne();
  await ended;
});

test('a checkpoint is spread over some of the time that its segment took to fill, unless another one waits', async (t) => {
  const now = t.mock.method(performance, 'now', () => 1000).mock;
  const { checkpoints, spreads, hurries, endOne } = bench();
  now.mockImplementation(() => 4000);
  checkpoints.add(segment(1));
  await nextTurn();
  assert.deepEqual([spreads, hurries()], [[1500], 0]);
  now.mockImplementation(() => 5000);
  checkpoints.add(segment(2));
  assert.equal(hurries(), 1, 'the one that runs is not to take its time any more');
  checkpoints.add(segment(3));
  await endOne();
  await endOne();
  assert.deepEqual(spreads.slice(0, 2), [1500, 0]);
  await endOne();
  now.mockImplementation(() => 500_000);
  checkpoints.add(segment(4));
  await nextTurn();
  assert.equal(spreads.at(-1), 5000, 'a slow log does not keep its segments for long');
});

test('end() and hurry() let no checkpoint take its time', async () => {
  const { checkpoints, spreads, hurries, endOne } = bench();
  checkpoints.hurry();
  checkpoints.add(segment(1));
  await nextTurn();
  assert.deepEqual([spreads, hurries()], [[0], 2]);
  const ended = checkpoints.end();
  assert.equal(hurries(), 3);
  await endOne();
  await ended;
});
