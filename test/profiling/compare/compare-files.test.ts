import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareFiles } from '../../../profiling/compare/compare-files.ts';
import {
  compareSchema,
  type CompareResult,
  type CompareRun,
  type MaximumSearch,
} from '../../../profiling/result/compare.ts';
import type { SearchStep } from '../../../profiling/load/result.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { bareRun, type BareRun } from '../../support/bench-results.ts';

function compared(a: readonly string[], b: readonly string[]): CompareResult {
  return compareFiles({ a, b, command: 'kvorum compare', startedAt: '2026-01-01T00:00:00.000Z' });
}

function files(directory: string) {
  let count = 0;
  const save = (content: unknown): string => {
    const path = join(directory, `${++count}.json`);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  return { save, bench: (run: BareRun = {}): string => save(bareRun(run)) };
}

const step = (rate: number, held: boolean): SearchStep => {
  return { rate, achieved: rate, p50Us: 1, p99Us: 1, failed: 0, held, reason: '' };
};

function comparisonOf(modes: Readonly<Record<string, readonly number[]>>): CompareResult {
  const runs = Object.entries(modes).flatMap(([subject, latencies]) =>
    latencies.map((latencyUs, index): CompareRun => ({
      subject,
      op: 'put',
      point: { kind: 'rate', rate: 1000 },
      round: index + 1,
      result: bareRun({ latencyUs, mode: subject }),
    })),
  );
  const searches = Object.keys(modes).map((subject): MaximumSearch => ({
    subject,
    op: 'put',
    best: 10,
    missed: 20,
    spread: { median: 10, min: 9, max: 11, count: 3 },
    steps: [step(10, true), step(20, false)],
  }));
  return {
    schema: compareSchema,
    startedAt: '',
    command: '',
    cutShort: false,
    settings: null,
    subjects: Object.keys(modes).map((name) => ({
      name,
      source: name,
      environment: bareRun({ mode: name }).environment,
      idleCpuMsPerSecond: 5,
    })),
    searches,
    runs,
    summary: [],
    steps: [],
  };
}

test('compareFiles() of one run a side shows both and gives no verdict', (t) => {
  const { bench } = files(temporaryDirectory(t));
  const [a, b] = [bench({ latencyUs: 1000 }), bench({ latencyUs: 9000 })];
  const { subjects, runs, summary, steps, settings } = compared([a], [b]);
  assert.equal(settings, null);
  assert.deepEqual(
    subjects.map(({ name, source }) => [name, source]),
    [
      ['a', a],
      ['b', b],
    ],
  );
  assert.deepEqual([runs.length, summary.length], [2, 2]);
  assert.deepEqual(steps[0]?.points[0]?.point, { kind: 'rate', rate: 1000 });
  const verdicts = new Set(steps[0]?.points[0]?.changes.map(({ verdict }) => verdict));
  assert.deepEqual([...verdicts], ['unknown']);
});

test('compareFiles() takes several files a side for rounds, which give ranges and verdicts', (t) => {
  const { bench } = files(temporaryDirectory(t));
  const side = (latencies: readonly number[]): string[] => latencies.map((latencyUs) => bench({ latencyUs }));
  const { runs, steps, subjects } = compared(side([1000, 1100, 1200]), side([500, 600, 700]));
  assert.deepEqual(
    runs.map(({ subject, round }) => `${subject}${round}`),
    ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'],
  );
  assert.equal(steps[0]?.points[0]?.changes.find(({ measure }) => measure === 'p50Us')?.verdict, 'less');
  assert.equal(subjects.length, 2);
});

test('compareFiles() of runs at other rates compares them as they were run', (t) => {
  const { bench } = files(temporaryDirectory(t));
  const { steps } = compared([bench({ rate: 1000 })], [bench({ rate: 2000 })]);
  assert.deepEqual(steps[0]?.points[0]?.point, { kind: 'as-run' });
  assert.match(steps[0]?.sentences[0] ?? '', /at the rate of each file \(a 1,000\/s, b 2,000\/s\)/);
});

test('compareFiles() compares clusters of different modes, where each side has one', (t) => {
  const { bench } = files(temporaryDirectory(t));
  const { subjects } = compared([bench({ mode: 'sync' })], [bench({ mode: 'async' })]);
  assert.deepEqual(
    subjects.map(({ name, environment }) => [name, environment.cluster['mode']]),
    [
      ['a', 'sync'],
      ['b', 'async'],
    ],
  );
});

test('compareFiles() takes the maxima of searches, several for rounds', (t) => {
  const { bench } = files(temporaryDirectory(t));
  const found = (rate: number): string => bench({ rate, search: [step(rate, true), step(rate * 2, false)] });
  const { searches, steps } = compared([found(100), found(110)], [found(300), found(310)]);
  assert.deepEqual(
    searches.map(({ subject, best, spread }) => [subject, best, spread?.count]),
    [
      ['a', 105, 2],
      ['b', 305, 2],
    ],
  );
  assert.equal(steps[0]?.maximum?.verdict, 'more');
});

test('compareFiles() of comparisons pairs what has the same mode', (t) => {
  const { save } = files(temporaryDirectory(t));
  const before = save(comparisonOf({ sync: [10, 11], async: [20, 21], batched: [30, 31] }));
  const after = save(comparisonOf({ async: [5, 6], sync: [10, 12] }));
  const { subjects, steps, searches } = compared([before], [after]);
  assert.deepEqual(
    subjects.map(({ name }) => name),
    ['a sync', 'b sync', 'a async', 'b async'],
  );
  const verdict = (from: string): string | undefined =>
    steps.find((one) => one.from === from)?.points[0]?.changes.find(({ measure }) => measure === 'p50Us')?.verdict;
  assert.deepEqual([verdict('a sync'), verdict('a async')], ['none', 'less']);
  assert.deepEqual(
    steps.map(({ from, to }) => `${from} -> ${to}`),
    ['a sync -> b sync', 'a async -> b async'],
  );
  assert.equal(searches.find(({ subject }) => subject === 'a sync')?.best, 10);
});

test('compareFiles() compares a run with a comparison of one cluster at the same rate', (t) => {
  const { save, bench } = files(temporaryDirectory(t));
  const { steps } = compared([save(comparisonOf({ batched: [10, 11] }))], [bench({})]);
  assert.deepEqual(steps[0]?.points[0]?.point, { kind: 'rate', rate: 1000 });
});

test('compareFiles() says what is wrong with a file', (t) => {
  const directory = temporaryDirectory(t);
  const { save, bench } = files(directory);
  const good = bench();
  const missing = join(directory, 'missing.json');
  const { latency: _, ...noLatency } = bareRun();
  for (const [a, b, message] of [
    [missing, good, `Bad --a "${missing}": cannot be read: ENOENT`],
    [good, directory, `Bad --b "${directory}": cannot be read: EISDIR`],
    [save('{"schema":'), good, 'is not JSON; expected a file of kvorum bench --json or kvorum compare --json'],
    [good, save([1]), 'is no result; expected kvorum-bench/1 or kvorum-compare/1, whole'],
    [save('null'), good, 'is no result'],
    [save({ schema: 'kvorum-bench/9' }), good, 'has the schema "kvorum-bench/9"; expected kvorum-bench/1'],
    [save(noLatency), good, 'has the schema "kvorum-bench/1"; expected kvorum-bench/1 or kvorum-compare/1, whole'],
    [save({ ...comparisonOf({}), runs: [{}] }), good, 'has the schema "kvorum-compare/1"'],
    [bench({ op: 'put' }), bench({ op: 'get' }), '(put rate 1000) and'],
    [save(comparisonOf({ sync: [1], async: [1] })), save(comparisonOf({ batched: [1], other: [1] })), 'no cluster in'],
    [save(comparisonOf({})), good, '(nothing) and'],
  ] as const) {
    assert.throws(
      () => compared([a], [b]),
      (error: Error & { code?: string }) => error.code === 'bad-setting' && error.message.includes(message),
      message,
    );
  }
});
