/** What a running bench tells Prometheus; pure. All of it is from the generator's side, so that it stands beside the nodes' own. */
import { renderMetrics } from '../../src/metrics/prometheus.ts';
import { family, type MetricFamily, type MetricSample } from '../../src/metrics/metrics.ts';
import type { LiveFigures } from './live-figures.ts';

/** `targetRate`: requests a second that are planned now; 0 between runs. */
export function benchMetrics(figures: LiveFigures, targetRate: number): string {
  const kinds = figures.kinds();
  const perOutcome = kinds.flatMap(({ kind: operation, completed, failed, unanswered }): MetricSample[] => [
    { labels: { operation, outcome: 'success' }, value: completed - failed },
    { labels: { operation, outcome: 'failure' }, value: failed },
    { labels: { operation, outcome: 'unanswered' }, value: unanswered },
  ]);
  const latency: MetricFamily = {
    name: 'kvorum_bench_latency_seconds',
    help: 'From when an operation should have begun to its answer, of those that did not fail',
    type: 'histogram',
    samples: kinds.map(({ kind: operation, seconds }) => ({ labels: { operation }, value: seconds })),
  };
  return renderMetrics([
    family('gauge', 'kvorum_bench_target_rate', 'Operations a second that are planned now', targetRate),
    family('gauge', 'kvorum_bench_pending_operations', 'Due and not answered yet', figures.last?.pending ?? 0),
    family('counter', 'kvorum_bench_due_total', 'Operations that should have begun, of the warm-up too', figures.due),
    {
      name: 'kvorum_bench_operations_total',
      help: 'Operations by what came of them, of the warm-up too',
      type: 'counter',
      samples: perOutcome,
    },
    latency,
  ]);
}
