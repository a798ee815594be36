/** Percentiles out of a histogram's buckets. Pure: the node, its page and tests use it. */

/**
 * The value that `share` of the observations are at most, as if those of a bucket were spread evenly over it (as
 * Prometheus's `histogram_quantile`); undefined where there are none. What lies above all bounds counts as the highest.
 */
export function percentileOf(bounds: readonly number[], counts: readonly number[], share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return undefined;
  const wanted = total * share;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const upper = bounds[index];
      if (upper === undefined) break;
      const lower = index === 0 ? 0 : (bounds[index - 1] ?? 0);
      return lower + ((upper - lower) * (wanted - below)) / count;
    }
    below += count;
  }
  return bounds.at(-1);
}
