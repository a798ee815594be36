import assert from 'node:assert/strict';
import test from 'node:test';
import type { MainMarks } from '../../src/waits/wait-marks.ts';
import {
  joinRecordings,
  type MainRecording,
  type RecordingFacts,
  type ThreadWaits,
  type WorkerRecording,
} from '../../src/waits/wait-recording.ts';

const facts: RecordingFacts = {
  url: 'http://localhost:8080',
  mode: 'batched',
  durability: 'fsync',
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 1000,
  options: { every: 4, operationsMax: 100 },
};

function threadWaits(thread: string): ThreadWaits {
  return { thread, loopDelay: null, cpuUs: null, runQueueUs: null, timeslices: null, gc: [] };
}

/** Six milliseconds in the main thread around four in the worker, one for each step. */
function mainMarks(tag: number, arrivedAt: number): MainMarks {
  const [admittedAt, dispatchedAt, flushedAt, postedAt] = [1, 2, 3, 4].map((after) => arrivedAt + after) as [
    number,
    number,
    number,
    number,
  ];
  const back = { deliveredAt: arrivedAt + 9, answeredAt: arrivedAt + 10 };
  return { tag, method: 'GET', arrivedAt, admittedAt, dispatchedAt, flushedAt, postedAt, ...back };
}

function mainRecording(operations: readonly MainMarks[], more: Partial<MainRecording> = {}): MainRecording {
  const watched = { waits: threadWaits('main'), pauses: { starts: [], ends: [] }, runQueue: { at: [], totals: [] } };
  return { originMs: 0, ...watched, operations, skipped: 0, unfinished: 0, native: threadWaits('native'), ...more };
}

/** A worker whose clock shows `aheadMs` more than the main thread's. */
function workerRecording(
  name: string,
  aheadMs: number,
  operations: readonly { tag: number; arrivedAt: number }[],
  more: Partial<WorkerRecording> = {},
): WorkerRecording {
  const marks = operations.map(({ tag, arrivedAt }) => {
    const [startedAt, askedAt, sentAt, repliedAt, leftAt] = [5, 5.5, 6, 7, 8].map(
      (after) => arrivedAt + after + aheadMs,
    ) as [number, number, number, number, number];
    const batch = { sentAt, headersAt: sentAt, repliedAt, remote: '100,0,0,0,0,300' };
    const path = [{ kind: 'peer', askedAt, peer: { batch } }] as const;
    return { marks: { tag, startedAt, path, isDecided: true, leftAt }, ownRunUs: 250 };
  });
  const watched = { waits: threadWaits(name), pauses: { starts: [], ends: [] }, runQueue: { at: [], totals: [] } };
  return { originMs: -aheadMs, ...watched, operations: marks, systemThreadId: '1', ...more };
}

test('operations find their worker, whatever its clock shows and how often their tag was used', () => {
  const arrivals = [100, 200, 300];
  const main = mainRecording(arrivals.map((arrivedAt) => mainMarks(7, arrivedAt)));
  const workers = [
    workerRecording('worker 1', 5000, [
      { tag: 7, arrivedAt: 300 },
      { tag: 7, arrivedAt: 100 },
    ]),
    workerRecording('worker 2', -4000, [{ tag: 7, arrivedAt: 200 }]),
  ];
  const { operations, stages, every, threads } = joinRecordings(main, workers, facts);
  const at = (stage: (typeof stages)[number]): number => stages.indexOf(stage);
  for (const { totalUs, stagesUs, decider, ownRunUs } of operations) {
    assert.deepEqual([totalUs, decider, ownRunUs], [10_000, 'peer', 250]);
    assert.equal(stagesUs[at('toWorker')], 1000);
    assert.equal(stagesUs[at('toMain')], 1000);
    assert.equal(stagesUs[at('network')], 600);
    assert.equal(stagesUs[at('unaccounted')], 0);
  }
  assert.equal(every, 4);
  assert.deepEqual(
    threads.map(({ thread }) => thread),
    ['main', 'worker 1', 'worker 2', 'native'],
  );
});

test('an operation whose worker has no marks of it is kept, with its middle unaccounted', () => {
  const { operations, stages } = joinRecordings(mainRecording([mainMarks(7, 100)]), [], facts);
  assert.equal(operations[0]?.decider, 'none');
  assert.equal(operations[0]?.stagesUs[stages.indexOf('unaccounted')], 5000);
});

test('pauses and waits for a core count for the thread that has the operation at that time, and for no other', () => {
  // The main thread pauses before the post (1 ms of 2), in between (not counted), and at the end (0.5 ms).
  const pauses = { starts: [99, 105, 109.5], ends: [101, 107, 111] };
  // The worker: from the post at 104 to the outcome at 108, in its own clock.
  const runQueue = { at: [5104, 5108, 5120], totals: [10, 12, 100] };
  const worker = workerRecording('worker 1', 5000, [{ tag: 7, arrivedAt: 100 }], { runQueue });
  const { operations } = joinRecordings(mainRecording([mainMarks(7, 100)], { pauses }), [worker], facts);
  assert.equal(operations[0]?.gcUs, 1500);
  assert.equal(operations[0]?.runQueueUs, 2000);
});
