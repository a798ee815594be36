/**
 * What a run is worth, before anything else: its verdict as a word, a colour and a sentence; how much of the rate was
 * achieved; the figures that people quote. A run whose generator could not keep up is told apart on every screen of the
 * page, since none of its figures says anything about the cluster.
 */
import { meanUs, percentileUs, type LatencyCounts } from '../load/histogram.ts';
import type { BenchResult, Verdict } from '../load/result.ts';
import { heldShare } from '../load/saturation.ts';
import { errorCount } from '../load/verdict.ts';
import { figuresOf } from '../compare/figures.ts';
import { keyFigures, table, type Block, type ColumnOf, type KeyFigure, type Table } from './blocks.ts';
import { html, type Html } from './html.ts';
import { quantity, typeset } from '../result/quantity.ts';

const words: Readonly<Record<Verdict['kind'], string>> = {
  held: 'HELD',
  missed: 'MISSED',
  failed: 'FAILED',
  invalid: 'INVALID',
};

const marks: Readonly<Record<Verdict['kind'], string>> = { held: '✓', missed: '▼', failed: '✕', invalid: '⚠' };

export function verdicts(results: readonly BenchResult[]): Html {
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
  const rest = text
    .slice(word.length)
    .replace(/^[:,]?\s+/, '')
    .replace(/^AT MOST|^NONE/, (shout) => shout.toLowerCase());
  return rest === '' ? text : rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** Target against achieved rate, and the key figures. */
export function rateAndFigures(result: BenchResult): Block {
  const { workload, totals, latency } = result;
  const share = workload.rate === 0 ? 0 : totals.rate / workload.rate;
  const errors = errorCount(result);
  const text = `${quantity(Math.round(totals.rate), 'rate')} of ${quantity(workload.rate, 'rate')}`;
  const shown = (percent: number): string => quantity(percentileOf(latency, percent), 'latency');
  const sent = totals.notSent > 0 ? `, ${quantity(totals.notSent, 'count')} not sent` : '';
  const cut = totals.cut > 0 ? `, ${quantity(totals.cut, 'count')} cut` : '';
  return [
    html`<div class="rate-bar" role="img" aria-label="Achieved ${text}, ${quantity(share, 'share')}">
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
    </div>`,
    keyFigures([
      [
        'Target rate',
        quantity(workload.rate, 'rate'),
        workload.arrival === 'poisson' ? 'Poisson arrivals' : 'constant',
      ],
      [
        'Achieved rate',
        quantity(Math.round(totals.rate), 'rate'),
        `${quantity(share, 'share')} of the target${errors > 0 ? ', errors among them' : ''}`,
      ],
      ['Latency p50', shown(50), 'half are faster'],
      ['Latency p99', shown(99), '1 in 100 is slower'],
      ['Latency p99.9', shown(99.9), '1 in 1 000 is slower'],
      ['Slowest', shown(100)],
      ['Errors', quantity(errors, 'count'), `of ${quantity(totals.due, 'count')} due${sent}${cut}`],
      ...(errors > 0 ? [errorFigure(result)] : []),
      ['CPU a request', quantity(figuresOf(result).cpuUs, 'us'), 'all nodes together'],
    ]),
  ];
}

function errorFigure({ errorLatency }: BenchResult): KeyFigure {
  if (errorLatency === undefined) return ['Errors, latency', quantity(null, 'latency'), 'they are in the percentiles'];
  const shown = quantity(percentileOf(errorLatency, 50), 'latency');
  return ['Errors, latency p50', shown, 'in no percentile of the good answers'];
}

/** The runs of an overlay beside each other. */
export function runTable(results: readonly BenchResult[]): Table {
  return table('The runs beside each other', results, [
    ['Run', 'text', ({ label }) => label],
    ['Verdict', 'text', ({ verdict, cutShort }) => words[verdict.kind] + (cutShort ? ', cut short' : '')],
    ['Target', 'rate', ({ workload }) => workload.rate],
    ['Achieved', 'rate', ({ totals }) => totals.rate],
    [
      'Achieved of target',
      'share',
      ({ workload, totals }) => (workload.rate === 0 ? null : totals.rate / workload.rate),
    ],
    ...percentileColumns(({ latency }: BenchResult) => latency, [50, 90, 99, 99.9]),
    ['Errors', 'count', errorCount],
    ['CPU a request, all nodes', 'us', (result) => figuresOf(result).cpuUs],
  ]);
}

/** `p50`, `p99` and so on, then the slowest. */
export function percentileColumns<Row>(
  latencyOf: (row: Row) => LatencyCounts,
  shares: readonly number[],
): ColumnOf<Row>[] {
  const column = (title: string, share: number): ColumnOf<Row> => [
    title,
    'latency',
    (row) => percentileOf(latencyOf(row), share),
  ];
  return [...shares.map((share) => column(`p${share}`, share)), column('Max', 100)];
}

/** The percentiles that people quote, corrected latency and service time, for every run. */
export function percentileTable(results: readonly BenchResult[]): Table {
  const counts = results.flatMap(({ label, latency, errorLatency, service }) => {
    const name = results.length === 1 ? '' : `${label}, `;
    return [
      { title: `${name}latency`, of: latency },
      ...(hasErrors(errorLatency) ? [{ title: `${name}errors`, of: errorLatency }] : []),
      ...(service === null ? [] : [{ title: `${name}service time`, of: service }]),
    ];
  });
  const shares = [50, 75, 90, 95, 99, 99.9, 99.99, 100].map((share) => ({
    title: share === 100 ? '100% (slowest)' : `${share}%`,
    value: (of: LatencyCounts) => percentileOf(of, share),
  }));
  const mean = { title: 'mean', value: (of: LatencyCounts) => (of.count === 0 ? null : meanUs(of)) };
  return table(
    'Latency of good answers, and of errors, counts from when a request should have been sent, service time from when it was sent',
    [...shares, mean],
    [
      ['Percentile', 'text', ({ title }) => title],
      ...counts.map(({ title, of }): ColumnOf<typeof mean> => [title, 'latency', ({ value }) => value(of)]),
    ],
  );
}

/** Whether there is a histogram of errors with something in it. */
export function hasErrors(errorLatency: LatencyCounts | undefined): errorLatency is LatencyCounts {
  return errorLatency !== undefined && errorLatency.count > 0;
}

function percentileOf(counts: LatencyCounts, share: number): number | null {
  return counts.count === 0 ? null : percentileUs(counts, share);
}
