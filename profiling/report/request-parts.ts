/** What one request costs by part: a measurement over all its threads, divided by the requests of its window. Pure. */
import type { ProfileRun, Window } from '../result/profile.ts';
import { categories, type Category } from '../attribution/categories.ts';
import { sumOfParts, type PartCost, type WithParts } from '../attribution/costs.ts';
import { nativeCpuUs } from './profile-sentences.ts';

export type PartsKind = 'cpu' | 'allocation' | 'perf';

/** A column in a table of parts; CPU microseconds or bytes. */
export interface PartsColumn {
  readonly name: string;
  readonly parts: ReadonlyMap<Category, PartCost>;
}

/** Of one run, called after its operation: `PUT`. */
export interface RequestParts extends PartsColumn {
  /** CPU of threads without JavaScript; null where it is in the parts or not known. */
  readonly native: number | null;
  readonly whole: number;
}

/** One for each run in which it was measured. */
export function requestParts(runs: readonly ProfileRun[], kind: PartsKind): RequestParts[] {
  return runs.flatMap((run) => {
    const measurement = run[kind];
    if (measurement === undefined || measurement.requests === 0) return [];
    const parts = perRequest(measurement.threads, measurement);
    const cpu = kind === 'cpu' ? run.cpu : undefined;
    const native = cpu === undefined || cpu.native === null ? null : nativeCpuUs(cpu) / cpu.requests;
    const whole = [...parts.values()].reduce((sum, { self }) => sum + self, native ?? 0);
    return [{ name: run.op.toUpperCase(), parts, native, whole }];
  });
}

/** Of these threads together. */
export function perRequest(threads: readonly WithParts[], { requests }: Window): Map<Category, PartCost> {
  return new Map(
    sumOfParts(threads).map(({ part, self, total }) => [
      part,
      { part, self: self / requests, total: total / requests },
    ]),
  );
}

/** The parts that any column has, in the order of their table. */
export function partsIn(columns: readonly PartsColumn[]): Category[] {
  return categories.filter((part) => columns.some(({ parts }) => parts.has(part)));
}
