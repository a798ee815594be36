/**
 * A chart in a page: its title, what it says in a sentence, the place where the browser draws it, and the same figures in
 * a table behind it. Any page with the script `charts` draws the figures that it holds.
 */
import { percentileText, type Chart, type HeatMap, type LineChart } from './chart.ts';
import { html, Html, jsonForScript } from './html.ts';
import { quantity } from './quantity.ts';
import { tableBehind, type Cell, type TableOptions } from './table.ts';

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
    ${tableBehind('Table', chartTable(title, chart))}
  </figure> `;
}

/** The figures of the chart as a table. */
export function chartTable(caption: string, chart: Chart): TableOptions {
  return chart.kind === 'lines' ? lineTable(caption, chart) : heatTable(caption, chart);
}

function lineTable(caption: string, { x, y, series }: LineChart): TableOptions {
  const isPercentile = x.kind === 'percentile';
  const xUnit = x.kind === 'rate' ? 'rate' : 'seconds';
  return {
    caption,
    columns: [
      { title: x.title, unit: isPercentile ? 'text' : xUnit },
      ...series.map(({ label, values }) => ({ title: label, unit: y.unit, ...digitsFor(values, y.unit) })),
    ],
    rows: x.values.map((at, index): Cell[] => [
      isPercentile ? percentileText(at) : at,
      ...series.map(({ values }) => values[index] ?? null),
    ]),
  };
}

/** Counts are whole unless they are means of several seconds. */
function digitsFor(values: readonly (number | null)[], unit: string): { digits: number } | undefined {
  const isWhole = values.every((value) => value === null || Number.isInteger(value));
  return unit === 'count' && !isWhole ? { digits: 1 } : undefined;
}

function heatTable(caption: string, { secondsPerColumn, edgesUs, columns }: HeatMap): TableOptions {
  const ranges = edgesUs.slice(0, -1).map((edge, row) => {
    return `${quantity(edge, 'latency')} to ${quantity(edgesUs[row + 1], 'latency')}`;
  });
  return {
    caption: `${caption}: requests by latency, for each ${secondsPerColumn === 1 ? 'second' : `${secondsPerColumn} seconds`}`,
    columns: [{ title: 'Until', unit: 'seconds' }, ...ranges.map((title) => ({ title, unit: 'count' as const }))],
    rows: columns.map((counts, column) => [(column + 1) * secondsPerColumn, ...counts]),
  };
}
