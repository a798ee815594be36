/**
 * Latency over time as a heat map (B. Gregg, "Visualizing system latency", ACM Queue 2010): it shows what percentiles hide,
 * two crowds of requests, a stall and its echo, a slow drift.
 */
import { lowerUs, upperUs, type LatencyCounts } from '../load/histogram.ts';
import type { SecondResult } from '../load/result.ts';
import type { HeatMap } from './chart.ts';
import { groupsOf } from './second-groups.ts';

/** Eight rows to a power of ten: each a third slower than the one below. */
const rowsPerTen = 8;

/** Null where the run has no seconds, or no second has an answer. */
export function latencyHeatMap(seconds: readonly SecondResult[]): HeatMap | null {
  const answered = seconds.filter(({ latency }) => latency.count > 0).map(({ latency }) => latency);
  if (answered.length === 0) return null;
  const first = rowOf(Math.min(...answered.map(({ minUs }) => minUs)));
  const last = rowOf(Math.max(...answered.map(({ maxUs }) => maxUs)));
  const edgesUs = Array.from({ length: last - first + 2 }, (_, index) => 10 ** ((first + index) / rowsPerTen));
  const { size, groups } = groupsOf(seconds);
  return {
    kind: 'heat-map',
    secondsPerColumn: size,
    secondsMax: groups.length * size,
    edgesUs,
    columns: groups.map((group) => column(group, first, last)),
  };
}

function column(group: readonly SecondResult[], first: number, last: number): number[] {
  const counts = Array.from({ length: last - first + 1 }, () => 0);
  for (const { latency } of group) addTo(counts, latency, { first, last });
  return counts;
}

function addTo(counts: number[], { buckets }: LatencyCounts, { first, last }: { first: number; last: number }): void {
  for (let at = 0; at < buckets.length; at += 2) {
    const bucket = buckets[at] ?? 0;
    const row = Math.min(Math.max(rowOf((lowerUs(bucket) + upperUs(bucket)) / 2), first), last) - first;
    counts[row] = (counts[row] ?? 0) + (buckets[at + 1] ?? 0);
  }
}

/** Row 0 begins at 1 us; shorter ones, which no clock tells apart, count as that. */
function rowOf(micros: number): number {
  return Math.floor(Math.log10(Math.max(micros, 1)) * rowsPerTen + 1e-9);
}
