/**
 * A chart in a page: its title, what it says in a sentence, the place where the browser draws it, and the same figures in
 * a table behind it. Any page with the script `charts` draws the figures that it holds.
 */
import { percentileText, type Chart, type HeatMap, type LineChart } from './chart.ts';
import { details, table, type ColumnOf, type Table } from './blocks.ts';
import { htmlOf } from './blocks-html.ts';
import { html, Html, jsonForScript } from './html.ts';
import { quantity } from '../result/quantity.ts';

export interface Figure {
  readonly title: string;
  /** What a reader who does not see the chart is to know. */
  readonly summary: string;
  readonly chart: Chart;
  /** Pixels of the drawing; the browser's default where absent. */
  readonly height?: number;
}

export function figure({ title, summary, chart, height = 240 }: Figure): Html {
  return html`<figure class="drawn">
    <figcaption>${title} <span class="quiet">${summary}</span></figcaption>
    <div
      class="chart"
      data-height="${height}"
      style="min-height:${height}px"
      role="img"
      tabindex="0"
      aria-label="${title}: ${summary}"
    ></div>
    <script type="application/json">
      ${new Html(jsonForScript(chart))}
    </script>
    ${htmlOf(details('Table', chartTable(title, chart)))}
  </figure> `;
}

/** The figures of the chart as a table. */
export function chartTable(caption: string, chart: Chart): Table {
  return chart.kind === 'lines' ? lineTable(caption, chart) : heatTable(caption, chart);
}

function lineTable(caption: string, { x, y, series }: LineChart): Table {
  const first: ColumnOf<number> =
    x.kind === 'percentile' ? [x.title, 'text', percentileText] : [x.title, x.kind, (at) => at];
  return table(caption, x.values, [
    first,
    ...series.map(({ label, values }): ColumnOf<number> => {
      // Counts are whole unless they are means of several seconds.
      const isWhole = values.every((value) => value === null || Number.isInteger(value));
      const digits = y.unit === 'count' && !isWhole ? 1 : undefined;
      return [label, y.unit, (_, index) => values[index] ?? null, digits];
    }),
  ]);
}

function heatTable(caption: string, { secondsPerColumn, edgesUs, columns }: HeatMap): Table {
  const each = secondsPerColumn === 1 ? 'second' : `${secondsPerColumn} seconds`;
  return table(`${caption}: requests by latency, for each ${each}`, columns, [
    ['Until', 'seconds', (_, column) => (column + 1) * secondsPerColumn],
    ...edgesUs
      .slice(0, -1)
      .map((edge, row): ColumnOf<readonly number[]> => [
        `${quantity(edge, 'latency')} to ${quantity(edgesUs[row + 1], 'latency')}`,
        'count',
        (counts) => counts[row] ?? 0,
      ]),
  ]);
}
