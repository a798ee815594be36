/** The dispatcher's and the main thread's half of a wait recording, without a worker. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import { MainWaits } from '../../../profiling/inside/main-waits.ts';
import { startWaits } from '../../../profiling/inside/waits.ts';
import { slotBits, type DispatchWaits } from '../../../src/waits/wait-marks.ts';
import type { TimedExchange, WaitPoints } from '../../../src/waits/wait-recording.ts';

function exchange(arrivedAt = performance.now()): TimedExchange {
  return { method: 'PUT', arrivedAt, startedAt: performance.now() };
}

function pass(waits: DispatchWaits<TimedExchange>, tags: readonly number[]): void {
  waits.flushed(tags)?.();
  waits.delivered();
  for (const tag of tags) waits.answered(tag);
}

test('marks stand in the order of the path, for the sampled operations of a frame alone', () => {
  const waits = new MainWaits({ every: 2, operationsMax: 10 });
  const tags = [0, 1, 2, 3];
  for (const tag of tags) waits.taken(tag, exchange());
  assert.equal(waits.flushed([1, 3]), undefined);
  pass(waits, tags);
  const { operations, skipped, unfinished } = waits.stop(new Set());
  assert.deepEqual(
    operations.map(({ tag }) => tag),
    [0, 2],
  );
  assert.deepEqual([skipped, unfinished], [0, 0]);
  for (const marks of operations) {
    const { arrivedAt, admittedAt, dispatchedAt, flushedAt, postedAt, deliveredAt, answeredAt } = marks;
    const order = [arrivedAt, admittedAt, dispatchedAt, flushedAt, postedAt, deliveredAt, answeredAt];
    assert.deepEqual(
      order,
      order.toSorted((one, other) => one - other),
    );
    assert.ok(arrivedAt > 0);
  }
});

test('what came before the recording is not timed, whatever an earlier recording has noted', () => {
  const waits = new MainWaits({ every: 1, operationsMax: 10 });
  waits.taken(1, exchange(0));
  waits.taken(2, exchange(1));
  pass(waits, [1, 2]);
  assert.deepEqual(waits.stop(new Set()).operations, []);
});

test('past its bound operations are counted and not kept, and those without an answer are said to be', () => {
  const waits = new MainWaits({ every: 1, operationsMax: 3 });
  for (let tag = 0; tag < 5; tag++) waits.taken(tag, exchange());
  pass(waits, [0, 1]);
  const { operations, skipped, unfinished } = waits.stop(new Set());
  assert.deepEqual([operations.length, skipped, unfinished], [2, 2, 1]);
});

test('a slot that is used again is another operation', () => {
  const waits = new MainWaits({ every: 1, operationsMax: 10 });
  for (const tag of [3, 2 ** slotBits + 3]) {
    waits.taken(tag, exchange());
    pass(waits, [tag]);
  }
  assert.equal(waits.stop(new Set()).operations.length, 2);
});

test('the hooks are given when the workers record, and taken away before they are asked for what they have', async () => {
  const calls: string[] = [];
  const points: WaitPoints = {
    url: 'http://localhost:1',
    mode: 'batched',
    durability: 'fsync',
    setHooks: (hooks) => calls.push(hooks === undefined ? 'no hooks' : 'hooks'),
    startWorkers: (options, module) => {
      assert.deepEqual(options, { every: 7, operationsMax: 20_000 });
      assert.match(module, /^file:.*worker-waits\.js$/);
      calls.push('start');
      return Promise.resolve();
    },
    stopWorkers: () => {
      calls.push('stop');
      return Promise.resolve([]);
    },
  };
  const stop = await startWaits(points, 7);
  const recording = await stop();
  assert.deepEqual(calls, ['start', 'hooks', 'no hooks', 'stop']);
  assert.deepEqual([recording.every, recording.mode, recording.operations.length], [7, 'batched', 0]);
  assert.ok(recording.threads.some(({ thread, loopDelay }) => thread === 'main' && loopDelay !== null));
  assert.ok(Buffer.byteLength(JSON.stringify(recording)) > 0);
});
