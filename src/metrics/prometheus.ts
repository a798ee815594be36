/**
 * The Prometheus text format, version 0.0.4: families of the same name from several threads become one.
 */
import type { HistogramSnapshot, Labels, MetricFamily, MetricSample, SummarySnapshot } from './metrics.ts';

/** The text of all families, in the order of their first appearance. */
export function renderMetrics(families: readonly MetricFamily[]): string {
  const byName = new Map<string, MetricFamily>();
  for (const one of families) {
    const known = byName.get(one.name);
    byName.set(one.name, known === undefined ? one : { ...known, samples: [...known.samples, ...one.samples] });
  }
  return [...byName.values()].map(renderFamily).join('');
}

function renderFamily({ name, help, type, samples }: MetricFamily): string {
  const lines = samples.map((sample) => renderSample(name, sample)).join('');
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines}`;
}

function renderSample(name: string, { labels, value }: MetricSample): string {
  if (typeof value === 'number') return line(name, labels, value);
  return 'bounds' in value ? renderHistogram(name, labels, value) : renderSummary(name, labels, value);
}

function renderHistogram(name: string, labels: Labels, { bounds, counts, sum }: HistogramSnapshot): string {
  let cumulative = 0;
  let text = '';
  for (const [index, count] of counts.entries()) {
    cumulative += count;
    const bound = bounds[index];
    text += line(`${name}_bucket`, { ...labels, le: bound === undefined ? '+Inf' : String(bound) }, cumulative);
  }
  return text + line(`${name}_sum`, labels, sum) + line(`${name}_count`, labels, cumulative);
}

function renderSummary(name: string, labels: Labels, { quantiles, sum, count }: SummarySnapshot): string {
  const lines = quantiles.map(([share, value]) => line(name, { ...labels, quantile: String(share) }, value));
  return lines.join('') + line(`${name}_sum`, labels, sum) + line(`${name}_count`, labels, count);
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
