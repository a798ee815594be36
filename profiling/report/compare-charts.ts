/**
 * A comparison in pictures, one operation at a time: what each subject holds, its latency by percentile under each load,
 * and what a request costs it in CPU, memory, switches and bytes.
 */
import { pointKey, pointName } from '../compare/load-point.ts';
import {
  measureKinds,
  type CompareResult,
  type LoadPoint,
  type MeasureName,
  type SummaryRow,
} from '../compare/result.ts';
import { sumOf } from '../load/histogram.ts';
import type { LoadOperation } from '../load/result.ts';
import { rangeBars, stackedBars } from './bars.ts';
import { figure } from './figure.ts';
import { html, type Html } from './html.ts';
import { seriesColours } from './palette.ts';
import { percentileChart } from './percentile-chart.ts';
import { typeset, type Unit } from './quantity.ts';

/** Costs that get a chart, besides CPU; everything stands in the tables. */
const costMeasures: readonly MeasureName[] = [
  'runQueueUs',
  'voluntarySwitches',
  'involuntarySwitches',
  'peerBytes',
  'residentBytes',
];

export function maximumChart({ searches, subjects }: CompareResult, op: LoadOperation): Html | null {
  const found = searches.filter((search) => search.op === op);
  if (found.length === 0) return null;
  return rangeBars({
    title: `Highest rate held, ${op.toUpperCase()}`,
    summary: 'The bracket reaches from the least to the greatest of the rounds.',
    unit: 'rate',
    bars: found.map(({ subject, best, spread }) => ({
      label: subject,
      spread: spread ?? (best === null ? null : { median: best, min: best, max: best, count: 1 }),
      none: 'none held',
      colour: colourOf(subjects.map(({ name }) => name).indexOf(subject)),
    })),
  });
}

/** One chart for each load, the subjects overlaid. */
export function latencyCharts(result: CompareResult, op: LoadOperation): Html[] {
  return pointsOf(result, op).map((point) => {
    const runs = result.subjects.flatMap(({ name }) => {
      const rounds = result.runs.filter((run) => {
        return run.subject === name && run.op === op && pointKey(run.point) === pointKey(point);
      });
      // What a saturated generator measured says nothing of the subject.
      const valid = rounds.filter(({ result: { verdict } }) => verdict.kind !== 'invalid');
      const latency = sumOf(valid.map((run) => run.result.latency));
      return latency.count === 0 ? [] : [{ label: name, latency, rounds: valid.length }];
    });
    if (runs.length === 0)
      return html`<p class="quiet">Latency of ${op.toUpperCase()} at ${pointText(point)}: not measured.</p>`;
    const rounds = Math.max(...runs.map((run) => run.rounds));
    return figure({
      title: `Latency by percentile, ${op.toUpperCase()} at ${pointText(point)}`,
      summary: `${rounds === 1 ? 'One round.' : `${rounds} rounds together.`} ${missedNote(result, op, point)}`.trim(),
      chart: percentileChart(runs),
      height: 280,
    });
  });
}

/** Where a rate was missed, latency grows with the length of the run. */
function missedNote({ summary }: CompareResult, op: LoadOperation, point: LoadPoint): string {
  const missed = summary.filter((row) => {
    return row.op === op && pointKey(row.point) === pointKey(point) && row.verdicts.missed + row.verdicts.failed > 0;
  });
  if (missed.length === 0) return '';
  return `Not held in every round by ${missed.map(({ subject }) => subject).join(', ')}: its latency says how long the run was.`;
}

export function costCharts(result: CompareResult, op: LoadOperation): Html {
  const rows = pointsOf(result, op).flatMap((point) => {
    return result.subjects.flatMap(({ name }, index) => {
      const row = rowOf(result, { op, point, subject: name });
      return row === undefined ? [] : [{ group: pointText(point), row, colour: colourOf(index) }];
    });
  });
  if (rows.length === 0) return html``;
  const cpu = stackedBars({
    title: `CPU a request by thread, ${op.toUpperCase()}`,
    summary: 'All nodes together; native: all threads without JavaScript (libuv, V8, LMDB). Medians of the rounds.',
    unit: 'us',
    bars: rows.map(({ group, row }) => ({ group, label: row.subject, parts: cpuByThread(row) })),
  });
  const others = costMeasures.map((measure) => {
    return rangeBars({
      title: `${measureKinds[measure].title}, ${op.toUpperCase()}`,
      unit: unitOf(measure),
      bars: rows.map(({ group, row, colour }) => ({
        group,
        label: row.subject,
        spread: row.measures[measure],
        colour,
      })),
    });
  });
  return html`${cpu}${others}`;
}

/** Threads of the same name on all nodes together, main first and native last. */
function cpuByThread({ threads }: SummaryRow): ReadonlyMap<string, number> {
  const place = (name: string): number => ['main', 'native'].indexOf(name);
  const names = [...new Set(threads.map(({ thread }) => thread))].sort((left, right) => {
    const order = [place(left), place(right)].map((at) => (at === -1 ? 0.5 : at));
    return (order[0] ?? 0) - (order[1] ?? 0) || left.localeCompare(right, 'en', { numeric: true });
  });
  return new Map(
    names.map((name) => {
      const same = threads.filter(({ thread }) => thread === name);
      return [name, same.reduce((sum, { cpuUs }) => sum + cpuUs.median, 0)];
    }),
  );
}

/** The loads that the operation met, in order. */
export function pointsOf({ summary }: CompareResult, op: LoadOperation): LoadPoint[] {
  const points = summary.filter((row) => row.op === op).map(({ point }) => point);
  return [...new Map(points.map((point) => [pointKey(point), point])).values()];
}

/** `1 000/s`, `60% of its own maximum`. */
export function pointText(point: LoadPoint): string {
  return typeset(pointName(point));
}

export interface RowPlace {
  readonly op: LoadOperation;
  readonly point: LoadPoint;
  readonly subject: string;
}

export function rowOf({ summary }: CompareResult, { op, point, subject }: RowPlace): SummaryRow | undefined {
  return summary.find((row) => {
    return row.op === op && row.subject === subject && pointKey(row.point) === pointKey(point);
  });
}

export function opsOf({ searches, summary }: CompareResult): LoadOperation[] {
  return [...new Set([...searches, ...summary].map(({ op }) => op))];
}

export function unitOf(measure: MeasureName): Unit {
  const { unit, isLatency } = measureKinds[measure];
  const units = { 'requests/s': 'rate', us: isLatency ? 'latency' : 'us', bytes: 'bytes', switches: 'count' } as const;
  return units[unit];
}

function colourOf(index: number): number {
  return (Math.max(index, 0) % seriesColours) + 1;
}
