/** Comparisons as real ones leave them, put together by the code that sums up real runs. */
import { maximumOf } from '../../profiling/compare/maximum.ts';
import { compareSchema, type CompareResult, type CompareRun, type LoadPoint } from '../../profiling/compare/result.ts';
import { compareSteps, neighbours, summarise } from '../../profiling/compare/summary.ts';
import type { BenchResult, LoadOperation, SearchStep } from '../../profiling/load/result.ts';
import { heldRun, invalidRun } from './bench-results.ts';

export interface ComparisonOptions {
  readonly rounds?: number;
  readonly modes?: readonly string[];
  readonly ops?: readonly LoadOperation[];
  readonly cutShort?: boolean;
  /** In its first round the generator of this mode did not keep up. */
  readonly invalidMode?: string;
}

const latencies: Readonly<Record<string, number>> = { sync: 3100, async: 1500, batched: 700 };
const maxima: Readonly<Record<string, number>> = { sync: 1000, async: 3000, batched: 12_000 };

export function comparison(options: ComparisonOptions = {}): CompareResult {
  const { rounds = 3, modes = ['sync', 'async', 'batched'], ops = ['put', 'get'], cutShort = false } = options;
  const searches = modes.flatMap((mode) => ops.map((op) => ({ subject: mode, op, ...search(mode, rounds) })));
  const runs: CompareRun[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const op of ops) {
      for (const point of [{ kind: 'rate', rate: 300 } as const, { kind: 'share', share: 0.6 } as const]) {
        for (const mode of modes) {
          const isInvalid = mode === options.invalidMode && round === 1;
          runs.push({ subject: mode, op, point, round, result: run({ mode, op, point, round, isInvalid }) });
        }
      }
    }
  }
  const summary = summarise(runs);
  const { environment } = heldRun({ seconds: 1, rate: 10 });
  return {
    schema: compareSchema,
    startedAt: '2026-03-01T12:00:00.000Z',
    command: 'kvorum compare --modes sync,async,batched --op put,get --rates 300',
    cutShort,
    settings: {
      ops,
      readShare: 0.5,
      rates: [300],
      maximumShare: 0.6,
      rounds,
      nodes: 3,
      durationMs: 4000,
      warmupMs: 1000,
      searchDurationMs: 3000,
      connections: 64,
      keys: 10_000,
      distribution: 'uniform',
      arrival: 'constant',
      valueBytes: 256,
      ack: null,
      from: null,
      durability: 'fsync',
      targets: 'one',
      p99MsMax: 50,
    },
    subjects: modes.map((name) => ({
      name,
      source: name,
      environment: { ...environment, cluster: { ...environment.cluster, mode: name } },
      idleCpuMsPerSecond: name === 'sync' ? null : 12.5,
    })),
    searches,
    runs,
    summary,
    steps: compareSteps(neighbours(modes), summary, searches),
  };
}

interface RunPlace {
  readonly mode: string;
  readonly op: LoadOperation;
  readonly point: LoadPoint;
  readonly round: number;
  readonly isInvalid: boolean;
}

function run({ mode, op, point, round, isInvalid }: RunPlace): BenchResult {
  const rate = point.kind === 'rate' ? point.rate : Math.round(((maxima[mode] ?? 1000) * 0.6) / 10);
  const options = { mode, rate, seconds: 4, seed: round * 17 + rate, latencyUs: latencies[mode] ?? 1000 };
  const result = isInvalid ? invalidRun(options) : heldRun(options);
  return { ...result, label: `${mode} ${op}`, workload: { ...result.workload, op } };
}

function search(mode: string, rounds: number): ReturnType<typeof maximumOf> {
  const found = maxima[mode] ?? 1000;
  const step = (rate: number, reason: string): SearchStep => {
    return { rate, achieved: rate, p50Us: 900, p99Us: rate * 3, failed: 0, held: reason === '', reason };
  };
  return maximumOf(
    Array.from({ length: rounds }, (_, round) => {
      const best = found + round * 40;
      return [step(best / 2, ''), step(best * 1.3, 'p99 80 ms over 50 ms'), step(best, '')];
    }),
  );
}
