/**
 * Latency by percentile, runs overlaid: the picture that wrk2's and HdrHistogram's plotters draw. x is 1 / (1 - share), so
 * each nine of the percentile takes the same room, and the slowest request in a thousand is as visible as the median.
 */
import { percentileUs, type LatencyCounts } from '../load/histogram.ts';
import type { Dash, LineChart, LineSeries } from './chart.ts';
import { dashOf, seriesColours } from './palette.ts';
import { hasErrors } from './verdict.ts';

export interface LatencyRun {
  readonly label: string;
  readonly latency: LatencyCounts;
  /** Drawn in the same colour, dashed; null where not measured. */
  readonly service?: LatencyCounts | null;
  /** Dotted. */
  readonly errorLatency?: LatencyCounts | undefined;
}

const pointsPerNine = 12;
/** Twelve nines: more requests than any run has. */
const ninesMax = 12;

export function percentileChart(runs: readonly LatencyRun[]): LineChart {
  const countMax = Math.max(
    1,
    ...runs.map(({ latency, errorLatency }) => Math.max(latency.count, errorLatency?.count ?? 0)),
  );
  const values = percentileAxis(countMax);
  return {
    kind: 'lines',
    x: { kind: 'percentile', title: 'Percentile', values, max: values.at(-1) ?? 1 },
    y: { unit: 'latency', scale: 'logarithmic' },
    series: runs.flatMap(({ label, latency, service = null, errorLatency }, index): LineSeries[] => {
      const colour = (index % seriesColours) + 1;
      const line = (title: string, dash: Dash, of: LatencyCounts | null | undefined): LineSeries[] =>
        of === null || of === undefined ? [] : [{ label: title, colour, dash, values: curve(of, values) }];
      return [
        ...line(label, dashOf(index, 'solid'), latency),
        ...line(`${label}, service time`, 'dashed', service),
        ...line(`${label}, errors`, 'dotted', hasErrors(errorLatency) ? errorLatency : null),
      ];
    }),
  };
}

/**
 * From 1 (the fastest request) to where one request of the longest run stands. The round percentiles (50, 90, 99, 99.9)
 * are among them.
 */
export function percentileAxis(count: number): number[] {
  const nines = Math.min(Math.log10(Math.max(count, 1)), ninesMax);
  const steps = Math.floor(nines * pointsPerNine + 1e-9);
  const xs = Array.from({ length: steps + 1 }, (_, step) => 10 ** (step / pointsPerNine));
  return [...new Set([...xs, ...(count >= 2 ? [2, count] : [])])].sort((a, b) => a - b);
}

/** Null past the last request of the run: its curve ends there. */
function curve(counts: LatencyCounts, xs: readonly number[]): (number | null)[] {
  return xs.map((x) => (x > counts.count ? null : percentileUs(counts, 100 * (1 - 1 / x))));
}
