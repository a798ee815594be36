/**
 * Metrics as data: histograms and the families that a thread hands over when somebody scrapes `/metrics`.
 *
 * Own code, since every request is observed several times: here a histogram is an array of counters, can be sent between
 * threads, and hashes no labels. Names and units follow the Prometheus conventions
 * (base units: seconds, bytes; `_total` for counters).
 */

export type Labels = Readonly<Record<string, string>>;

/** A histogram's counts: `counts[i]` observations at most `bounds[i]`, and one more count for those above all bounds. */
export interface HistogramSnapshot {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Percentiles as they were measured, by their shares (0.99; 1 is the maximum): no two summaries can be added. */
export interface SummarySnapshot {
  readonly quantiles: readonly (readonly [share: number, value: number])[];
  readonly sum: number;
  readonly count: number;
}

export interface MetricSample {
  readonly labels: Labels;
  readonly value: number | HistogramSnapshot | SummarySnapshot;
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly samples: readonly MetricSample[];
}

/** Seconds, 1-2-5 from 10 us to 10 s. */
export const latencyBounds: readonly number[] = [-5, -4, -3, -2, -1, 0]
  .flatMap((exponent) => [1, 2, 5].map((digit) => Number(`${digit}e${exponent}`)))
  .concat(10);

/** Counts, powers of two from 1 to 4,096. */
export const countBounds: readonly number[] = Array.from({ length: 13 }, (_, power) => 2 ** power);

/** Counts observations per bucket. An observation is a search of at most 19 bounds and three additions. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.#bounds.length && value > (this.#bounds[index] as number)) index++;
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#sum += value;
  }

  snapshot(): HistogramSnapshot {
    return { bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum };
  }
}

/** One family with one sample, the common case. */
export function family(
  type: MetricFamily['type'],
  name: string,
  help: string,
  value: MetricSample['value'],
  labels: Labels = {},
): MetricFamily {
  return { name, help, type, samples: [{ labels, value }] };
}
