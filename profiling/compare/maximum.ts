/** What a search for the highest rate came to. Pure. */
import type { SearchStep } from '../load/result.ts';
import type { MaximumSearch, Spread } from './result.ts';

/** The highest rate held, and the lowest above it that was not. */
export function maximumOf(steps: readonly SearchStep[]): Pick<MaximumSearch, 'best' | 'missed' | 'steps'> {
  const held = steps.filter((step) => step.held).map(({ rate }) => rate);
  const best = held.length === 0 ? null : Math.max(...held);
  const missed = steps.filter((step) => !step.held && step.rate > (best ?? 0)).map(({ rate }) => rate);
  return { best, missed: missed.length === 0 ? null : Math.min(...missed), steps };
}

/** The range of a maximum goes from the highest rate held to the lowest that was not. */
export function maximumSpread({ best, missed }: Pick<MaximumSearch, 'best' | 'missed'>): Spread | null {
  if (best === null) return null;
  return { median: best, min: best, max: missed ?? best, count: missed === null ? 1 : 2 };
}
