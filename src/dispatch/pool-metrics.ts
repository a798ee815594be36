/** What the pool says of its tasks when somebody scrapes `/metrics`. */
import { family, type MetricFamily } from '../metrics/metrics.ts';
import type { TaskBounds } from './task-queue.ts';

/** How many tasks wait and were completed, how long they waited and ran. */
export function poolFamilies({ waiting, completed, waitSeconds, runSeconds }: TaskBounds): MetricFamily[] {
  const ran = 'Time from handing a task to a worker to its end';
  return [
    family('gauge', 'kvorum_pool_queue_tasks', 'Tasks that wait for a worker', waiting),
    family('counter', 'kvorum_pool_tasks_total', 'Tasks completed', completed),
    family('histogram', 'kvorum_pool_wait_seconds', 'Time that tasks waited for a worker', waitSeconds.snapshot()),
    family('histogram', 'kvorum_pool_run_seconds', ran, runSeconds.snapshot()),
  ];
}
