/**
 * Requests counted and timed by method and status. One histogram per pair that has occurred: methods and statuses are a
 * closed set, so the map is bounded.
 */
import { Histogram, latencyBounds, type MetricFamily } from '../metrics/metrics.ts';

export class RequestMetrics {
  readonly #histograms = new Map<string, Map<number, Histogram>>();

  /** Counts one answered request. */
  observe(method: string, status: number, seconds: number): void {
    const histogram = this.#histograms.get(method)?.get(status) ?? this.#add(method, status);
    histogram.observe(seconds);
  }

  #add(method: string, status: number): Histogram {
    const histogram = new Histogram(latencyBounds);
    const byStatus = this.#histograms.get(method) ?? new Map<number, Histogram>();
    this.#histograms.set(method, byStatus.set(status, histogram));
    return histogram;
  }

  families(): MetricFamily[] {
    const samples = [...this.#histograms].flatMap(([method, byStatus]) =>
      [...byStatus].map(([status, histogram]) => ({
        labels: { method, status: String(status) },
        value: histogram.snapshot(),
      })),
    );
    return [
      {
        type: 'histogram',
        name: 'kvorum_http_request_seconds',
        help: 'Entity requests from the end of their headers to the answer, by method and status',
        samples,
      },
    ];
  }
}
