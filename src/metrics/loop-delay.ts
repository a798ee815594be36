/**
 * Event-loop delay as a metric family, out of Node's `monitorEventLoopDelay`, for the main thread and the workers.
 *
 * Node's monitor records the time between two ticks of a timer, so that an idle loop reads as `resolution`; the family
 * says how late the ticks were: 0 for an idle loop.
 */
import type { Labels, MetricFamily } from './metrics.ts';

/** The part of Node's histogram that is read, nanoseconds. */
export interface DelayHistogram {
  readonly max: number;
  /** Not a number while there is none. */
  readonly mean: number;
  readonly count: number;
  percentile(percentile: number): number;
}

/** Milliseconds between two ticks of the monitor. */
export const delayResolutionMs = 10;

const shares = [0.5, 0.99, 1];

/** Median, 99th percentile and maximum since the monitor was reset. */
export function loopDelayFamily(histogram: DelayHistogram, labels: Labels): MetricFamily {
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - delayResolutionMs / 1000) || 0;
  const { max, mean, count } = histogram;
  const quantiles = shares.map((share) => {
    return [share, late(share === 1 ? max : histogram.percentile(share * 100))] as const;
  });
  return {
    type: 'summary',
    name: 'kvorum_event_loop_delay_seconds',
    help: 'How late the event loop was since the node became ready; quantile 1 is the maximum',
    samples: [{ labels, value: { quantiles, sum: late(mean) * count, count } }],
  };
}
