/**
 * What the study (docs/study.md) measures, in which order and for how long; pure. A whole one takes less than an hour on
 * an idle machine, which a test holds it to.
 */
import { expectedMs } from '../compare/rounds.ts';
import type { CompareResult, CompareSettings } from '../result/compare.ts';

export interface StudyPlan {
  readonly modes: readonly string[];
  readonly compares: readonly CompareStep[];
  readonly load: Pick<
    CompareSettings,
    'rounds' | 'durationMs' | 'warmupMs' | 'searchDurationMs' | 'keys' | 'connections'
  >;
  /** Of each run with an instrument. */
  readonly profileMs: number;
  readonly profileOps: string;
  readonly wrk: { readonly rounds: number; readonly seconds: number; readonly rate: number };
}

/** One comparison: all modes at one durability. */
export interface CompareStep {
  readonly durability: 'fsync' | 'commit';
  readonly ops: string;
  readonly rates: string;
}

const whole: StudyPlan = {
  modes: ['sync', 'async', 'batched'],
  compares: [
    { durability: 'fsync', ops: 'put,get', rates: '1000,6000' },
    // A GET syncs nothing.
    { durability: 'commit', ops: 'put', rates: '6000' },
  ],
  load: { rounds: 3, durationMs: 30_000, warmupMs: 1000, searchDurationMs: 3000, keys: 20_000, connections: 64 },
  profileMs: 4000,
  profileOps: 'put,get',
  wrk: { rounds: 3, seconds: 30, rate: 1000 },
};

/** To try whether the study runs: its figures say nothing. */
const short: StudyPlan = {
  modes: ['async', 'batched'],
  compares: whole.compares.map((step) => ({ ...step, ops: 'put', rates: '200' })),
  load: { rounds: 1, durationMs: 1000, warmupMs: 200, searchDurationMs: 500, keys: 200, connections: 16 },
  profileMs: 1000,
  profileOps: 'put',
  wrk: { rounds: 1, seconds: 2, rate: 200 },
};

export function studyPlan({ isShort }: { readonly isShort: boolean }): StudyPlan {
  return isShort ? short : whole;
}

/** Of `kvorum compare`, without the files. */
export function compareArguments({ modes, load }: StudyPlan, { durability, ops, rates }: CompareStep): string[] {
  const { rounds, durationMs, warmupMs, searchDurationMs, keys, connections } = load;
  // No value has a space.
  const what = `--modes ${modes.join()} --op ${ops} --durability ${durability} --rates ${rates} --share 0`;
  const times = `--rounds ${rounds} --duration ${durationMs}ms --warmup ${warmupMs}ms --search-duration ${searchDurationMs}ms`;
  return `${what} ${times} --keys ${keys} --connections ${connections}`.split(' ');
}

export interface ProfileStep {
  readonly name: string;
  readonly mode: string;
  readonly rate: number;
}

const shareOfWeakest = 0.6;
const rateWithoutMaximum = 100;

/** All modes at a rate that each holds with room to spare, and the last one at the highest common rate that it holds so. */
export function profileSteps({ modes }: StudyPlan, fsync: CompareResult | undefined): ProfileStep[] {
  const found = fsync?.searches ?? [];
  const shared = Math.min(...found.map(({ best }) => best ?? 0));
  const common = Number.isFinite(shared) && shared > 0 ? Math.floor(shared * shareOfWeakest) : rateWithoutMaximum;
  const steps = modes.map((mode) => ({ name: mode, mode, rate: Math.max(1, common) }));
  const last = modes.at(-1) ?? 'batched';
  const own = Math.min(...found.filter(({ subject }) => subject === last).map(({ best }) => best ?? 0));
  const high = Number.isFinite(own) ? Math.min(6000, Math.floor(own * shareOfWeakest)) : 0;
  return high > common * 2 ? [...steps, { name: `${last}-high`, mode: last, rate: high }] : steps;
}

/** Of `kvorum profile`, without the directory. By our generator always: wrk2 would warm up for 10 s before each run. */
export function profileArguments({ load, profileMs, profileOps }: StudyPlan, { mode, rate }: ProfileStep): string[] {
  const what = `--up 3 --mode ${mode} --durability fsync --op ${profileOps} --rate ${rate}`;
  const times = `--duration ${profileMs}ms --warmup ${2 * profileMs}ms`;
  return `${what} ${times} --keys ${load.keys} --connections ${load.connections} --engine built-in`.split(' ');
}

/** Runs of a profile: seven instruments and two without. */
const profileRuns = 9;
/** Starting a cluster, reading recordings and drawing pages; and filling at the rate that `sync` takes. */
const startMs = 5000;
const fillMsPerKey = 1.75;
const wrkCalibrationMs = 11_000;

export function expectedMinutes(plan: StudyPlan): number {
  const { modes, compares, load, profileMs, profileOps, wrk } = plan;
  const overheadMs = startMs + load.keys * fillMsPerKey;
  const comparing = compares.map(({ ops, rates }) => {
    const settings = { ...load, ops: ops.split(','), rates: rates.split(',').map(Number), maximumShare: 0 };
    return expectedMs(modes.length, settings) + overheadMs;
  });
  const profileMsEach = profileOps.split(',').length * (profileRuns * (profileMs + 1700) + 2 * profileMs) + overheadMs;
  const wrkMs = wrk.rounds * (wrk.seconds * 1000 + wrkCalibrationMs) + overheadMs;
  const all = [...comparing, (modes.length + 1) * profileMsEach, wrkMs];
  return Math.ceil(all.reduce((sum, ms) => sum + ms, 0) / 60_000);
}
