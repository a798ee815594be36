/**
 * What a run is worth, before anything else: its verdict as a word, a colour and a sentence; how much of the rate was
 * achieved; the figures that people quote. A run whose generator could not keep up is told apart on every screen of the
 * page, since none of its figures says anything about the cluster.
 */
import { meanUs, percentileUs } from '../load/histogram.ts';
import type { BenchResult, Verdict } from '../load/result.ts';
import { heldShare } from '../load/saturation.ts';
import { errorCount } from '../load/verdict.ts';
import { html, type Html } from './html.ts';
import { keyFigureList, type KeyFigure } from './key-figures.ts';
import { quantity, typeset } from './quantity.ts';
import { table, type Cell } from './table.ts';

const words: Readonly<Record<Verdict['kind'], string>> = {
  held: 'HELD',
  missed: 'MISSED',
  failed: 'FAILED',
  invalid: 'INVALID',
};

const marks: Readonly<Record<Verdict['kind'], string>> = { held: '✓', missed: '▼', failed: '✕', invalid: '⚠' };

export function verdictSection(results: readonly BenchResult[]): Html {
  return html`${results.map(({ verdict }, index) => index === 0 && verdict.kind === 'invalid' && warning)}
    <section class="verdicts" aria-label="Verdict">
      ${results.map((result, index) => verdictBlock(result, { isMain: index === 0, isAlone: results.length === 1 }))}
    </section> `;
}

const warning = html`<p class="invalid-banner" role="alert">
  <strong>INVALID RUN</strong> The load generator could not keep the rate: no figure on this page says anything about
  the cluster.
</p>`;

function verdictBlock(result: BenchResult, { isMain, isAlone }: { isMain: boolean; isAlone: boolean }): Html {
  const { verdict, cutShort, label, totals } = result;
  return html`<div class="verdict ${verdict.kind}${isMain ? ' main' : ''}">
    ${isAlone ? null : html`<p class="verdict-label">${label}</p>`}
    <p class="verdict-sentence">
      <span class="verdict-word"><span aria-hidden="true">${marks[verdict.kind]}</span> ${words[verdict.kind]}</span>
      ${cutShort && html`<span class="verdict-word cut-short">CUT SHORT</span> `}<span
        >${typeset(sentence(verdict))}</span
      >
    </p>
    ${cutShort && html`<p class="quiet">Interrupted after ${quantity(totals.seconds, 'seconds')}: all figures are of the part that ran.</p>`}
  </div> `;
}

/** The bench begins its sentences with the word that stands beside them already. */
function sentence({ kind, sentence: text }: Verdict): string {
  const word = words[kind];
  if (!text.startsWith(word)) return text;
  const rest = text.slice(word.length).replace(/^[:,]?\s+/, '');
  return rest === '' ? text : rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** Target against achieved rate, and the key figures. */
export function keyFigures(result: BenchResult): Html {
  const { workload, totals, latency } = result;
  const share = workload.rate === 0 ? 0 : totals.rate / workload.rate;
  const errors = errorCount(result);
  const unsent = totals.failed + totals.unanswered - errors;
  const text = `${quantity(Math.round(totals.rate), 'rate')} of ${quantity(workload.rate, 'rate')}`;
  const figures: readonly KeyFigure[] = [
    ['Target rate', quantity(workload.rate, 'rate'), workload.arrival === 'poisson' ? 'Poisson arrivals' : 'constant'],
    ['Achieved rate', quantity(Math.round(totals.rate), 'rate'), `${quantity(share, 'share')} of the target`],
    ['Latency p50', percentile(result, 50), 'half are faster'],
    ['Latency p99', percentile(result, 99), '1 in 100 is slower'],
    ['Latency p99.9', percentile(result, 99.9), '1 in 1 000 is slower'],
    ['Slowest', latency.count === 0 ? quantity(null, 'latency') : quantity(latency.maxUs, 'latency')],
    [
      'Errors',
      quantity(errors, 'count'),
      `of ${quantity(totals.due, 'count')} due${unsent > 0 ? `, ${quantity(unsent, 'count')} not sent or cut off` : ''}`,
    ],
    ['CPU a request', quantity(cpuPerRequestUs(result), 'us'), 'all nodes together'],
  ];
  return html`<section aria-label="Key figures">
    <div class="rate-bar" role="img" aria-label="Achieved ${text}, ${quantity(share, 'share')}">
      <div class="rate-track">
        <div
          class="rate-fill ${share >= heldShare ? 'good' : 'short'}"
          style="width:${(Math.min(share, 1) * 100).toFixed(2)}%"
        ></div>
        <div class="rate-limit" style="left:${heldShare * 100}%"></div>
      </div>
      <p class="quiet">
        Achieved ${text} (${quantity(share, 'share')}); the mark stands at ${heldShare * 100}%, from where a rate counts
        as held.
      </p>
    </div>
    ${keyFigureList(figures)}
  </section> `;
}

/** The runs of an overlay beside each other. */
export function runTable(results: readonly BenchResult[]): Html {
  return table({
    caption: 'The runs beside each other',
    columns: [
      { title: 'Run', unit: 'text' },
      { title: 'Verdict', unit: 'text' },
      { title: 'Target', unit: 'rate' },
      { title: 'Achieved', unit: 'rate' },
      { title: 'Achieved of target', unit: 'share' },
      ...[50, 90, 99, 99.9].map((share) => ({ title: `p${share}`, unit: 'latency' as const })),
      { title: 'Max', unit: 'latency' },
      { title: 'Errors', unit: 'count' },
      { title: 'CPU a request, all nodes', unit: 'us' },
    ],
    rows: results.map((result): Cell[] => {
      const { label, verdict, cutShort, workload, totals, latency } = result;
      const known = (value: number): number | null => (latency.count === 0 ? null : value);
      return [
        label,
        words[verdict.kind] + (cutShort ? ', cut short' : ''),
        workload.rate,
        totals.rate,
        workload.rate === 0 ? null : totals.rate / workload.rate,
        ...[50, 90, 99, 99.9].map((share) => known(percentileUs(latency, share))),
        known(latency.maxUs),
        errorCount(result),
        cpuPerRequestUs(result),
      ];
    }),
  });
}

/** The percentiles that people quote, corrected latency and service time, for every run. */
export function percentileTable(results: readonly BenchResult[]): Html {
  const counts = results.flatMap(({ label, latency, service }) => {
    const name = results.length === 1 ? '' : `${label}, `;
    return [
      { title: `${name}latency`, of: latency },
      ...(service === null ? [] : [{ title: `${name}service time`, of: service }]),
    ];
  });
  const shares = [50, 75, 90, 95, 99, 99.9, 99.99, 100];
  const row = (name: string, value: (of: BenchResult['latency']) => number): Cell[] => {
    return [name, ...counts.map(({ of }) => (of.count === 0 ? null : value(of)))];
  };
  return table({
    caption: 'Latency counts from when a request should have been sent, service time from when it was sent',
    columns: [
      { title: 'Percentile', unit: 'text' },
      ...counts.map(({ title }) => ({ title, unit: 'latency' as const })),
    ],
    rows: [
      ...shares.map((share) => row(share === 100 ? '100% (slowest)' : `${share}%`, (of) => percentileUs(of, share))),
      row('mean', meanUs),
    ],
  });
}

/** Of all threads of all nodes; null where that is not known of every node. */
export function cpuPerRequestUs({ nodes, totals }: BenchResult): number | null {
  if (nodes.length === 0 || totals.completed === 0) return null;
  let cpuUs = 0;
  for (const { threads } of nodes) {
    if (threads === null) return null;
    cpuUs += threads.reduce((sum, thread) => sum + thread.cpuUs, 0);
  }
  return cpuUs / totals.completed;
}

function percentile({ latency }: BenchResult, share: number): string {
  return quantity(latency.count === 0 ? null : percentileUs(latency, share), 'latency');
}
