/** Draws the figures of a page (`profiling/report/figure.ts` wrote them) where they stand. */
import type { Chart } from '../report/chart.ts';
import { drawHeatMap } from './heat-map.ts';
import { drawLines } from './line-chart.ts';
import './page.ts';

for (const host of document.querySelectorAll<HTMLElement>('.chart')) {
  const chart = JSON.parse(host.nextElementSibling?.textContent ?? '') as Chart;
  if (chart.kind === 'lines') drawLines(host, chart);
  else drawHeatMap(host, chart);
}
