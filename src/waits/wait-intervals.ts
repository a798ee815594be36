/**
 * What went on in a thread over time, as plain data that crosses threads: stretches of time, and a total that grows. Both
 * can say how much of it falls between two times.
 */

/** Stretches that do not touch, in the order of time. */
export interface Stretches {
  readonly starts: number[];
  readonly ends: number[];
}

export function noStretches(): Stretches {
  return { starts: [], ends: [] };
}

/**
 * Adds a stretch that ends no earlier than those before it, and joins it with those that it touches. Past `countMax` only
 * the first ones are kept.
 */
export function addStretch({ starts, ends }: Stretches, start: number, end: number, countMax: number): void {
  let from = start;
  while (from <= (ends.at(-1) ?? -Infinity)) {
    from = Math.min(from, starts.pop() as number);
    ends.pop();
  }
  if (starts.length >= countMax) return;
  starts.push(from);
  ends.push(end);
}

/** How much of the time from `from` to `to` the stretches cover. */
export function overlap({ starts, ends }: Stretches, from: number, to: number): number {
  let covered = 0;
  for (let index = firstAfter(ends, from); index < starts.length; index++) {
    const start = starts[index] as number;
    if (start >= to) break;
    covered += Math.min(to, ends[index] as number) - Math.max(from, start);
  }
  return covered;
}

/** A total that was looked at from time to time. */
export interface Growth {
  readonly at: number[];
  readonly totals: number[];
}

export function noGrowth(): Growth {
  return { at: [], totals: [] };
}

/** Notes the total at a time later than those before it. */
export function addTotal(growth: Growth, at: number, total: number): void {
  growth.at.push(at);
  growth.totals.push(total);
}

/** How much the total grew from `from` to `to`, taken to grow evenly between two looks. */
export function growthBetween(growth: Growth, from: number, to: number): number {
  return to <= from ? 0 : totalAt(growth, to) - totalAt(growth, from);
}

function totalAt({ at, totals }: Growth, time: number): number {
  const next = firstAfter(at, time);
  if (next === 0) return totals[0] ?? 0;
  if (next === at.length) return totals.at(-1) ?? 0;
  const [before, after] = [at[next - 1] as number, at[next] as number];
  const [low, high] = [totals[next - 1] as number, totals[next] as number];
  return low + ((high - low) * (time - before)) / (after - before);
}

/** Index of the first of the rising numbers above `limit`. */
function firstAfter(rising: readonly number[], limit: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rising[middle] as number) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
