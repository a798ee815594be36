/**
 * Several rounds of one figure as a median with its range, and what may be said of two of them. Pure.
 *
 * The rule is a plain one, which a reader can check by looking: where the ranges overlap there is no verdict. Where they
 * do not, chance is still possible, and the fewer rounds the likelier; `chanceOfParting` says how likely.
 */
import type { SearchStep } from '../load/result.ts';
import type { Change, ChangeVerdict, MaximumSearch, Spread } from '../result/compare.ts';

/** Null where there is no value. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = values.toSorted((left, right) => left - right);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) return null;
  return { median: medianOfSorted(sorted), min, max, count: sorted.length };
}

export function changeBetween(from: Spread, to: Spread): Change {
  return { from, to, verdict: verdictOf(from, to), ratio: from.median === 0 ? null : to.median / from.median };
}

/**
 * How likely two sets of rounds that measure the same thing part nevertheless, in either direction: of all the orders in
 * which their values can stand, two have one set wholly before the other.
 */
export function chanceOfParting(rounds: number, otherRounds: number): number {
  let orders = 1;
  for (let index = 1; index <= otherRounds; index++) orders = (orders * (rounds + index)) / index;
  return Math.min(1, 2 / orders);
}

/** What searches for the same highest rate came to, out of their steps. */
export function maximumOf(searches: readonly (readonly SearchStep[])[]): Omit<MaximumSearch, 'subject' | 'op'> {
  const tried = searches.filter((steps) => steps.length > 0);
  const spread = spreadOf(tried.map(highestHeld));
  const best = spread === null || spread.median === 0 ? null : Math.round(spread.median);
  const steps = tried.flat();
  const missed = steps.filter((step) => !step.held && step.rate > (best ?? 0)).map(({ rate }) => rate);
  return {
    best,
    missed: missed.length === 0 ? null : Math.min(...missed),
    spread: best === null ? null : spread,
    steps,
  };
}

function verdictOf(from: Spread, to: Spread): ChangeVerdict {
  if (from.count < 2 || to.count < 2) return 'unknown';
  if (from.min <= to.max && to.min <= from.max) return 'none';
  return to.min > from.max ? 'more' : 'less';
}

function medianOfSorted(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** 0 where none was. */
function highestHeld(steps: readonly SearchStep[]): number {
  return Math.max(0, ...steps.filter((step) => step.held).map(({ rate }) => rate));
}
