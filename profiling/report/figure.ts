/**
 * A picture in a page: its title, what it says in a sentence, and the same figures in a table behind it. A chart is drawn
 * by the browser: any page with the script `charts` draws those that it holds.
 */
import { quantity } from '../result/quantity.ts';
import { details, table, type ColumnOf, type Figure, type Table } from './blocks.ts';
import { htmlOf } from './blocks-html.ts';
import { percentileText, type Chart, type HeatMap, type LineChart } from './chart.ts';
import { html, Html, jsonForScript } from './html.ts';

export interface Caption {
  readonly title: string;
  /** What a reader who does not see the picture is to know. */
  readonly summary?: string | undefined;
}

export interface DrawnChart extends Caption {
  readonly summary: string;
  readonly chart: Chart;
  /** Pixels of the drawing. */
  readonly height: number;
}

export function figureOf({ title, summary }: Caption, body: Html, behind: Table): Figure {
  const picture = html`<figure>
    <figcaption>${title} ${summary !== undefined && html`<span class="quiet">${summary}</span>`}</figcaption>
    ${body}${htmlOf(details('Table', behind))}
  </figure> `;
  return { kind: 'figure', picture, table: behind };
}

export function chartFigure({ title, summary, chart, height }: DrawnChart): Figure {
  const place = html`<div
      class="chart"
      data-height="${height}"
      style="min-height:${height}px"
      role="img"
      tabindex="0"
      aria-label="${title}: ${summary}"
    ></div>
    <script type="application/json">
      ${new Html(jsonForScript(chart))}
    </script>`;
  return figureOf({ title, summary }, place, chartTable(title, chart));
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
