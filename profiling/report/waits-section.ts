/**
 * Where operations spend their time: for each method a stacked bar at the mean and around p50, p90 and p99, and the table
 * of stages.
 */
import { lowerUs, percentileUs, upperUs } from '../load/histogram.ts';
import { threadLabel } from '../result/profile.ts';
import { quantity } from '../result/quantity.ts';
import type { OperationWaits, WaitPlace, WaitRow, WaitTable } from '../result/waits.ts';
import { stageText } from '../waits/stages.ts';
import { stackedBars } from './bars.ts';
import {
  details,
  list,
  quiet,
  section,
  table,
  text,
  type Block,
  type ColumnOf,
  type Figure,
  type Table,
} from './blocks.ts';

const places: readonly WaitPlace[] = [
  'main thread',
  'between threads',
  'worker',
  'own replica',
  'to a peer',
  'peer',
  'unknown',
];

export function waitsBlocks(waits: WaitTable): Block {
  const { mode, durability, every, durationMs, sentence, skipped, unfinished, operations, threads } = waits;
  const sampled = every === 1 ? 'every operation' : `one operation in ${every}`;
  return [
    text(sentence),
    quiet(
      `Mode ${mode}, durability ${durability}: ${sampled} was timed over ${quantity(durationMs / 1000, 'seconds')}; ` +
        `${quantity(skipped, 'count')} were sampled and not kept, ${quantity(unfinished, 'count')} were not answered ` +
        'before the end.',
    ),
    operations.map((operation) => operationSection(operation, waits)),
    threadTable(threads),
  ];
}

function operationSection(operation: OperationWaits, { durability }: WaitTable): Block {
  const { method, count, meanUs, latency, rows, overlaps, deciders, accountedShare } = operation;
  const percentiles = [50, 90, 99].map((share) => `p${share} ${quantity(percentileUs(latency, share), 'latency')}`);
  return section(
    method === 'all' ? 'All operations' : method,
    text(
      `${quantity(count, 'count')} operations: mean ${quantity(meanUs, 'latency')}, ${percentiles.join(', ')}. The ` +
        `stages explain ${quantity(accountedShare, 'share')} of their time. The deciding reply came from this node for ` +
        `${quantity(deciders.self, 'count')} of them and from a peer for ${quantity(deciders.peer, 'count')}; ` +
        `${quantity(deciders.none, 'count')} had none before the deadline.`,
    ),
    barFigure(operation),
    stageTable(rows),
    details(
      'What the stages measure',
      table('From which point to which each stage reaches', rows, [
        ['Stage', 'text', ({ label }) => label],
        ['Measures', 'text', ({ stage }) => stageText(stage, durability).measures],
      ]),
    ),
    details('Histograms of the stages', histogramTable(rows)),
    overlaps.length > 0 && quiet('Part of the stages above, not in addition to them:'),
    list(
      overlaps.map(
        ({ label, meanUs: mean, share }) =>
          `${label}: ${quantity(mean, 'latency')} an operation, ${quantity(share, 'share')}`,
      ),
    ),
  );
}

/** One bar of where an operation spends its time on average; nothing where none was timed. */
export function meanWaits(waits: WaitTable | undefined): Block {
  const [all] = waits?.operations ?? [];
  if (all === undefined || all.count === 0) return null;
  return barFigure({ ...all, bars: all.bars.filter(({ name }) => name === 'mean') }, 'On average, in the node.');
}

/** How the stages' shares change towards the slow end. */
function barFigure(
  { method, bars, rows }: Pick<OperationWaits, 'method' | 'bars' | 'rows'>,
  summary = 'On average and around the percentiles of the latency; each bar is 100% of its own time.',
): Figure {
  type Bar = (typeof bars)[number];
  const partOf = ({ parts }: Bar, { stage }: WaitRow) => parts.find((part) => part.stage === stage);
  return stackedBars(
    {
      title: `Where operations spend their time${method === 'all' ? '' : `, ${method}`}`,
      summary,
      unit: 'latency',
      colourBy: 'section',
      names: places.filter((place) => rows.some((row) => row.place === place)),
      isOwnScale: true,
      bars: bars.map((bar) => ({
        label: bar.name,
        parts: rows.flatMap((row) => {
          const value = partOf(bar, row)?.meanUs ?? 0;
          return value > 0 ? [{ section: row.place, name: row.label, value }] : [];
        }),
      })),
    },
    table('Stages on average, and where the latency is around its percentiles', rows, [
      ['Stage', 'text', ({ label }) => label],
      ...bars.flatMap((bar): ColumnOf<WaitRow>[] => [
        [bar.name, 'us', (row) => partOf(bar, row)?.meanUs ?? 0, 0],
        [`share of ${quantity(bar.totalUs, 'latency')}`, 'share', (row) => partOf(bar, row)?.share ?? 0],
      ]),
    ]),
  );
}

function stageTable(rows: readonly WaitRow[]): Table {
  return table('Stages on the critical path, in its order; means add up to the mean latency', rows, [
    ['Stage', 'text', ({ label }) => label],
    ['Where', 'text', ({ place }) => place],
    ['Operations', 'count', ({ count }) => count],
    ['Mean', 'us', ({ meanUs }) => meanUs, 0],
    ['Share', 'share', ({ share }) => share],
    ['p50', 'us', ({ p50Us }) => p50Us, 0],
    ['p90', 'us', ({ p90Us }) => p90Us, 0],
    ['p99', 'us', ({ p99Us }) => p99Us, 0],
    ['Longest', 'us', ({ maxUs }) => maxUs, 0],
  ]);
}

/** Factor between the edges of the shown histograms. */
const coarse = 4;

/** Each stage's histogram, in steps of four from 1 us on. */
function histogramTable(rows: readonly WaitRow[]): Table {
  const longest = Math.max(1, ...rows.map(({ maxUs }) => maxUs));
  const count = Math.ceil(Math.log(longest) / Math.log(coarse)) + 1;
  const edges = Array.from({ length: count }, (_, power) => coarse ** power);
  const counted = rows.map(({ label, histogram: { buckets } }) => {
    const counts = edges.map(() => 0);
    for (let at = 0; at < buckets.length; at += 2) {
      const bucket = buckets[at] ?? 0;
      const middle = (lowerUs(bucket) + upperUs(bucket)) / 2;
      const column = edges.findIndex((edge) => middle <= edge);
      counts[Math.max(0, column)] = (counts[Math.max(0, column)] ?? 0) + (buckets[at + 1] ?? 0);
    }
    return { label, counts };
  });
  return table('Operations by the time that they spent in a stage', counted, [
    ['Stage', 'text', ({ label }) => label],
    ...edges.map((edge, index): ColumnOf<(typeof counted)[number]> => [
      `to ${quantity(edge, 'latency')}`,
      'count',
      ({ counts }) => counts[index] ?? 0,
    ]),
  ]);
}

/** A thread without JavaScript has no loop and no collector. */
function threadTable(threads: WaitTable['threads']): Table {
  const none = '–';
  return table('Beside the path, per thread; these overlap the stages and are never added to them', threads, [
    ['Thread', 'text', threadLabel],
    ['Loop late, p50', 'us', ({ loopDelay }) => loopDelay?.p50Us ?? none, 0],
    ['Loop late, p99', 'us', ({ loopDelay }) => loopDelay?.p99Us ?? none, 0],
    ['On a core', 'ms', ({ cpuUs }) => (cpuUs === null ? null : cpuUs / 1000)],
    ['Ready, no core', 'ms', ({ runQueueUs }) => (runQueueUs === null ? null : runQueueUs / 1000)],
    ['Collections', 'count', ({ loopDelay, gc }) => (loopDelay === null ? none : sum(gc.map(({ count }) => count)))],
    [
      'Collecting',
      'ms',
      ({ loopDelay, gc }) => (loopDelay === null ? none : sum(gc.map(({ totalUs }) => totalUs)) / 1000),
    ],
  ]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
