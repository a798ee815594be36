/** The figures of a running load as one screen of text; pure. Drawn over itself once a second by bench-progress.ts. */
import { percentileUs } from '../load/histogram.ts';
import type { LiveFigures } from '../load/live-figures.ts';
import { mixText, plannedRate, spansOf } from '../load/load-shape.ts';
import type { Workload } from '../load/result.ts';
import { milliseconds, perSecond } from '../load/verdict.ts';

const barWidth = 40;
const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const sparkColumn = 36;

/** Lines of at most `columns` characters. The figures are of the last second, those of the table of the whole run. */
export function liveScreen(workload: Workload, figures: LiveFigures, columns: number): string[] {
  const { last } = figures;
  if (last === undefined) return [];
  const { second, completed, due, pending, failed, p99Us } = last;
  const seconds = figures.seconds();
  const sparkWidth = Math.max(0, Math.min(60, columns - sparkColumn - 1));
  const row = (title: string, text: string, values: readonly number[]): string =>
    `  ${title.padEnd(9)}${text.padEnd(sparkColumn - 11)}${sparkline(values.slice(-sparkWidth))}`;
  const lines = [
    describeLoad(workload),
    whereLine(workload, second),
    '',
    row(
      'rate',
      `${perSecond(completed)} of ${perSecond(due)}`,
      seconds.map((one) => one.completed),
    ),
    row(
      'p99',
      milliseconds(p99Us),
      seconds.map((one) => one.p99Us),
    ),
    `  ${'waiting'.padEnd(9)}${count(pending)}`,
    `  ${'errors'.padEnd(9)}${count(failed)} in this second`,
    '',
    ...kindLines(figures),
  ];
  return lines.map((line) => line.slice(0, columns).trimEnd());
}

/** What of it is new, for a log: one line. */
export function liveLine(workload: Workload, figures: LiveFigures): string {
  const { second = 0, completed = 0, pending = 0, failed = 0, p99Us = 0 } = figures.last ?? {};
  const seconds = Math.ceil(workload.durationMs / 1000);
  const where = second < 0 ? `warm-up ${-second}` : `${second + 1}/${seconds} s`;
  const errors = failed === 0 ? '' : `, ${failed} failed`;
  return `${where}: ${perSecond(completed)}, p99 ${milliseconds(p99Us)}, ${pending} waiting${errors}`;
}

function describeLoad({ op, mix, targets, connections, keys, distribution }: Workload): string {
  const what = mix === undefined ? op : mixText(mix);
  const [first = ''] = targets;
  const where = targets.length > 1 ? `${targets.length} nodes` : first.replace(/^http:\/\//, '');
  return `${what} on ${where}, ${connections} connections, ${count(keys)} keys, ${distribution}`;
}

function whereLine(workload: Workload, second: number): string {
  if (second < 0) return `[${' '.repeat(barWidth)}] warm-up, ${-second} s left`;
  const seconds = Math.ceil(workload.durationMs / 1000);
  const done = Math.min(barWidth, Math.round(((second + 1) / seconds) * barWidth));
  const bar = `[${'#'.repeat(done)}${' '.repeat(barWidth - done)}]`;
  return `${bar} ${second + 1}/${seconds} s${stageText(workload, second)}`;
}

function stageText({ stages, rate }: Workload, second: number): string {
  if (stages === undefined) return '';
  const spans = spansOf(stages);
  const index = spans.findIndex(({ toUs }) => second * 1e6 < toUs);
  const span = spans[index];
  if (span === undefined) return '';
  const now = perSecond(plannedRate({ rate, stages }, second * 1e6));
  return `, stage ${index + 1}/${spans.length}: ${now}, to ${perSecond(span.toRate)}`;
}

function kindLines(figures: LiveFigures): string[] {
  const cells = (values: readonly string[]): string =>
    values.map((value, index) => (index === 0 ? `  ${value.padEnd(9)}` : value.padStart(12))).join('');
  const rows = figures
    .kinds()
    .map(({ kind, completed, failed, unanswered }) =>
      cells([kind, count(completed - failed), count(failed), count(unanswered)]),
    );
  const latency = figures.latency();
  const at = [50, 99, 99.9, 100].map((percentile) => {
    const title = percentile === 100 ? 'max' : `p${percentile}`;
    return `${title} ${latency.count === 0 ? '-' : milliseconds(percentileUs(latency, percentile))}`;
  });
  return [cells(['so far', 'good', 'failed', 'no answer']), ...rows, '', `  latency  ${at.join(', ')}`];
}

/** From 0 to the largest; nothing where all are 0. */
function sparkline(values: readonly number[]): string {
  const largest = Math.max(...values, 0);
  if (largest === 0) return '';
  return values.map((value) => bars[Math.min(bars.length - 1, Math.floor((value / largest) * bars.length))]).join('');
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
