/**
 * Where operations spend their time: for each method a stacked bar at the mean and around p50, p90 and p99, and the table
 * of stages. Bars are plain elements whose widths are the shares, so they need no script and print well.
 */
import { threadLabel } from '../capture/result.ts';
import { lowerUs, upperUs } from '../load/histogram.ts';
import type { OperationWaits, WaitBar, WaitPlace, WaitRow, WaitTable } from '../waits/result.ts';
import { stageText } from '../waits/stages.ts';
import { html, type Html } from './html.ts';
import { quantity } from './quantity.ts';
import { table, tableBehind, type Cell } from './table.ts';

const places: readonly WaitPlace[] = [
  'main thread',
  'between threads',
  'worker',
  'own replica',
  'to a peer',
  'peer',
  'unknown',
];

export const waitsStyles = `
.wait-bar{display:flex;align-items:center;gap:12px;margin:6px 0}
.wait-bar>.name{flex:0 0 9.5em;font-size:.875rem;text-align:right;font-variant-numeric:tabular-nums}
.wait-bar>.parts{flex:1;display:flex;height:26px;border-radius:4px;overflow:hidden;background:var(--panel)}
.wait-bar>.parts>span{display:block;border-right:1px solid var(--page);min-width:0}
.wait-legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.875rem;margin:8px 0 12px;padding:0;list-style:none}
.wait-legend span{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em}
${places.map((_, index) => `.place-${index}{background:var(--series-${index + 1})}`).join('')}
@media (max-width:640px){.wait-bar{flex-wrap:wrap;gap:2px}.wait-bar>.name{flex-basis:100%;text-align:left}}
`;

export function waitsSection(waits: WaitTable): Html {
  const { every, durationMs, sentence, skipped, unfinished } = waits;
  const sampled = every === 1 ? 'Every operation' : `One operation in ${every}`;
  return html`<p>${sentence}</p>
    <p class="quiet">
      ${sampled} was timed over ${quantity(durationMs / 1000, 'seconds')}; ${quantity(skipped, 'count')} were sampled
      and not kept, ${quantity(unfinished, 'count')} were not answered before the end.
    </p>
    ${waits.operations.map((operation) => operationSection(operation, waits))} ${threadTable(waits)}`;
}

function operationSection(operation: OperationWaits, { durability }: WaitTable): Html {
  const { method, count, rows, bars, overlaps, deciders, accountedShare } = operation;
  const stages = new Map(rows.map((row) => [row.stage as string, row]));
  return html`<h3>${method === 'all' ? 'All operations' : method}</h3>
    <p>
      ${quantity(count, 'count')} operations; the stages explain ${quantity(accountedShare, 'share')} of their time. The
      reply that decided came from this node in ${quantity(deciders.self, 'count')} of them and from a peer in
      ${quantity(deciders.peer, 'count')}.
    </p>
    ${legend(rows)}
    <div role="img" aria-label="Where operations spend their time; the same figures stand in the table below">
      ${bars.map((bar) => stackedBar(bar, stages))}
    </div>
    ${stageTable(operation)} ${stageLegend(operation, durability)} ${histogramTable(rows)}
    ${
      overlaps.length > 0 &&
      html`<p class="quiet">
        Inside the stages, not beside them, as shares of the operations' time:
        ${overlaps.map(({ label, share }) => `${label} ${quantity(share, 'share')}`).join('; ')}.
      </p>`
    }`;
}

function stackedBar({ name, totalUs, parts }: WaitBar, rows: ReadonlyMap<string, WaitRow>): Html {
  const shown = parts.filter(({ share }) => share > 0);
  return html`<div class="wait-bar">
    <span class="name">${name} ${quantity(totalUs, 'latency')}</span>
    <span class="parts">
      ${shown.map(({ stage, meanUs, share }) => {
        const row = rows.get(stage);
        const text = `${row?.label ?? stage}: ${quantity(meanUs, 'latency')}, ${quantity(share, 'share')}`;
        return html`<span
          class="${placeClass(row)}"
          style="width:${(share * 100).toFixed(2)}%"
          title="${text}"
        ></span>`;
      })}
    </span>
  </div>`;
}

function placeClass(row: WaitRow | undefined): string {
  return `place-${places.indexOf(row?.place ?? 'unknown')}`;
}

function legend(rows: readonly WaitRow[]): Html {
  const shown = places.filter((place) => rows.some((row) => row.place === place));
  return html`<ul class="wait-legend">
    ${shown.map((place) => html`<li><span class="place-${places.indexOf(place)}"></span>${place}</li>`)}
  </ul>`;
}

function stageTable({ rows, bars }: OperationWaits): Html {
  return table({
    caption: 'Stages on the critical path, in its order; means add up to the mean latency',
    columns: [
      { title: 'Stage', unit: 'text' },
      { title: 'Where', unit: 'text' },
      { title: 'Mean', unit: 'us', digits: 0 },
      { title: 'Share', unit: 'share' },
      ...bars
        .filter(({ name }) => name !== 'mean')
        .map(({ name }) => ({ title: `at ${name}`, unit: 'us' as const, digits: 0 })),
      { title: 'p50', unit: 'us', digits: 0 },
      { title: 'p99', unit: 'us', digits: 0 },
      { title: 'Longest', unit: 'us', digits: 0 },
    ],
    rows: rows.map((row): Cell[] => [
      row.label,
      row.place,
      row.meanUs,
      row.share,
      ...bars
        .filter(({ name }) => name !== 'mean')
        .map(({ parts }) => parts.find(({ stage }) => stage === row.stage)?.meanUs ?? 0),
      row.p50Us,
      row.p99Us,
      row.maxUs,
    ]),
  });
}

/** From which point to which each stage reaches. */
function stageLegend({ rows }: OperationWaits, durability: string): Html {
  return tableBehind('What the stages measure', {
    caption: 'From which point to which each stage reaches',
    columns: [
      { title: 'Stage', unit: 'text' },
      { title: 'Measures', unit: 'text' },
    ],
    rows: rows.map(({ stage, label }): Cell[] => [label, stageText(stage, durability).measures]),
  });
}

/** Factor between the edges of the shown histograms. */
const coarse = 4;

/** Each stage's histogram, in steps of four from 1 us on. */
function histogramTable(rows: readonly WaitRow[]): Html {
  const longest = Math.max(1, ...rows.map(({ maxUs }) => maxUs));
  const edges = Array.from(
    { length: Math.ceil(Math.log(longest) / Math.log(coarse)) + 1 },
    (_, power) => coarse ** power,
  );
  return tableBehind('Histograms of the stages', {
    caption: 'Operations by the time that they spent in a stage',
    columns: [
      { title: 'Stage', unit: 'text' },
      ...edges.map((edge) => ({ title: `to ${quantity(edge, 'latency')}`, unit: 'count' as const })),
    ],
    rows: rows.map(({ label, histogram }): Cell[] => {
      const counts = edges.map(() => 0);
      for (let at = 0; at < histogram.buckets.length; at += 2) {
        const bucket = histogram.buckets[at] as number;
        const middle = (lowerUs(bucket) + upperUs(bucket)) / 2;
        const column = Math.max(
          0,
          edges.findIndex((edge) => middle <= edge),
        );
        counts[column] = (counts[column] ?? 0) + (histogram.buckets[at + 1] as number);
      }
      return [label, ...counts];
    }),
  });
}

/** A thread without JavaScript has neither. */
const none = '–';

function threadTable({ threads }: WaitTable): Html {
  return table({
    caption: 'Beside the path, per thread; these overlap the stages and are never added to them',
    columns: [
      { title: 'Thread', unit: 'text' },
      { title: 'Loop late, p50', unit: 'us', digits: 0 },
      { title: 'Loop late, p99', unit: 'us', digits: 0 },
      { title: 'On a core', unit: 'ms' },
      { title: 'Ready, no core', unit: 'ms' },
      { title: 'Collections', unit: 'count' },
      { title: 'Collecting', unit: 'ms' },
    ],
    rows: threads.map(({ loopDelay, cpuUs, runQueueUs, gc, ...thread }): Cell[] => [
      threadLabel(thread),
      loopDelay?.p50Us ?? none,
      loopDelay?.p99Us ?? none,
      cpuUs === null ? null : cpuUs / 1000,
      runQueueUs === null ? null : runQueueUs / 1000,
      loopDelay === null ? none : gc.reduce((sum, { count }) => sum + count, 0),
      loopDelay === null ? none : gc.reduce((sum, { totalUs }) => sum + totalUs, 0) / 1000,
    ]),
  });
}
