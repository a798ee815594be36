/**
 * The report of one load run, or of several laid over each other (the first is the main one, of which the charts over time
 * and the tables of nodes are): one HTML file without network, the verdict first.
 */
import type { BenchResult } from '../load/result.ts';
import { quantity } from '../result/quantity.ts';
import { command, quiet, section, text, type Block } from './blocks.ts';
import { htmlOf } from './blocks-html.ts';
import { describedTable, describeEnvironment, describeLoad, describeOp, type Described } from './environment.ts';
import { chartFigure } from './figure.ts';
import { latencyHeatMap } from './latency-heat-map.ts';
import { generatorTable, nodeTables, outcomeTables } from './node-tables.ts';
import { renderPage } from './page.ts';
import { percentileChart } from './percentile-chart.ts';
import { searchSteps } from './search.ts';
import { timeCharts } from './time-charts.ts';
import { percentileTable, rateAndFigures, runTable, verdicts } from './verdict.ts';

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
      rateAndFigures(main),
      results.length > 1 && runTable(results),
      latencySection(main, results),
      timeSection(main, results.length > 1),
      section('Nodes', nodeTables(main)),
      section('Requests', outcomeTables(main)),
      main.search !== undefined && section('Search for the highest rate', searchSteps('Highest rate', main.search)),
      environmentSection(main, results),
    ]),
  });
}

function latencySection({ label, seconds }: BenchResult, results: readonly BenchResult[]): Block {
  const heatMap = latencyHeatMap(seconds);
  const hasService = results.some(({ service }) => service !== null);
  return section(
    'Latency',
    text(
      'Latency counts from when a request should have been sent, so that a stall of the cluster counts for all who had ' +
        `to wait${hasService ? '; service time (dashed) only from when it was sent' : ''}.`,
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
  const columns = (describe: (result: BenchResult) => Described['entries']): Described[] =>
    results.map((result) => ({ name: isOne ? 'Value' : result.label, entries: describe(result) }));
  return section(
    'Environment and settings',
    describedTable(
      'Where it ran',
      columns(({ environment }) => describeEnvironment(environment)),
    ),
    describedTable('What was sent', columns(describeWorkload)),
    generatorTable(results),
    section(
      `To repeat ${isOne ? 'it' : 'them'}`,
      results.map((result) => command(result.command)),
      quiet(
        `${isOne ? 'Run' : 'First run'} of ${main.startedAt}, ${quantity(main.totals.seconds, 'seconds')} measured.`,
      ),
    ),
  );
}

function describeWorkload({ workload, generator, startedAt }: BenchResult): Described['entries'] {
  const { op, readShare, rate, durationMs, targets, seed } = workload;
  return [
    ['Started', startedAt],
    ['Operation', describeOp(op, readShare)],
    ['Rate', quantity(rate, 'rate')],
    ['Measured', quantity(durationMs / 1000, 'seconds')],
    ...describeLoad(workload),
    ['Targets', targets.join(' ')],
    ['Seed', String(seed)],
    ['Engine', `${generator.engine} ${generator.version}`],
  ];
}
