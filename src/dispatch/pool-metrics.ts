/** What the pool says of its tasks when somebody scrapes `/metrics`. */
import type { RecordableHistogram } from 'node:perf_hooks';
import { family, type MetricFamily } from '../metrics/metrics.ts';
import type { TaskBounds } from './task-queue.ts';

/** How many tasks wait and were completed, how long they waited and ran. */
export function poolFamilies({ waiting, completed, waitUs, runUs }: TaskBounds): MetricFamily[] {
  return [
    family('gauge', 'kvorum_pool_queue_tasks', 'Tasks that wait for a worker', waiting),
    family('counter', 'kvorum_pool_tasks_total', 'Tasks completed', completed),
    quantiles('kvorum_pool_wait_seconds', 'Time that tasks waited for a worker, since start', waitUs),
    quantiles('kvorum_pool_run_seconds', 'Time from handing a task to a worker to its end', runUs),
  ];
}

/** Percentiles of microseconds, in seconds. */
function quantiles(name: string, help: string, histogram: RecordableHistogram): MetricFamily {
  const samples = [
    { labels: { quantile: '0.5' }, value: histogram.percentile(50) / 1e6 },
    { labels: { quantile: '0.99' }, value: histogram.percentile(99) / 1e6 },
    { labels: { quantile: '1' }, value: histogram.max / 1e6 },
  ];
  return { type: 'gauge', name, help, samples };
}
