/**
 * In which order runs go, and how long they take. Pure.
 *
 * A machine drifts, by a factor of two within an hour on shared ones. So subjects meet the same point one right after the
 * other, and who goes first changes from point to point and round to round: in as many rounds as there are subjects, each
 * has been in each place.
 */
import type { CompareRun, CompareSettings, LoadPoint } from '../result/compare.ts';
import type { LoadOperation } from '../load/result.ts';

export type PlannedRun = Omit<CompareRun, 'result'>;

export interface RoundsPlan {
  readonly subjects: readonly string[];
  readonly ops: readonly LoadOperation[];
  readonly points: readonly LoadPoint[];
  readonly rounds: number;
}

export function plannedRuns({ subjects, ops, points, rounds }: RoundsPlan): PlannedRun[] {
  const runs: PlannedRun[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const op of ops) {
      for (const [index, point] of points.entries()) {
        for (const subject of rotated(subjects, round - 1 + index)) runs.push({ subject, op, point, round });
      }
    }
  }
  return runs;
}

function rotated<T>(values: readonly T[], by: number): T[] {
  const start = values.length === 0 ? 0 : by % values.length;
  return [...values.slice(start), ...values.slice(0, start)];
}

/**
 * Runs what it is given one at a time, in the order in which it was asked. Searches that go on side by side and ask for
 * one run each take turns by it.
 */
export function oneAtATime(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(task: () => Promise<T>): Promise<T> => {
    const result = last.then(task);
    last = result.catch(() => {});
    return result;
  };
}

/** Runs that a search takes: doublings, then halvings to 10%, some of them twice. */
const searchSteps = 8;
/** Starting the load, its last answers, and what is asked of the nodes. */
const overheadMs = 700;
const startMs = 6000;

type TimedSettings = Pick<
  CompareSettings,
  'rates' | 'maximumShare' | 'rounds' | 'warmupMs' | 'durationMs' | 'searchDurationMs'
> & { readonly ops: readonly string[] };

/** How long a comparison is going to take, as far as that is known before the searches for the maxima. */
export function expectedMs(subjectCount: number, settings: TimedSettings): number {
  const { ops, rates, maximumShare, rounds, warmupMs, durationMs, searchDurationMs } = settings;
  const points = rates.length + (maximumShare === 0 ? 0 : 1);
  const searching = rounds * ops.length * searchSteps * (warmupMs + searchDurationMs + overheadMs);
  const running = rounds * ops.length * points * (warmupMs + durationMs + overheadMs);
  return subjectCount * (startMs + searching + running);
}
