/**
 * A comparison over whatever measures: finds each subject's maximum, then runs each at the common rates and at a share of
 * its own maximum, round after round.
 *
 * It does no I/O of its own. What ends it early, an interruption or a failure, leaves what was measured until then.
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
  | { readonly kind: 'run'; readonly run: CompareRun; readonly index: number; readonly count: number };

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
  readonly cutShort: boolean;
  /** What ended it; undefined where it was not an error. */
  readonly failure: unknown;
}

/** The found maximum and the next rate that was not held are this far apart, relatively: rounds differ by more. */
const precision = 0.1;
/** Where later rounds start, by what earlier ones found: low enough to be held, high enough that its double is not. */
const laterStartShare = 0.75;
/** Doubling 20 times would reach a billion requests a second. */
const stepsMax = 20;

/** Thrown between runs when the signal has fired; ends everything without being a failure. */
class Stopped extends Error {}

export async function runComparison(options: ComparisonOptions): Promise<Measured> {
  const searches: MaximumSearch[] = [];
  const runs: CompareRun[] = [];
  const measure = stoppable(options);
  try {
    for (const op of options.settings.ops) await searchAll(op, { ...options, measure }, searches);
    await runRounds({ ...options, measure }, searches, runs);
    return { searches, runs, cutShort: false, failure: undefined };
  } catch (error) {
    return { searches, runs, cutShort: true, failure: error instanceof Stopped ? undefined : error };
  }
}

/** Nothing starts after the signal. */
function stoppable({ measure, signal }: ComparisonOptions): Measure {
  return (order) => {
    if (signal?.aborted === true) throw new Stopped();
    return measure(order);
  };
}

/**
 * The maxima of all subjects side by side, one run at a time in turns, as often as there are rounds. Adds what was found
 * to `searches`, in the order of the subjects, also where it throws.
 */
async function searchAll(op: LoadOperation, options: ComparisonOptions, searches: MaximumSearch[]): Promise<void> {
  const inTurn = stoppingAtFailure(oneAtATime());
  const found = options.subjects.map((subject) => ({ subject, tries: [] as SearchStep[][] }));
  try {
    for (let round = 1; round <= options.settings.rounds; round++) {
      const outcomes = await Promise.allSettled(
        found.map(({ subject, tries }) => searchOne({ subject, op, inTurn, tries }, options)),
      );
      const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
      // What failed, rather than that the others stopped for it.
      if (reasons.length > 0) throw reasons.find((reason) => !(reason instanceof Stopped)) ?? reasons[0];
    }
  } finally {
    const tried = found.filter(({ tries }) => tries.some((steps) => steps.length > 0));
    searches.push(...tried.map(({ subject, tries }) => ({ subject, op, ...maximumOf(tries) })));
  }
}

type InTurn = ReturnType<typeof oneAtATime>;

/** After a run that failed none of those that wait their turn is begun. */
function stoppingAtFailure(inTurn: InTurn): InTurn {
  let hasFailed = false;
  return (task) =>
    inTurn(async () => {
      if (hasFailed) throw new Stopped();
      try {
        return await task();
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    });
}

interface SearchOrder {
  readonly subject: string;
  readonly op: LoadOperation;
  readonly inTurn: InTurn;
  /** Steps of the searches so far; this one adds its own as it goes. */
  readonly tries: SearchStep[][];
}

async function searchOne({ subject, op, inTurn, tries }: SearchOrder, options: ComparisonOptions): Promise<void> {
  const { settings, measure, onEvent } = options;
  const { searchDurationMs: durationMs, p99MsMax } = settings;
  const known = maximumOf(tries).best;
  const steps: SearchStep[] = [];
  tries.push(steps);
  let isCut = false;
  await findMax((rate) => inTurn(() => measure({ subject, op, rate, durationMs, seed: tries.length })), {
    startRate: known === null ? Math.min(...settings.rates) : Math.max(1, Math.round(known * laterStartShare)),
    bounds: { p99MsMax },
    precision,
    stepsMax,
    onStep: (step, result) => {
      isCut = result.cutShort;
      if (isCut) return;
      steps.push(step);
      onEvent?.({ kind: 'step', subject, op, step });
    },
  });
  if (isCut) throw new Stopped();
}

async function runRounds(
  options: ComparisonOptions,
  searches: readonly MaximumSearch[],
  runs: CompareRun[],
): Promise<void> {
  const { subjects, settings, measure, onEvent } = options;
  const { ops, rounds, durationMs } = settings;
  const planned = plannedRuns({ subjects, ops, points: pointsOf(settings), rounds }).flatMap((run) => {
    const rate = rateOf(run, searches);
    return rate === undefined ? [] : [{ run, rate }];
  });
  for (const [index, { run, rate }] of planned.entries()) {
    const { subject, op, round: seed } = run;
    const result = await measure({ subject, op, rate, durationMs, seed });
    const done = { ...run, result };
    runs.push(done);
    onEvent?.({ kind: 'run', run: done, index, count: planned.length });
    if (result.cutShort) throw new Stopped();
  }
}

function pointsOf({ rates, maximumShare }: ComparisonOptions['settings']): LoadPoint[] {
  return [...rates.map((rate) => ({ kind: 'rate', rate }) as const), { kind: 'share', share: maximumShare }];
}

/** Undefined for a share of a maximum that was not found. */
function rateOf({ subject, op, point }: PlannedRun, searches: readonly MaximumSearch[]): number | undefined {
  if (point.kind === 'rate') return point.rate;
  const best = searches.find((search) => search.subject === subject && search.op === op)?.best ?? null;
  return point.kind !== 'share' || best === null ? undefined : Math.max(1, Math.round(best * point.share));
}
