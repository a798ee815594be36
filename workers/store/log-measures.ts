/** What a log measures of itself. */
import { countBounds, Histogram, latencyBounds } from '../../src/metrics/metrics.ts';

export class LogMeasures {
  /** Bytes appended since the start. */
  bytes = 0;
  syncs = 0;
  readonly syncSeconds = new Histogram(latencyBounds);
  readonly groupWrites = new Histogram(countBounds);
}
