/** The runs by which a highest rate was looked for: which were held, and what the others failed on. */
import type { SearchStep } from '../load/result.ts';
import { quantity } from '../result/quantity.ts';
import { table, type Block, type Figure, type Table } from './blocks.ts';
import { chartFigure } from './figure.ts';

export function searchSteps(caption: string, steps: readonly SearchStep[]): Block {
  return [steps.length > 1 && searchFigure(caption, steps), searchTable(caption, steps)];
}

export function searchTable(caption: string, steps: readonly SearchStep[]): Table {
  return table(`${caption}: the runs tried, in order`, steps, [
    ['Run', 'count', (_, index) => index + 1],
    ['Rate', 'rate', ({ rate }) => rate],
    ['Achieved', 'rate', ({ achieved }) => achieved],
    ['p50', 'latency', ({ p50Us }) => p50Us],
    ['p99', 'latency', ({ p99Us }) => p99Us],
    ['Failed', 'count', ({ failed }) => failed],
    ['Held', 'text', ({ held }) => (held ? '✓ yes' : '✕ no')],
    ['Why not', 'text', ({ reason }) => reason],
  ]);
}

/** p99 over the rate: where the curve turns up is where the cluster ends. */
function searchFigure(caption: string, steps: readonly SearchStep[]): Figure {
  const ordered = steps.toSorted((left, right) => left.rate - right.rate);
  const best = ordered.findLast((step) => step.held);
  const p99 = (isHeld: boolean): (number | null)[] => ordered.map((step) => (step.held === isHeld ? step.p99Us : null));
  return chartFigure({
    title: `${caption}: p99 by rate`,
    summary:
      best === undefined ? 'No rate tried was held.' : `The highest rate held is ${quantity(best.rate, 'rate')}.`,
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
        { label: 'p99, held', colour: 3, dash: 'solid', values: p99(true) },
        { label: 'p99, not held', colour: 2, dash: 'dashed', values: p99(false) },
      ],
      hasMarks: true,
    },
    height: 200,
  });
}
