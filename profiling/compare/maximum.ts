/** What searches for the highest rate came to. Pure. */
import type { SearchStep } from '../load/result.ts';
import type { MaximumSearch } from '../result/compare.ts';
import { spreadOf } from './spread.ts';

/** Out of the steps of one or more searches for the same maximum. */
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

/** 0 where none was. */
function highestHeld(steps: readonly SearchStep[]): number {
  return Math.max(0, ...steps.filter((step) => step.held).map(({ rate }) => rate));
}
