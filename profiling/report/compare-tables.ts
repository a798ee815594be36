/** A comparison in tables: every measure of every subject with its range and what each step changed; every run. */
import { threadLabel } from '../capture/result.ts';
import { pointKey } from '../compare/load-point.ts';
import {
  measureKinds,
  type Change,
  type CompareResult,
  type LoadPoint,
  type MeasureName,
  type ModeProfile,
  type Spread,
  type SummaryRow,
  type VerdictCounts,
} from '../compare/result.ts';
import { percentileUs } from '../load/histogram.ts';
import type { LoadOperation } from '../load/result.ts';
import { rangeText } from './bars.ts';
import { byNodeAndThread, pointsOf, pointText, rowOf, unitOf } from './compare-charts.ts';
import { html, type Html } from './html.ts';
import { quantity, typeset, type Unit } from './quantity.ts';
import { table, type Cell } from './table.ts';

/** One table for each load: measures down, subjects and steps across. */
export function measureTables(result: CompareResult, op: LoadOperation): Html[] {
  return pointsOf(result, op).map((point) => measureTable(result, op, point));
}

function measureTable(result: CompareResult, op: LoadOperation, point: LoadPoint): Html {
  const rows = result.subjects.map(({ name }) => rowOf(result, { op, point, subject: name }));
  const steps = result.steps.filter((step) => step.op === op);
  const changes = steps.map(({ from, to, points }) => ({
    list: points.find((one) => pointKey(one.point) === pointKey(point))?.changes ?? [],
    isHeld: [from, to].every((name) => isHeld(rows.find((row) => row?.subject === name))),
  }));
  const measures = (Object.keys(measureKinds) as MeasureName[]).map((measure): Cell[] => [
    measureKinds[measure].title,
    ...rows.map((row) => spreadText(row?.measures[measure] ?? null, unitOf(measure))),
    ...changes.map(({ list, isHeld: held }) => {
      // Of a rate that was missed latency says how long the run was.
      if (measureKinds[measure].isLatency && !held && list.length > 0) return 'no verdict: rate not held';
      return changeText(list.find((change) => change.measure === measure));
    }),
  ]);
  return table({
    caption: `${op.toUpperCase()} at ${pointText(point)}: median and range of the rounds`,
    columns: ['', ...result.subjects.map(({ name }) => name), ...steps.map(({ from, to }) => `${from} → ${to}`)].map(
      (title) => ({ title, unit: 'text' as const }),
    ),
    rows: [
      ['Rate asked for', ...rows.map((row) => quantity(row?.rate, 'rate')), ...steps.map(() => '')],
      ['Rounds', ...rows.map((row) => (row === undefined ? null : roundsText(row.verdicts))), ...steps.map(() => '')],
      ...measures,
      ...threadRows(rows, steps.length),
    ],
  });
}

function threadRows(rows: readonly ReturnType<typeof rowOf>[], steps: number): Cell[][] {
  const threads = rows.flatMap((row) => row?.threads ?? []).toSorted(byNodeAndThread);
  const names = new Set(threads.map(threadLabel));
  const blank = Array.from({ length: steps }, () => '');
  return [...names].map((name) => [
    `CPU a request, ${name}`,
    ...rows.map((row) => {
      if (row === undefined || row.threads.length === 0) return null;
      const found = row.threads.find((thread) => threadLabel(thread) === name);
      return found === undefined ? 'no such thread' : spreadText(found.cpuUs, 'us');
    }),
    ...blank,
  ]);
}

/** Each single run, in the order in which they ran: who drifts with the machine shows here. */
export function runTable({ runs }: CompareResult): Html {
  return table({
    caption: 'All runs, in the order in which they ran',
    columns: [
      { title: 'Run', unit: 'count' },
      { title: 'Subject', unit: 'text' },
      { title: 'Operation', unit: 'text' },
      { title: 'Load', unit: 'text' },
      { title: 'Round', unit: 'count' },
      { title: 'Verdict', unit: 'text' },
      { title: 'Target', unit: 'rate' },
      { title: 'Achieved', unit: 'rate' },
      ...[50, 99].map((share) => ({ title: `p${share}`, unit: 'latency' as const })),
      { title: 'Max', unit: 'latency' },
    ],
    rows: runs.map(({ subject, op, point, round, result }, index): Cell[] => {
      const { verdict, cutShort, workload, totals, latency } = result;
      const known = (value: number): number | null => (latency.count === 0 ? null : value);
      return [
        index + 1,
        subject,
        op,
        pointText(point),
        round,
        verdict.kind.toUpperCase() + (cutShort ? ', cut short' : ''),
        workload.rate,
        totals.rate,
        ...[50, 99].map((share) => known(percentileUs(latency, share))),
        known(latency.maxUs),
      ];
    }),
  });
}

/** What the modes cost under a profiler, where one was used. */
export function profileTable({ profiles = [], profileSentences = [] }: CompareResult): Html | null {
  if (profiles.length === 0 && profileSentences.length === 0) return null;
  return html`<ul>
      ${profileSentences.map((sentence) => html`<li>${typeset(sentence)}</li>`)}
    </ul>
    ${
      profiles.length > 0 &&
      table({
        caption: 'What a request cost the whole cluster under the profilers',
        columns: [
          { title: 'Mode', unit: 'text' },
          { title: 'Operation', unit: 'text' },
          { title: 'Rate', unit: 'rate' },
          { title: 'CPU', unit: 'us' },
          { title: 'Heap, bytes', unit: 'count' },
          { title: 'Off the heap, bytes', unit: 'count' },
          { title: 'Promises', unit: 'count', digits: 1 },
          { title: 'Collections', unit: 'us' },
          { title: 'Blocked on mutexes', unit: 'us' },
        ],
        rows: profiles.map(({ mode, op, rate, costs }): Cell[] => [
          mode,
          op,
          rate,
          costs.cpuUs,
          costs.heapBytes,
          costs.offHeapBytes,
          costs.promises,
          costs.gcUs,
          costs.lockUs,
        ]),
      })
    }
    ${reportLinks(profiles)}`;
}

/** Relative to where the page lies, unless the directory was given from the root. */
function reportLinks(profiles: readonly ModeProfile[]): Html {
  const byDirectory = new Map(profiles.map(({ directory, mode }) => [directory, mode]));
  return html`<ul>
    ${[...byDirectory].map(([directory, mode]) => {
      const path = `${directory.replace(/\/+$/, '')}/report.html`;
      return html`<li>Profile of ${mode}: <a href="${pathAsLink(path)}">${path}</a></li> `;
    })}
  </ul> `;
}

/** With nothing in it that a browser would take for a scheme, a host or a query. */
function pathAsLink(path: string): string {
  return path.replace(/^\/+/, '/').split('/').map(encodeURIComponent).join('/');
}

function isHeld(row: SummaryRow | undefined): boolean {
  if (row === undefined) return false;
  const { held, missed, failed, invalid } = row.verdicts;
  return held > 0 && missed + failed + invalid === 0;
}

function spreadText(spread: Spread | null, unit: Unit): string | null {
  if (spread === null) return null;
  const median = quantity(spread.median, unit);
  const range = rangeText(spread, unit);
  return range === median ? median : `${median} (${range})`;
}

function changeText(change: Change | undefined): string {
  if (change === undefined) return '–';
  const { verdict, ratio } = change;
  switch (verdict) {
    case 'none':
      return 'no difference seen';
    case 'unknown':
      return 'measured only once';
    case 'more':
    case 'less':
      return ratio === null ? verdict : ratioText(ratio);
    default:
      return verdict satisfies never;
  }
}

function ratioText(ratio: number): string {
  if (ratio >= 2) return `× ${quantity(Number(ratio.toFixed(1)), 'count')}`;
  return `${ratio >= 1 ? '+' : '−'}${quantity(Number((Math.abs(ratio - 1) * 100).toFixed(1)), 'count')}%`;
}

function roundsText({ held, missed, failed, invalid }: VerdictCounts): string {
  const parts = [
    `${held} of ${held + missed + failed + invalid} held`,
    missed > 0 ? `${missed} missed` : '',
    failed > 0 ? `${failed} with errors` : '',
    invalid > 0 ? `${invalid} INVALID` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}
