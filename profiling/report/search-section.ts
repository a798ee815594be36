/** The runs by which a highest rate was looked for: which were held, and what the others failed on. */
import type { SearchStep } from '../load/result.ts';
import type { Figure } from './figure.ts';
import { figure } from './figure.ts';
import { html, type Html } from './html.ts';
import { quantity } from './quantity.ts';
import { table, type Cell } from './table.ts';

export function searchSteps(caption: string, steps: readonly SearchStep[]): Html {
  return html`${steps.length > 1 && figure(searchFigure(caption, steps))}${searchTable(caption, steps)}`;
}

export function searchTable(caption: string, steps: readonly SearchStep[]): Html {
  return table({
    caption: `${caption}: the runs tried, in order`,
    columns: [
      { title: 'Run', unit: 'count' },
      { title: 'Rate', unit: 'rate' },
      { title: 'Achieved', unit: 'rate' },
      { title: 'p50', unit: 'latency' },
      { title: 'p99', unit: 'latency' },
      { title: 'Failed', unit: 'count' },
      { title: 'Held', unit: 'text' },
      { title: 'Why not', unit: 'text' },
    ],
    rows: steps.map(({ rate, achieved, p50Us, p99Us, failed, held, reason }, index): Cell[] => [
      index + 1,
      rate,
      achieved,
      p50Us,
      p99Us,
      failed,
      held ? '✓ held' : '✕ not held',
      reason,
    ]),
  });
}

/** p99 over the rate: where the curve turns up is where the cluster ends. */
function searchFigure(caption: string, steps: readonly SearchStep[]): Figure {
  const ordered = steps.toSorted((left, right) => left.rate - right.rate);
  const held = ordered.filter((step) => step.held).at(-1);
  const pick = (isWanted: boolean, of: (step: SearchStep) => number): (number | null)[] => {
    return ordered.map((step) => (step.held === isWanted ? of(step) : null));
  };
  const p99 = (step: SearchStep): number => step.p99Us;
  return {
    title: `${caption}: p99 by rate`,
    summary:
      held === undefined ? 'No rate tried was held.' : `The highest rate held is ${quantity(held.rate, 'rate')}.`,
    chart: {
      kind: 'lines',
      x: {
        kind: 'rate',
        title: 'Rate',
        values: ordered.map(({ rate }) => rate),
        max: (ordered.at(-1)?.rate ?? 1) * 1.05,
      },
      y: { unit: 'latency', scale: 'logarithmic' },
      series: [
        { label: 'p99, held', colour: 3, dash: 'solid', values: pick(true, p99) },
        { label: 'p99, not held', colour: 2, dash: 'dashed', values: pick(false, p99) },
      ],
      hasMarks: true,
    },
    height: 200,
  };
}
