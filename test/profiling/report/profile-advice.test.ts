/** Advice is drawn from the figures: the two that weigh most, with what usually helps, and none of what was not measured. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Category } from '../../../profiling/attribution/categories.ts';
import { adviceOf } from '../../../profiling/report/profile-advice.ts';
import type { CpuMeasurement, ProfileRun } from '../../../profiling/result/profile.ts';
import type { OperationWaits, WaitTable } from '../../../profiling/result/waits.ts';
import type { WaitStage } from '../../../src/waits/wait-stages.ts';

type Thread = CpuMeasurement['threads'][number];

function thread(name: string, parts: Partial<Record<Category, number>>, runQueueUs = 0): Thread {
  const own = Object.entries(parts).map(([part, self]) => ({ part: part as Category, self, total: self }));
  return {
    node: 'n1',
    thread: name,
    cpuUs: own.reduce((sum, { self }) => sum + self, 0),
    isWallTime: false,
    runQueueUs,
    busyUs: 0,
    idleUs: 0,
    blockedUs: 0,
    profilerUs: 0,
    parts: own,
    networkUs: 0,
    unattributedShare: 0,
    unknown: [],
  };
}

function runOf(
  threads: readonly Thread[],
  others: Partial<ProfileRun> = {},
  native: CpuMeasurement['native'] = null,
): ProfileRun {
  const cpu = { startedAt: '', seconds: 1, requests: 1000, intervalUs: 1000, threads, native, failed: [] };
  return { op: 'put', mode: 'batched', rateAsked: 1000, cpu, ...others };
}

function waitsOf(shares: Partial<Record<WaitStage, number>>, durability = 'fsync'): WaitTable {
  const rows = Object.entries(shares).map(([stage, share]) => ({ stage, share }));
  const all = { method: 'PUT', count: 100, rows } as unknown as OperationWaits;
  return { durability, operations: [all] } as unknown as WaitTable;
}

const calm = [thread('main', { 'http-front': 60_000, dispatch: 20_000 }), thread('worker 1', { storage: 50_000 })];

const cases: readonly (readonly [what: string, run: ProfileRun, advice: readonly RegExp[]])[] = [
  ['nothing measured', { op: 'get', mode: 'sync', rateAsked: null }, []],
  ['nothing stands out', runOf(calm), [/^The largest part of a PUT's CPU is HTTP front, 46%: /]],
  [
    'a main thread without a pause',
    runOf([thread('main', { 'http-front': 930_000 }), thread('worker 1', { storage: 100_000 })]),
    [/^n1 main is on a core 93% of the time, .*--targets all/, /^The largest part/],
  ],
  [
    'a worker without a pause',
    runOf([thread('main', { 'http-front': 100_000 }), thread('worker 1', { storage: 880_000 })]),
    [/^n1 worker 1 is on a core 88% .*--workers/, /^The largest part/],
  ],
  [
    'too few cores, which explains late messages too',
    runOf([thread('main', { 'http-front': 100_000 }, 60_000)], { waits: waitsOf({ toWorker: 0.5 }) }),
    [/^Threads that could run waited for a core 60% as long as they ran/, /^The largest part/],
  ],
  [
    'the disk',
    runOf(calm, { waits: waitsOf({ ownDurable: 0.3, peerDurable: 0.25, network: 0.2 }) }),
    [/^An operation waits 55% of its time until its write is on the disk: .*--durability commit/, /^The largest part/],
  ],
  [
    'messages between threads, a task each',
    runOf(calm, { mode: 'async', waits: waitsOf({ poolQueue: 0.3, toMain: 0.2 }, 'commit') }),
    [/^An operation waits 50% of its time between threads: --mode batched/, /^The largest part/],
  ],
  [
    'replication',
    runOf([thread('worker 1', { coordination: 50_000, 'http-client': 30_000, storage: 20_000 })], { mode: 'sync' }),
    [/^Replication takes 80% of CPU: --mode batched/, /^The largest part/],
  ],
  [
    'nodes that are not warm',
    runOf(calm, {}, [{ node: 'n1', cpuUs: 130_000 }]),
    [
      /^Threads without JavaScript .* take 50% of CPU: .*--warmup/,
      /^The largest part of a PUT's CPU is HTTP front, 23%/,
    ],
  ],
];

for (const [what, run, advice] of cases) {
  test(`adviceOf() says of ${what} ${advice.length === 0 ? 'nothing' : 'what to change'}`, () => {
    const said = adviceOf(run);
    assert.equal(said.length, advice.length, said.join('\n'));
    for (const [index, sentence] of said.entries()) assert.match(sentence, advice[index] ?? /^$/);
  });
}

test('adviceOf() looks at collections by the pauses, and names who allocates', () => {
  const window = { startedAt: '', seconds: 1, requests: 1000 };
  const pause = { kind: 'Scavenge', count: 9, totalUs: 26_000, p50Us: 1, p99Us: 1, maxUs: 1 };
  const run = runOf(calm, {
    collections: {
      ...window,
      failed: [],
      threads: [{ node: 'n1', thread: 'main', heapBytes: 1, offHeapBytes: 1, pauses: [pause] }],
    },
  });
  assert.match(
    adviceOf(run)[0] ?? '',
    /^Collections pause threads for 20% of the CPU that a request takes: fewer objects/,
  );
});
