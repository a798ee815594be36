/**
 * The report of one load run, or of several laid over each other (the first is the main one, of which the charts over time
 * and the tables of nodes are): one HTML file without network, the verdict first.
 */
import type { BenchResult } from '../load/result.ts';
import { commandBlock, describedTable, describeEnvironment, describeWorkload } from './environment-section.ts';
import { figure } from './figure.ts';
import { html, type Html } from './html.ts';
import { latencyHeatMap } from './latency-heat-map.ts';
import { generatorTable, nodeTables, outcomeTables } from './node-tables.ts';
import { renderPage } from './page.ts';
import { percentileChart } from './percentile-chart.ts';
import { quantity } from './quantity.ts';
import { searchSteps } from './search-section.ts';
import { benchStyles } from './stylesheet.ts';
import { timeCharts } from './time-charts.ts';
import { keyFigures, percentileTable, runTable, verdictSection } from './verdict-section.ts';

/** Throws where there is no result. */
export async function renderBenchReport(results: readonly BenchResult[]): Promise<string> {
  const [main] = results;
  if (main === undefined) throw new Error('no result to report');
  const invalid = main.verdict.kind === 'invalid' ? 'INVALID · ' : '';
  return renderPage({
    title: `${invalid}Kvorum load bench: ${main.label}`,
    data: null,
    scripts: ['charts'],
    styles: [benchStyles],
    body: html`${verdictSection(results)} ${keyFigures(main)} ${results.length > 1 && runTable(results)}
      ${latencySection(results)} ${timeSection(main, results.length > 1)}
      <section>
        <h2>Nodes</h2>
        ${nodeTables(main)}
      </section>
      <section>
        <h2>Requests</h2>
        ${outcomeTables(main)}
      </section>
      ${
        main.search !== undefined &&
        html`<section>
          <h2>Search for the highest rate</h2>
          ${searchSteps('Highest rate', main.search)}
        </section>`
      }
      ${environmentSection(results)}`,
  });
}

function latencySection(results: readonly BenchResult[]): Html {
  const [main] = results;
  const heatMap = latencyHeatMap(main?.seconds ?? []);
  const hasService = results.some(({ service }) => service !== null);
  return html`<section>
    <h2>Latency</h2>
    <p>
      Latency counts from when a request should have been sent, so that a stall of the cluster counts for all who had to
      wait${hasService ? '; service time (dashed) only from when it was sent' : ''}.
    </p>
    ${figure({
      title: 'Latency by percentile',
      summary: 'Each nine of the percentile takes the same room.',
      chart: percentileChart(results),
      height: 340,
    })}
    ${percentileTable(results)}
    ${
      heatMap === null
        ? html`<p class="quiet">
            Latency over time: not measured, since the engine does not tell it second by second.
          </p>`
        : figure({
            title: `Latency over time${results.length > 1 ? `: ${main?.label ?? ''}` : ''}`,
            summary:
              'The darker (in dark colours: the brighter), the more requests were answered in that second with that latency.',
            chart: heatMap,
            height: 320,
          })
    }
  </section> `;
}

function timeSection(main: BenchResult, isOverlay: boolean): Html {
  const { figures, secondsPerPoint, missing } = timeCharts(main);
  return html`<section>
    <h2>Over time${isOverlay ? `: ${main.label}` : ''}</h2>
    <p class="quiet">
      All charts share the time axis: the cursor (or the arrow keys on a chart) shows the same second in each.
      ${secondsPerPoint > 1 && `Each point is of the ${secondsPerPoint} s that end there: the mean, or the most that were waiting.`}
    </p>
    ${figures.map(figure)} ${missing.length > 0 && html`<p class="quiet">Not measured: ${missing.join('; ')}.</p>`}
  </section> `;
}

function environmentSection(results: readonly BenchResult[]): Html {
  const columns = (describe: (result: BenchResult) => readonly (readonly [string, string])[]) => {
    return results.map((result) => ({
      name: results.length === 1 ? 'Value' : result.label,
      entries: describe(result),
    }));
  };
  return html`<section>
    <h2>Environment and settings</h2>
    ${describedTable(
      'Where it ran',
      columns(({ environment }) => describeEnvironment(environment)),
    )}
    ${describedTable('What was sent', columns(describeWorkload))} ${generatorTable(results)}
    <h3>To repeat ${results.length === 1 ? 'it' : 'them'}</h3>
    ${results.map(({ command }) => commandBlock(command))}
    <p class="quiet">
      ${results.length === 1 ? 'Run' : 'First run'} of ${results[0]?.startedAt},
      ${quantity(results[0]?.totals.seconds, 'seconds')} measured.
    </p>
  </section> `;
}
