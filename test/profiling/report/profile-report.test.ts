/** A profile in words and tables; every figure is one of the measurements'. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparisonSentences, profileSentences, requestCosts } from '../../../profiling/report/profile-sentences.ts';
import type { Category } from '../../../profiling/attribution/categories.ts';
import { summarizePauses } from '../../../profiling/capture/measure.ts';
import type { CpuCosts, PartCost } from '../../../profiling/attribution/costs.ts';
import type { ProfileResult, ProfileRun } from '../../../profiling/result/profile.ts';
import { profileMarkdown } from '../../../profiling/report/profile-report.ts';

const window = { startedAt: '2026-01-01T00:00:00.000Z', seconds: 1, requests: 100 };
const parts = (selves: Partial<Record<Category, number>>): PartCost[] =>
  (Object.entries(selves) as [Category, number][]).map(([part, self]) => ({ part, self, total: self }));

function thread(name: string, selves: Partial<Record<Category, number>>, networkUs: number) {
  const cpuUs = Object.values(selves).reduce((sum, self) => sum + self, 0);
  const costs: CpuCosts = {
    cpuUs,
    isWallTime: false,
    runQueueUs: 0,
    busyUs: cpuUs,
    idleUs: 1e6 - cpuUs,
    blockedUs: 0,
    profilerUs: 0,
    parts: parts(selves),
    networkUs,
    unattributedShare: 0,
    unknown: [],
  };
  return { node: 'n1', thread: name, ...costs };
}

const run: ProfileRun = {
  op: 'put',
  mode: 'async',
  rateAsked: 100,
  cpu: {
    ...window,
    intervalUs: 1000,
    threads: [
      thread('main', { 'http-front': 2000, dispatch: 1000 }, 0),
      thread('worker 1', { coordination: 600, 'http-client': 1000, 'replica-listener': 1000, storage: 2400 }, 230),
    ],
    native: [{ node: 'n1', cpuUs: 2000 }],
    failed: [{ node: 'n2', thread: 'worker 1', failure: 'The thread has ended' }],
  },
  allocation: {
    ...window,
    intervalBytes: 131_072,
    threads: [
      {
        node: 'n1',
        thread: 'main',
        bytes: 204_800,
        parts: parts({ dispatch: 204_800 }),
        unattributedShare: 0,
        unknown: [],
      },
    ],
    failed: [],
  },
  collections: {
    ...window,
    threads: [
      {
        node: 'n1',
        thread: 'main',
        heapBytes: 307_200,
        offHeapBytes: 51_200,
        pauses: summarizePauses([
          { kind: 'Scavenge', durationUs: 500 },
          { kind: 'Scavenge', durationUs: 1500 },
        ]),
      },
    ],
    failed: [],
  },
  promises: { ...window, threads: [{ node: 'n1', thread: 'main', promises: 400 }], failed: [] },
};

test('profileSentences() says the study’s sentences out of the data', () => {
  const said = profileSentences(run);
  assert.match(
    said[0] ?? '',
    /^Under PUT replication takes 26% of CPU \(coordination 6%, the client between nodes 10%, the replica listener 10%\)/,
  );
  assert.match(said[0] ?? '', /network between nodes, .*, is 2\.3%$/);
  assert.equal(said[1], 'The rest of PUT: Storage 24%, HTTP front 20% and Dispatch and message passing 10%');
  assert.match(
    said[2] ?? '',
    /costs the cluster 100 us of CPU: main threads 30 us, workers 50 us, native threads 20 us$/,
  );
  assert.match(said[3] ?? '', /take 20% of CPU$/);
  assert.equal(
    said[4],
    "A PUT allocates 3 KiB on V8's heaps, at least 512 B off them, makes 4 promises and pauses threads for collection 20 us",
  );
  assert.match(said[5] ?? '', /by Dispatch and message passing 100%$/);
});

test('profileSentences() says nothing of what was not measured', () => {
  assert.deepEqual(profileSentences({ op: 'get', mode: 'sync', rateAsked: null }), []);
  assert.deepEqual(requestCosts({ op: 'get', mode: 'sync', rateAsked: null }), {
    cpuUs: null,
    heapBytes: null,
    offHeapBytes: null,
    promises: null,
    gcUs: null,
    lockUs: null,
  });
});

test('comparisonSentences() says what each mode costs against the first', () => {
  const base = { cpuUs: 100, heapBytes: 1000, offHeapBytes: null, promises: 10, gcUs: 0, lockUs: 50 };
  assert.deepEqual(
    comparisonSentences([
      { mode: 'sync', op: 'put', costs: base },
      { mode: 'async', op: 'put', costs: { ...base, cpuUs: 80, heapBytes: 1280, lockUs: 68 } },
    ]),
    [
      'A PUT in mode async costs, against sync: 20% less CPU (80 us against 100 us), 28% more allocations on the heap ' +
        '(1.3 KiB against 1,000 B), the same promises (10 against 10) and 36% more lock time (68 us against 50 us)',
    ],
  );
  assert.deepEqual(comparisonSentences([]), []);
});

test('profileMarkdown() has PUT beside GET, every thread, and what was not recorded', () => {
  const result: ProfileResult = {
    schema: 'kvorum-profile/1',
    startedAt: window.startedAt,
    command: 'kvorum profile',
    label: 'async',
    environment: {
      machine: 'a machine',
      cores: 2,
      memoryBytes: 1,
      kernel: 'Linux',
      node: 'v20',
      kvorum: '0.1.0',
      commit: null,
      cluster: { mode: 'async' },
      nodeCount: 1,
      store: { records: null, loggedRecords: null, bytes: null, fileSystem: null },
      changedSettings: null,
    },
    runs: [run, { ...run, op: 'get' }],
    files: [],
  };
  const text = profileMarkdown(result);
  assert.match(text, /^# Profile: async\n/);
  assert.match(
    text,
    /\| Part \| PUT self, us \| share, % \| PUT total, us \| GET self, us \| share, % \| GET total, us \|/,
  );
  assert.match(text, /\| Storage \| 24\.0 \| 24\.0 \| 24\.0 \| 24\.0 \| 24\.0 \| 24\.0 \|/);
  assert.match(text, /\| Threads without JavaScript \| 20\.0 \| 20\.0 \|/);
  assert.match(text, /\| Whole \| 100\.0 \| 100\.0 \|/);
  assert.match(text, /\| Part \| All threads, us \| n1 main, us \| n1 worker 1, us \|/);
  assert.match(text, /\| n1 main \| 3,072 \| 512 \| 4\.00 \| Scavenge 2, 2\.0 ms, longest 1\.5 ms \|/);
  assert.match(text, /Nothing was recorded of n2 worker 1: The thread has ended\n/);
  const tables = text.split('\n\n').filter((block) => block.startsWith('|'));
  for (const rows of tables.map((block) => block.trim().split('\n'))) {
    const cells = rows.map((row) => row.split(' | ').length);
    assert.equal(new Set(cells).size, 1, rows.join('\n'));
  }
});

test('summarizePauses() gives count, sum and percentiles by kind, the longest kind first', () => {
  const pauses = [
    ...Array.from({ length: 100 }, (_, index) => ({ kind: 'Scavenge', durationUs: index + 1 })),
    { kind: 'MarkSweepCompact', durationUs: 9000 },
  ];
  assert.deepEqual(summarizePauses(pauses), [
    { kind: 'MarkSweepCompact', count: 1, totalUs: 9000, p50Us: 9000, p99Us: 9000, maxUs: 9000 },
    { kind: 'Scavenge', count: 100, totalUs: 5050, p50Us: 50, p99Us: 99, maxUs: 100 },
  ]);
});
