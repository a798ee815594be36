/** Draws the figures of a page (`profiling/report/figure.ts` wrote them) where they stand. */
import type { Chart } from '../report/chart.ts';
import { drawHeatMap } from './heat-map.ts';
import { drawLines } from './line-chart.ts';
import './page.ts';

for (const figure of document.querySelectorAll<HTMLElement>('figure.drawn')) {
  const host = figure.querySelector<HTMLElement>('.chart');
  const text = figure.querySelector('script[type="application/json"]')?.textContent;
  if (host === null || text === undefined) continue;
  const chart = JSON.parse(text) as Chart;
  if (chart.kind === 'lines') drawLines(host, chart);
  else drawHeatMap(host, chart);
}
