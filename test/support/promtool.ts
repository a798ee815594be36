/** promtool, which comes with Prometheus (Debian's package `prometheus`), for the tests of metrics and alerts. */
import { spawnSync } from 'node:child_process';

const { error } = spawnSync('promtool', ['--version']);

/** What `skip` of a test is to be: false, or why there is no promtool. */
export const skipWithoutPromtool: false | string = error === undefined ? false : 'needs promtool on PATH';

/** What promtool says of its input or files: its exit code, and all that it prints. */
export function promtool(args: readonly string[], input = ''): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { code: status, said: `${stdout}${stderr}` };
}

/** The names of a node's metrics in PromQL, without the endings of histograms and summaries' parts. */
export function metricNamesIn(text: string): string[] {
  const names = [...text.matchAll(/\b(?:kvorum|process)_[a-z_]+\b/g)].map(([name]) => name);
  return [...new Set(names.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')))].sort();
}
