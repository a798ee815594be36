/** How long a comparison is going to take, as far as that is known before the searches for the maxima. Pure. */
import type { CompareSettings } from '../result/compare.ts';

/** Runs that a search takes: doublings, then halvings to 10%, some of them twice. */
const searchSteps = 8;
/** Starting the load, its last answers, and what is asked of the nodes. */
const overheadMs = 700;
const startMs = 6000;

export function expectedMs(subjectCount: number, settings: CompareSettings): number {
  const { ops, rates, rounds, warmupMs, durationMs, searchDurationMs } = settings;
  const searching = rounds * ops.length * searchSteps * (warmupMs + searchDurationMs + overheadMs);
  const running = rounds * ops.length * (rates.length + 1) * (warmupMs + durationMs + overheadMs);
  return subjectCount * (startMs + searching + running);
}
