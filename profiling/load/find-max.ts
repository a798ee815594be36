/**
 * The highest rate that a cluster holds, by search: doubles the rate until one is not held, then halves the interval
 * between the highest held and the lowest not held, until it is no wider than `precision` of the held one. Pure, over
 * whatever measures a rate.
 *
 * A rate is held where it is answered at 98% or more and keeps the bounds. One noisy run must not
 * decide: a rate that is not held is measured again, and counts as not held when it fails twice, or once where less than
 * 80% of it was answered. A rate that is held counts at once, since noise makes a cluster look slower and not faster.
 */
import { percentileUs } from './histogram.ts';
import type { BenchResult, Bounds, SearchStep, Verdict } from './result.ts';
import { checksOf, errorCount, perSecond } from './verdict.ts';

export interface FindMaxOptions {
  readonly startRate: number;
  readonly bounds: Bounds;
  /** Relative: 0.05 ends where the found rate and the next that failed are 5% apart. */
  readonly precision: number;
  /** Bound of the measurements, second tries included. */
  readonly stepsMax: number;
  readonly onStep?: (step: SearchStep, result: BenchResult) => void;
}

export interface FoundMax {
  /** The run of the highest rate that was held; undefined where none was. */
  readonly best: BenchResult | undefined;
  readonly steps: readonly SearchStep[];
  /** What ended the search early by being thrown; undefined where nothing was. */
  readonly failure: Error | undefined;
}

/** No noise makes a rate look held by so little. */
const clearlyMissedShare = 0.8;
/** Below this nothing is searched: one request a second. */
const rateMin = 1;

/** Never throws: a run that fails ends the search with what was found before. */
export async function findMax(
  measure: (rate: number) => Promise<BenchResult>,
  options: FindMaxOptions,
): Promise<FoundMax> {
  const { startRate, precision, stepsMax } = options;
  const steps: SearchStep[] = [];
  let best: BenchResult | undefined;
  let held = 0;
  let missed = Infinity;
  let isOver = false;
  let isClear = false;

  const tryOnce = async (rate: number): Promise<boolean> => {
    const result = await measure(rate);
    const step = stepOf(rate, result, options.bounds);
    steps.push(step);
    isOver = result.cutShort || steps.length >= stepsMax;
    isClear = step.achieved < clearlyMissedShare * rate;
    options.onStep?.(step, result);
    if (step.held) best = result;
    return step.held;
  };

  let rate = startRate;
  try {
    while (!isOver) {
      const isHeld = (await tryOnce(rate)) || (!isOver && !isClear && (await tryOnce(rate)));
      if (isHeld) held = rate;
      else missed = rate;
      if (missed - held <= Math.max(precision * held, rateMin)) break;
      rate = nextRate(held, missed);
    }
  } catch (error) {
    return { best, steps, failure: error instanceof Error ? error : new Error(String(error)) };
  }
  return { best, steps, failure: undefined };
}

/** Whether a run held its rate within the bounds, and why not. */
export function stepOf(rate: number, result: BenchResult, bounds: Bounds): SearchStep {
  const { totals, latency, verdict, cutShort } = result;
  const reasons = [
    ...(cutShort ? ['interrupted'] : []),
    ...(verdict.kind === 'invalid' ? ['generator saturated'] : []),
    ...checksOf(result, bounds).flatMap(({ reason }) => reason ?? []),
  ];
  return {
    rate,
    achieved: totals.rate,
    p50Us: percentileUs(latency, 50),
    p99Us: percentileUs(latency, 99),
    failed: errorCount(result),
    held: reasons.length === 0,
    reason: reasons.join(', '),
  };
}

/** What a search came to: the rate found, and why the next one was not held. `run` is of that rate, or the last tried. */
export function searchVerdict(run: BenchResult, steps: readonly SearchStep[], isCut: boolean): Verdict {
  const { checks, kind } = run.verdict;
  const end = isCut ? ' (cut short)' : '';
  const held = steps.filter((step) => step.held).map(({ rate }) => rate);
  if (held.length === 0) {
    const tried = steps.map(({ rate, reason }) => `${perSecond(rate)}: ${reason}`).at(-1) ?? 'none';
    const sentence = `HELD NONE of the rates tried; not ${tried}${end}`;
    return { kind: kind === 'held' ? 'missed' : kind, sentence, checks };
  }
  const best = Math.max(...held);
  const next = steps.filter((step) => !step.held && step.rate > best).toSorted((a, b) => a.rate - b.rate)[0];
  const bound = next === undefined ? 'higher rates were not tried' : `not ${perSecond(next.rate)}: ${next.reason}`;
  return { kind: 'held', sentence: `HELD AT MOST ${perSecond(best)}; ${bound}${end}`, checks };
}

/** Rates are whole, so that they can be given on a command line. */
function nextRate(held: number, missed: number): number {
  if (missed === Infinity) return held * 2;
  if (held === 0) return Math.max(rateMin, Math.round(missed / 2));
  return Math.round((held + missed) / 2);
}
