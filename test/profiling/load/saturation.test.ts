/** A saturated generator is told from a server that stalls, and a run gets one word and one sentence. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { LatencyHistogram, type LatencyCounts } from '../../../profiling/load/histogram.ts';
import { saturation } from '../../../profiling/load/saturation.ts';
import type { Bounds, StatusCount, Totals } from '../../../profiling/load/result.ts';
import { judgeRun } from '../../../profiling/load/verdict.ts';
import { bareRun } from '../../support/bench-results.ts';
import { workloadOf } from '../../support/load.ts';

function counts(...values: readonly number[]): LatencyCounts {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram.snapshot();
}

const totals = (changes: Partial<Totals>): Totals => ({ ...bareRun({ seconds: 1 }).totals, ...changes });
const generator = bareRun().generator;
const idle = { ...generator, utilization: 0.1, wantedCpuShare: 0.1 };

const runs: readonly (readonly [
  what: string,
  input: Partial<Parameters<typeof saturation>[0]>,
  expected: RegExp | null,
])[] = [
  ['the rate is kept', { generator: { ...generator, utilization: 0.99 } }, null],
  ['the server stalls while the generator is idle', { totals: totals({ rate: 500 }), generator: idle }, null],
  [
    'the rate is missed by a busy event loop',
    { totals: totals({ rate: 500 }), generator: { ...idle, utilization: 0.97 } },
    /its event loop was busy 97% of the time/,
  ],
  [
    'the rate is missed by a process that is kept from the cores',
    { totals: totals({ rate: 500 }), generator: { ...idle, wantedCpuShare: 0.99 } },
    /it ran or waited for a core 99% of the time/,
  ],
  [
    'the latency is the generator’s own lateness',
    { latency: counts(80_000), lateness: counts(75_000), generator: idle },
    /started 75 ms late or more although connections were free/,
  ],
  ['the lateness is a small part', { latency: counts(800_000), lateness: counts(75_000), generator: idle }, null],
];

for (const [what, changes, expected] of runs) {
  test(`saturation() says ${expected === null ? 'nothing' : 'so'} where ${what}`, () => {
    const input = { totals: totals({}), latency: counts(1000), lateness: counts(0), generator, ...changes };
    const said = saturation(input);
    if (expected === null) assert.equal(said, null);
    else assert.match(said ?? '', expected);
  });
}

interface VerdictCase {
  readonly what: string;
  readonly run?: { totals?: Partial<Totals>; statuses?: StatusCount[]; saturated?: string; op?: 'get' };
  readonly bounds?: Bounds;
  readonly kind: string;
  readonly sentence: RegExp;
}

const full = { totals: { failed: 3 }, statuses: [{ status: '507', count: 3 }] };
const verdicts: readonly VerdictCase[] = [
  { what: 'held', kind: 'held', sentence: /^HELD 1,000\/s: p99 1\.00 ms, no errors$/ },
  { what: 'just held', run: { totals: { rate: 980 } }, kind: 'held', sentence: /^HELD/ },
  {
    what: 'missed',
    run: { totals: { rate: 979 } },
    kind: 'missed',
    sentence: /^MISSED 1,000\/s: 979\/s answered \(98%\)/,
  },
  {
    what: 'a full disk',
    run: full,
    kind: 'failed',
    sentence: /^FAILED: 3 of 1,000 requests were not successful: 3 times 507 \(disk full\)$/,
  },
  {
    what: 'as many errors as are allowed',
    run: full,
    bounds: { errorsMax: { of: 'count', max: 3 } },
    kind: 'held',
    sentence: /, 3 errors$/,
  },
  {
    what: 'a share of errors above what is allowed',
    run: full,
    bounds: { errorsMax: { of: 'share', max: 0.002 } },
    kind: 'failed',
    sentence: /^FAILED: 3 of/,
  },
  {
    what: 'requests that were not sent, which is a missed rate',
    run: { totals: { rate: 500, notSent: 400 }, statuses: [{ status: 'not sent', count: 400 }] },
    kind: 'missed',
    sentence: /^MISSED/,
  },
  {
    what: 'bounds of latency that are kept to the microsecond',
    bounds: { p99MsMax: 1, p999MsMax: 1, meanMsMax: 1 },
    kind: 'held',
    sentence: /^HELD/,
  },
  {
    what: 'bounds of latency that are passed',
    bounds: { p99MsMax: 0.9, p999MsMax: 2, meanMsMax: 0.5 },
    kind: 'missed',
    sentence: /^MISSED 1,000\/s: mean 1\.00 ms over 0\.5 ms, p99 1\.00 ms over 0\.9 ms$/,
  },
  {
    what: 'GETs that mostly found nothing',
    run: { op: 'get', totals: { completed: 1000 }, statuses: [{ status: '404', count: 970 }] },
    kind: 'held',
    sentence: /^HELD .*, no errors; 97% of the GETs found no key$/,
  },
  {
    what: 'saturated',
    run: { saturated: 'why' },
    kind: 'invalid',
    sentence: /^INVALID: generator saturated, why; 1,000\/s of 1,000\/s answered$/,
  },
];

for (const { what, run = {}, bounds = {}, kind, sentence } of verdicts) {
  test(`the verdict on a run: ${what}`, () => {
    const verdict = judgeRun({
      workload: workloadOf({ rate: 1000, ...(run.op && { op: run.op }) }),
      totals: totals(run.totals ?? {}),
      latency: counts(1000),
      statuses: run.statuses ?? [],
      bounds,
      saturated: run.saturated ?? null,
    });
    assert.equal(verdict.kind, kind);
    assert.match(verdict.sentence, sentence);
    const isKept = verdict.checks.every(({ reason }) => reason === null);
    assert.equal(isKept, kind === 'held' || kind === 'invalid');
  });
}
