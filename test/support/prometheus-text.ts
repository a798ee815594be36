/** One figure out of a node's metrics. */
import { parsePrometheus } from '../../profiling/cluster/prometheus-text.ts';
import { ask } from './client.ts';

/** The sum of a family's samples at a node; 0 where it has none. */
export async function metricTotal(url: string, name: string): Promise<number> {
  const answer = await ask(url, '/metrics');
  const samples = parsePrometheus(answer.body.toString('utf8')).get(name)?.samples ?? [];
  return samples.reduce((sum, sample) => sum + sample.value, 0);
}
