/**
 * A comparison as a real one leaves it, of made-up runs: sync, async and batched under PUT and GET, at a common rate that
 * all hold, at one that sync misses, and at 60% of their own maxima, three rounds each.
 */
import { maximumOf } from '../../profiling/compare/spread.ts';
import {
  compareSchema,
  type CompareResult,
  type CompareRun,
  type CompareSettings,
  type LoadPoint,
  type MaximumSearch,
  type ModeProfile,
} from '../../profiling/result/compare.ts';
import { compareSteps, neighbours, summarise } from '../../profiling/compare/summary.ts';
import type { BenchResult, LoadOperation, SearchStep } from '../../profiling/load/result.ts';
import { heldRun, withVerdict } from './bench-results.ts';

interface Mode {
  readonly name: string;
  /** What the three searches found. */
  readonly maxima: readonly [number, number, number];
  readonly latencyUs: number;
}

const modes: readonly Mode[] = [
  { name: 'sync', maxima: [400, 380, 420], latencyUs: 2400 },
  { name: 'async', maxima: [800, 700, 820], latencyUs: 1500 },
  { name: 'batched', maxima: [2400, 2500, 2200], latencyUs: 900 },
];

export const comparedModes = modes.map(({ name }) => name);
export const commonRates = [200, 600] as const;

const ops: readonly LoadOperation[] = ['put', 'get'];
const points: readonly LoadPoint[] = [
  ...commonRates.map((rate) => ({ kind: 'rate', rate }) as const),
  { kind: 'share', share: 0.6 },
];

export interface ComparisonChanges {
  /** In the place of the modes' names. */
  readonly names?: readonly string[];
  /** Of each run, before it is summed up. */
  readonly change?: (run: CompareRun) => BenchResult;
  readonly cutShort?: boolean;
}

export function comparison({ names = comparedModes, change, cutShort = false }: ComparisonChanges = {}): CompareResult {
  const named = modes.map((mode, index) => ({ ...mode, name: names[index] ?? mode.name }));
  const made = ops.flatMap((op) => named.flatMap((mode, index) => runsOf(mode, op, index)));
  const runs = made.map((run) => (change === undefined ? run : { ...run, result: change(run) }));
  const searches = ops.flatMap((op) => named.map((mode) => searchOf(mode, op)));
  const summary = summarise(runs);
  return {
    schema: compareSchema,
    startedAt: '2026-03-01T12:00:00.000Z',
    command: 'kvorum compare --modes sync,async,batched --op put,get --rates 200,600 --rounds 3',
    cutShort,
    settings,
    subjects: named.map(({ name }, index) => ({
      name,
      source: name,
      environment: heldRun({ mode: comparedModes[index] ?? name, seconds: 1, rate: 10 }).environment,
      idleCpuMsPerSecond: index === 0 ? null : 9.5 + index,
    })),
    searches,
    runs,
    summary,
    steps: compareSteps(neighbours(named.map(({ name }) => name)), summary, searches),
  };
}

/** With what `--profile` adds. */
export function profiledComparison(directory: string, changes: ComparisonChanges = {}): CompareResult {
  const result = comparison(changes);
  const profiles = result.subjects.map(({ name }, index): ModeProfile => ({
    mode: name,
    op: 'put',
    rate: 240,
    directory: `${directory}/${name}`,
    costs: {
      cpuUs: 410.5 - index * 100,
      heapBytes: 51_234 + index,
      offHeapBytes: 7000,
      promises: 41.5,
      gcUs: 12.25,
      lockUs: index === 0 ? null : 3.5,
    },
  }));
  return {
    ...result,
    profiles,
    profileSentences: ['A PUT in mode async costs, against sync: 24% less CPU (310 us against 411 us)'],
  };
}

const settings: CompareSettings = {
  ops,
  readShare: 0.5,
  rates: commonRates,
  maximumShare: 0.6,
  rounds: 3,
  nodes: 3,
  durationMs: 2000,
  warmupMs: 500,
  searchDurationMs: 700,
  connections: 64,
  keys: 10_000,
  distribution: 'uniform',
  arrival: 'constant',
  valueBytes: 64,
  ack: null,
  from: null,
  durability: 'fsync',
  targets: 'one',
  p99MsMax: 50,
};

function runsOf({ name, maxima, latencyUs }: Mode, op: LoadOperation, index: number): CompareRun[] {
  return points.flatMap((point) =>
    [1, 2, 3].map((round): CompareRun => {
      const rate = point.kind === 'rate' ? point.rate : Math.round(maxima[0] * 0.6);
      const mode = comparedModes[index] ?? name;
      const options = { seed: index * 10 + round, mode, rate, seconds: 2, latencyUs, label: `${name} ${op} ${rate}/s` };
      const run = heldRun(options);
      const result = { ...run, workload: { ...run.workload, op } };
      return { subject: name, op, point, round, result: rate > maxima[0] ? missed(result) : result };
    }),
  );
}

function missed(run: BenchResult): BenchResult {
  const totals = { ...run.totals, rate: run.totals.rate * 0.7 };
  return withVerdict({ ...run, totals }, 'missed', 'MISSED: achieved 70% of the rate');
}

function searchOf({ name, maxima }: Mode, op: LoadOperation): MaximumSearch {
  const step = (rate: number, held: boolean): SearchStep => ({
    rate,
    achieved: held ? rate : rate * 0.9,
    p50Us: 900,
    p99Us: held ? 9000 : 80_000,
    failed: 0,
    held,
    reason: held ? '' : 'p99 80 ms over 50 ms',
  });
  return {
    subject: name,
    op,
    ...maximumOf(maxima.map((best) => [step(best / 2, true), step(best, true), step(best * 2, false)])),
  };
}
