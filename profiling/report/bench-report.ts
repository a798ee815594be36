/**
 * The report of one load run, or of several laid over each other (the first is the main one, of which the charts over time
 * and the tables of nodes are): one HTML file without network, the verdict first.
 */
import type { BenchResult } from '../load/result.ts';
import { warnings } from '../load/warnings.ts';
import { quantity } from '../result/quantity.ts';
import { command, details, note, quiet, section, table, text, type Block, type Table } from './blocks.ts';
import { htmlOf } from './blocks-html.ts';
import {
  clusterSentence,
  describedTable,
  describeEnvironment,
  describeLoad,
  loadSentence,
  type Described,
} from './environment.ts';
import { chartFigure } from './figure.ts';
import { latencyHeatMap } from './latency-heat-map.ts';
import { generatorTable, nodeTables, outcomeTables } from './node-tables.ts';
import { renderPage } from './page.ts';
import { percentileChart } from './percentile-chart.ts';
import { markdownOf } from './markdown.ts';
import { searchSteps, searchTable } from './search.ts';
import { describeShape, shapeTables } from './shape-tables.ts';
import { timeCharts } from './time-charts.ts';
import { hasErrors, percentileTable, rateAndFigures, runTable, verdicts } from './verdict.ts';

/** Throws where there is no result. */
export async function renderBenchReport(results: readonly BenchResult[]): Promise<string> {
  const [main] = results;
  if (main === undefined) throw new Error('no result to report');
  const invalid = main.verdict.kind === 'invalid' ? 'INVALID · ' : '';
  return renderPage({
    title: `${invalid}Kvorum load bench: ${main.label}`,
    script: 'charts',
    body: htmlOf([
      verdicts(results),
      notes(main),
      rateAndFigures(main),
      quiet(`The cluster before the load: ${clusterSentence(main.environment)}.`),
      results.length > 1 && runTable(results),
      searchSection(main),
      latencySection(main, results),
      timeSection(main, results.length > 1),
      section('Nodes', nodeTables(main)),
      section('Requests', shapeTables(main), outcomeTables(main)),
      environmentSection(main, results),
    ]),
  });
}

/** For a pull request: the verdict and the figures that people quote, and the rest folded away. */
export function benchMarkdown(result: BenchResult): string {
  const { verdict, cutShort, environment } = result;
  return markdownOf(`Load bench: ${result.label}`, [
    text(`**${verdict.sentence}**${cutShort ? ' (cut short)' : ''}`),
    notes(result),
    rateAndFigures(result),
    text(`${loadSentence(result)}; ${clusterSentence(environment)}`),
    result.search !== undefined && searchTable('Highest rate', result.search),
    checkTable(result),
    percentileTable([result]),
    details('Nodes and requests', nodeTables(result), outcomeTables(result)),
    details('Environment and settings', environmentBlocks([result])),
    command(result.command),
  ]);
}

/** What a reader must know before the figures. */
function notes(result: BenchResult): Block {
  const { failure } = result;
  return [
    failure !== undefined && note('FAILED', failure),
    warnings(result).map((warning) => note('NOTE', `${warning}.`)),
  ];
}

function searchSection({ search, workload }: BenchResult): Block {
  if (search === undefined) return null;
  const rate = quantity(workload.rate, 'rate');
  return section(
    'Search for the highest rate',
    quiet(`All other figures of this page are of the run at ${rate}.`),
    searchSteps('Highest rate', search),
  );
}

function latencySection({ label, seconds }: BenchResult, results: readonly BenchResult[]): Block {
  const heatMap = latencyHeatMap(seconds);
  const hasService = results.some(({ service }) => service !== null);
  return section(
    'Latency',
    text(
      'Latency counts from when a request should have been sent, so that a stall of the cluster counts for all who had ' +
        `to wait${hasService ? '; service time (dashed) only from when it was sent' : ''}.` +
        (results.some(({ errorLatency }) => hasErrors(errorLatency))
          ? ' Requests that were refused, failed or got no answer are a curve of their own (dotted).'
          : ''),
    ),
    chartFigure({
      title: 'Latency by percentile',
      summary: 'Each nine of the percentile takes the same room.',
      chart: percentileChart(results),
      height: 340,
    }),
    percentileTable(results),
    heatMap === null
      ? quiet('Latency over time: not measured, since the engine does not tell it second by second.')
      : chartFigure({
          title: `Latency over time${results.length > 1 ? `: ${label}` : ''}`,
          summary:
            'The darker (in dark colours: the brighter), the more requests were answered in that second with that latency.',
          chart: heatMap,
          height: 320,
        }),
  );
}

function timeSection(main: BenchResult, isOverlay: boolean): Block {
  const { figures, secondsPerPoint, missing } = timeCharts(main);
  const each = ` Each point is of the ${secondsPerPoint} s that end there: the mean, or the most that were waiting.`;
  return section(
    `Over time${isOverlay ? `: ${main.label}` : ''}`,
    quiet(
      'All charts share the time axis: the cursor (or the arrow keys on a chart) shows the same second in each.' +
        (secondsPerPoint > 1 ? each : ''),
    ),
    figures.map(chartFigure),
    missing.length > 0 && quiet(`Not measured: ${missing.join('; ')}.`),
  );
}

function environmentSection(main: BenchResult, results: readonly BenchResult[]): Block {
  const isOne = results.length === 1;
  return section(
    'Environment and settings',
    checkTable(main),
    environmentBlocks(results),
    section(
      `To repeat ${isOne ? 'it' : 'them'}`,
      results.map((result) => command(result.command)),
      quiet(
        `${isOne ? 'Run' : 'First run'} of ${main.startedAt}, ${quantity(main.totals.seconds, 'seconds')} measured.`,
      ),
    ),
  );
}

function environmentBlocks(results: readonly BenchResult[]): Block {
  const columns = (describe: (result: BenchResult) => Described['entries']): Described[] =>
    results.map((result) => ({ name: results.length === 1 ? 'Value' : result.label, entries: describe(result) }));
  return [
    describedTable(
      'Where it ran',
      columns(({ environment }) => describeEnvironment(environment)),
    ),
    describedTable('What was sent', columns(describeWorkload)),
    generatorTable(results),
  ];
}

function checkTable({ verdict }: BenchResult): Table {
  return table('What was asked of the run', verdict.checks, [
    ['Asked', 'text', ({ asked }) => asked],
    ['Found', 'text', ({ found }) => found],
    ['Kept', 'text', ({ reason }) => (reason === null ? '✓ kept' : '✕ not kept')],
  ]);
}

function describeWorkload({ workload, generator, startedAt }: BenchResult): Described['entries'] {
  const { rate, durationMs, targets, seed } = workload;
  return [
    ['Started', startedAt],
    ...describeShape(workload),
    ['Rate', quantity(rate, 'rate')],
    ['Measured', quantity(durationMs / 1000, 'seconds')],
    ...describeLoad(workload),
    ['Targets', targets.join(' ')],
    ['Seed', String(seed)],
    ['Engine', `${generator.engine} ${generator.version}`],
  ];
}
