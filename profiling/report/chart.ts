/**
 * What a chart of a report shows, as data: made by the renderers, drawn by `profiling/browser/charts.ts`, and printed by
 * `figure.ts` as the table behind the chart, so that both hold the same figures.
 */
import type { Unit } from '../result/quantity.ts';

export type Chart = LineChart | HeatMap;

export interface LineChart {
  readonly kind: 'lines';
  readonly x: XAxis;
  readonly y: YAxis;
  readonly series: readonly LineSeries[];
  /** Charts of the same name share their cursor. */
  readonly sync?: string;
  /** A mark on each point: for few points that stand for themselves. */
  readonly hasMarks?: boolean;
}

/**
 * `seconds`: from 0 to `max`. `percentile`: values are 1 / (1 - share), from 1, on the logarithmic axis of wrk2 and
 * HdrHistogram, where 0, 90%, 99% and 99.9% stand at equal distances. `rate`: requests a second, from 0.
 */
export interface XAxis {
  readonly kind: 'seconds' | 'percentile' | 'rate';
  /** Head of the table's first column. */
  readonly title: string;
  readonly values: readonly number[];
  readonly max: number;
}

export interface YAxis {
  readonly unit: Unit;
  /** Logarithmic charts can be switched to linear by the reader. */
  readonly scale: 'linear' | 'logarithmic';
  /** The axis reaches at least this far. */
  readonly atLeast?: number;
}

export interface LineSeries {
  readonly label: string;
  /** 1 to 8: `--series-1` and so on. */
  readonly colour: number;
  readonly dash: Dash;
  /** One for each x. Null: not measured, a gap in the line. */
  readonly values: readonly (number | null)[];
}

export type Dash = 'solid' | 'dashed' | 'dotted' | 'long';

/** Requests by the time in which they were due (columns) and by their latency (rows, from the shortest). */
export interface HeatMap {
  readonly kind: 'heat-map';
  readonly secondsPerColumn: number;
  /** End of the last column: where the time axis of the other charts ends too. */
  readonly secondsMax: number;
  /** Row `i` holds latencies from `edgesUs[i]`, below `edgesUs[i + 1]`. */
  readonly edgesUs: readonly number[];
  readonly columns: readonly (readonly number[])[];
}

/** The share (0 to 1) that stands at `x` on a percentile axis, as text: `99.9%`. */
export function percentileText(x: number): string {
  const percent = 100 - 100 / x;
  // As many digits as it takes to tell it from 100.
  const digits = Math.max(0, Math.ceil(Math.log10(x)) - 1);
  return `${String(Number(percent.toFixed(digits)))}%`;
}
