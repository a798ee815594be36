/**
 * A comparison over whatever measures: finds each subject's maximum, then runs each at the common rates and at a share of
 * its own maximum, round after round.
 *
 * It does no I/O of its own. A run that fails is named and left out, and the others go on; a subject whose runs fail one
 * after another is not run again. An interruption leaves what was measured until then.
 */
import { findMax } from '../load/find-max.ts';
import type { BenchResult, LoadOperation, SearchStep } from '../load/result.ts';
import { maximumOf } from './spread.ts';
import type { CompareRun, CompareSettings, LoadPoint, MaximumSearch } from '../result/compare.ts';
import { oneAtATime, plannedRuns, type PlannedRun } from './rounds.ts';

/** One run to make. */
export interface RunOrder {
  readonly subject: string;
  readonly op: LoadOperation;
  readonly rate: number;
  readonly durationMs: number;
  /** Differs from round to round, so that no subject lives off one lucky row of keys. */
  readonly seed: number;
}

export type Measure = (order: RunOrder) => Promise<BenchResult>;

export type CompareEvent =
  | { readonly kind: 'step'; readonly subject: string; readonly op: LoadOperation; readonly step: SearchStep }
  | { readonly kind: 'run'; readonly run: CompareRun; readonly index: number; readonly count: number }
  | { readonly kind: 'failed'; readonly failure: RunFailure };

export interface ComparisonOptions {
  readonly subjects: readonly string[];
  readonly settings: Pick<
    CompareSettings,
    'ops' | 'rates' | 'maximumShare' | 'rounds' | 'durationMs' | 'searchDurationMs' | 'p99MsMax'
  >;
  readonly measure: Measure;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: CompareEvent) => void;
}

export interface Measured {
  readonly searches: readonly MaximumSearch[];
  readonly runs: readonly CompareRun[];
  /** Whether it was interrupted. */
  readonly cutShort: boolean;
  readonly failures: readonly RunFailure[];
}

/** A run that was begun and gave no result. */
export interface RunFailure {
  readonly order: RunOrder;
  readonly error: unknown;
}

/** The found maximum and the next rate that was not held are this far apart, relatively: rounds differ by more. */
const precision = 0.1;
/** Where later rounds start, by what earlier ones found: low enough to be held, high enough that its double is not. */
const laterStartShare = 0.75;
/** Doubling 20 times would reach a billion requests a second. */
const stepsMax = 20;
/** After so many failed runs of a subject in a row its cluster is given up. */
const failuresInRowMax = 2;

/** Thrown between runs when the signal has fired; ends everything without being a failure. */
class Stopped extends Error {}
/** Thrown where a run of a search gave no result; ends that search alone. */
class NoResult extends Error {}

/** A run's result; undefined where it failed, or its subject was given up. */
type TryMeasure = (order: RunOrder) => Promise<BenchResult | undefined>;
type Settings = Omit<ComparisonOptions, 'measure'> & { readonly measure: TryMeasure };

export async function runComparison(options: ComparisonOptions): Promise<Measured> {
  const searches: MaximumSearch[] = [];
  const runs: CompareRun[] = [];
  const failures: RunFailure[] = [];
  const enduring = { ...options, measure: enduringFailures(options, failures) };
  try {
    for (const op of options.settings.ops) await searchAll(op, enduring, searches);
    await runRounds(enduring, searches, runs);
    return { searches, runs, cutShort: false, failures };
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    return { searches, runs, cutShort: true, failures };
  }
}

/** Nothing starts after the signal. What fails is added to `failures`. */
function enduringFailures({ measure, signal, onEvent }: ComparisonOptions, failures: RunFailure[]): TryMeasure {
  const inRow = new Map<string, number>();
  return async (order) => {
    const { subject } = order;
    const before = inRow.get(subject) ?? 0;
    if (signal?.aborted === true) throw new Stopped();
    if (before >= failuresInRowMax) return undefined;
    try {
      const result = await measure(order);
      inRow.set(subject, 0);
      return result;
    } catch (error) {
      inRow.set(subject, before + 1);
      failures.push({ order, error });
      onEvent?.({ kind: 'failed', failure: { order, error } });
      return undefined;
    }
  };
}

/**
 * The maxima of all subjects side by side, one run at a time in turns, as often as there are rounds. Adds what was found
 * to `searches`, in the order of the subjects, also where it throws.
 */
async function searchAll(op: LoadOperation, options: Settings, searches: MaximumSearch[]): Promise<void> {
  const inTurn = oneAtATime();
  const found = options.subjects.map((subject) => ({ subject, tries: [] as Try[] }));
  try {
    for (let round = 1; round <= options.settings.rounds; round++) {
      const orders = found.map(({ subject, tries }) => ({ subject, op, inTurn, tries }));
      const outcomes = await Promise.allSettled(orders.map((order) => searchOne(order, options)));
      const rejected = outcomes.find((outcome) => outcome.status === 'rejected');
      if (rejected !== undefined) throw rejected.reason;
    }
  } finally {
    const tried = found.filter(({ tries }) => tries.some(({ steps }) => steps.length > 0));
    searches.push(...tried.map(({ subject, tries }) => ({ subject, op, ...maximumOfTries(tries) })));
  }
}

/** One search; where a run of it failed, what it found is no maximum. */
interface Try {
  readonly steps: SearchStep[];
  hasFailed: boolean;
}

function maximumOfTries(tries: readonly Try[]): ReturnType<typeof maximumOf> {
  const whole = tries.filter(({ hasFailed }) => !hasFailed);
  return { ...maximumOf(whole.map(({ steps }) => steps)), steps: tries.flatMap(({ steps }) => steps) };
}

interface SearchOrder {
  readonly subject: string;
  readonly op: LoadOperation;
  readonly inTurn: ReturnType<typeof oneAtATime>;
  /** The searches so far; this one adds itself, and its steps as it goes. */
  readonly tries: Try[];
}

async function searchOne({ subject, op, inTurn, tries }: SearchOrder, options: Settings): Promise<void> {
  const { settings, measure, onEvent } = options;
  const { searchDurationMs: durationMs, p99MsMax } = settings;
  const known = maximumOfTries(tries).best;
  const own: Try = { steps: [], hasFailed: false };
  tries.push(own);
  const seed = tries.length;
  let isCut = false;
  const run = async (rate: number): Promise<BenchResult> => {
    const result = await inTurn(() => measure({ subject, op, rate, durationMs, seed }));
    if (result === undefined) throw new NoResult();
    return result;
  };
  const { failure } = await findMax(run, {
    startRate: known === null ? Math.min(...settings.rates) : Math.max(1, Math.round(known * laterStartShare)),
    bounds: { p99MsMax },
    precision,
    stepsMax,
    onStep: (step, result) => {
      isCut = result.cutShort;
      if (isCut) return;
      own.steps.push(step);
      onEvent?.({ kind: 'step', subject, op, step });
    },
  });
  own.hasFailed = failure instanceof NoResult;
  if (isCut) throw new Stopped();
  if (failure !== undefined && !own.hasFailed) throw failure;
}

async function runRounds(options: Settings, searches: readonly MaximumSearch[], runs: CompareRun[]): Promise<void> {
  const { subjects, settings, measure, onEvent } = options;
  const { ops, rounds, durationMs } = settings;
  const planned = plannedRuns({ subjects, ops, points: pointsOf(settings), rounds }).flatMap((run) => {
    const rate = rateOf(run, searches);
    return rate === undefined ? [] : [{ run, rate }];
  });
  for (const [index, { run, rate }] of planned.entries()) {
    const { subject, op, round: seed } = run;
    const result = await measure({ subject, op, rate, durationMs, seed });
    if (result === undefined) continue;
    const done = { ...run, result };
    runs.push(done);
    onEvent?.({ kind: 'run', run: done, index, count: planned.length });
    if (result.cutShort) throw new Stopped();
  }
}

function pointsOf({ rates, maximumShare }: ComparisonOptions['settings']): LoadPoint[] {
  const share = maximumShare === 0 ? [] : [{ kind: 'share', share: maximumShare } as const];
  return [...rates.map((rate) => ({ kind: 'rate', rate }) as const), ...share];
}

/** Undefined for a share of a maximum that was not found. */
function rateOf({ subject, op, point }: PlannedRun, searches: readonly MaximumSearch[]): number | undefined {
  if (point.kind === 'rate') return point.rate;
  const best = searches.find((search) => search.subject === subject && search.op === op)?.best ?? null;
  return point.kind !== 'share' || best === null ? undefined : Math.max(1, Math.round(best * point.share));
}
