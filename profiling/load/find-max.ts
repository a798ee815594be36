/**
 * The highest rate that a cluster holds, by search: doubles the rate until one is not held, then halves the interval
 * between the highest held and the lowest not held, until it is no wider than `precision` of the held one. Pure, over
 * whatever measures a rate.
 *
 * A rate is held where it is answered at 98% or more, without an error, with p99 within the bound. One noisy run must not
 * decide: a rate that is not held is measured again, and counts as not held when it fails twice, or once where less than
 * 80% of it was answered. A rate that is held counts at once, since noise makes a cluster look slower and not faster.
 */
import { percentileUs } from './histogram.ts';
import type { BenchResult, SearchStep } from './result.ts';
import { errorCount, milliseconds } from './verdict.ts';

export interface FindMaxOptions {
  readonly startRate: number;
  readonly p99MsMax: number;
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
}

/** No noise makes a rate look held by so little. */
const clearlyMissedShare = 0.8;
/** Below this nothing is searched: one request a second. */
const rateMin = 1;

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
    const step = stepOf(rate, result, options.p99MsMax);
    steps.push(step);
    isOver = result.cutShort || steps.length >= stepsMax;
    isClear = step.achieved < clearlyMissedShare * rate;
    options.onStep?.(step, result);
    if (step.held) best = result;
    return step.held;
  };

  let rate = startRate;
  while (!isOver) {
    const isHeld = (await tryOnce(rate)) || (!isOver && !isClear && (await tryOnce(rate)));
    if (isHeld) held = rate;
    else missed = rate;
    if (missed - held <= Math.max(precision * held, rateMin)) break;
    rate = nextRate(held, missed);
  }
  return { best, steps };
}

/** Whether a run held its rate, and why not. */
export function stepOf(rate: number, result: BenchResult, p99MsMax: number): SearchStep {
  const { totals, latency, verdict, cutShort } = result;
  const p99Us = percentileUs(latency, 99);
  const failed = errorCount(result);
  const reasons: string[] = [];
  if (cutShort) reasons.push('interrupted');
  if (verdict.kind === 'invalid') reasons.push('generator saturated');
  if (failed > 0) reasons.push(`${failed} errors`);
  const offered = totals.seconds === 0 ? 0 : totals.due / totals.seconds;
  if (verdict.kind === 'missed') {
    reasons.push(`achieved ${offered === 0 ? 0 : Math.floor((totals.rate / offered) * 100)}% of the rate`);
  }
  if (p99Us > p99MsMax * 1000) reasons.push(`p99 ${milliseconds(p99Us)} over ${p99MsMax} ms`);
  const p50Us = percentileUs(latency, 50);
  return { rate, achieved: totals.rate, p50Us, p99Us, failed, held: reasons.length === 0, reason: reasons.join(', ') };
}

/** Rates are whole, so that they can be given on a command line. */
function nextRate(held: number, missed: number): number {
  if (missed === Infinity) return held * 2;
  if (held === 0) return Math.max(rateMin, Math.round(missed / 2));
  return Math.round((held + missed) / 2);
}
