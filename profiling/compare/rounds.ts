/**
 * In which order runs go. Pure.
 *
 * A machine drifts, by a factor of two within an hour on shared ones. So subjects meet the same point one right after the
 * other, and who goes first changes from point to point and round to round: in as many rounds as there are subjects, each
 * has been in each place.
 */
import type { CompareRun, LoadPoint } from '../result/compare.ts';
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
