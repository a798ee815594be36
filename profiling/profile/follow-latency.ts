/** Latency of what nodes answered between two looks at their metrics: their histograms, subtracted and added up. Pure. */
import { samplesOf } from '../cluster/node-metrics.ts';

/** Answers by upper bound in seconds, cumulative as Prometheus has them, over all methods and statuses of a node. */
export type LatencyBuckets = ReadonlyMap<number, number>;

export function latencyCountsIn(text: string): LatencyBuckets {
  const buckets = new Map<number, number>();
  for (const { labels, value } of samplesOf(text).get('kvorum_http_request_seconds_bucket') ?? []) {
    const bound = labels['le'] === '+Inf' ? Infinity : Number(labels['le']);
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return buckets;
}

/** Milliseconds: the upper end of the bucket, or the greatest bound above which lies the rest; null without an answer. */
export function latenciesBetween(
  before: readonly LatencyBuckets[],
  after: readonly LatencyBuckets[],
): { readonly p50Ms: number | null; readonly p99Ms: number | null } {
  const grown = new Map<number, number>();
  for (const [index, buckets] of after.entries()) {
    // A node that was started anew counts from nothing.
    const isNew = (buckets.get(Infinity) ?? 0) < (before[index]?.get(Infinity) ?? 0);
    for (const [bound, count] of buckets) {
      const earlier = isNew ? 0 : (before[index]?.get(bound) ?? 0);
      grown.set(bound, (grown.get(bound) ?? 0) + Math.max(0, count - earlier));
    }
  }
  const bounds = [...grown].toSorted(([one], [other]) => one - other);
  const total = grown.get(Infinity) ?? 0;
  const at = (share: number): number | null => {
    if (total === 0) return null;
    const bound = bounds.find(([, count]) => count >= total * share)?.[0] ?? Infinity;
    const greatest = bounds.findLast(([one]) => one < Infinity)?.[0] ?? 0;
    return Math.min(bound, greatest) * 1000;
  };
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
