/**
 * A comparison in pictures, one operation at a time: what each subject holds, its latency by percentile under each load,
 * and what a request costs it in CPU, memory, switches and bytes.
 */
import { pointKey } from '../compare/load-point.ts';
import {
  measureKinds,
  type CompareResult,
  type LoadPoint,
  type MeasureName,
  type SummaryRow,
} from '../result/compare.ts';
import { sumOf } from '../load/histogram.ts';
import type { LoadOperation } from '../load/result.ts';
import { quiet, type Block } from './blocks.ts';
import { rangeBars, stackedBars, type BarPart } from './bars.ts';
import type { LineChart } from './chart.ts';
import { byNodeAndThread, byThread, pointsOf, pointText, rowOf, type RowPlace } from './compare-tables.ts';
import { chartFigure } from './figure.ts';
import { dashes, seriesColours } from './palette.ts';
import { percentileChart, type LatencyRun } from './percentile-chart.ts';
import { quantity } from '../result/quantity.ts';

/** Costs that get a chart, besides CPU; everything stands in the tables. */
const costMeasures: readonly MeasureName[] = [
  'runQueueUs',
  'voluntarySwitches',
  'involuntarySwitches',
  'peerBytes',
  'residentBytes',
];

export function maximumChart({ searches, subjects }: CompareResult, op: LoadOperation): Block {
  const found = searches.filter((search) => search.op === op);
  if (found.length === 0) return null;
  return rangeBars({
    title: `Highest rate held, ${op.toUpperCase()}`,
    summary: 'Median of the rounds; the bracket reaches from the least to the greatest of them.',
    unit: 'rate',
    bars: found.map(({ subject, best, spread }) => ({
      label: subject,
      spread: spread ?? (best === null ? null : { median: best, min: best, max: best, count: 1 }),
      none: 'none held',
      colour: colourOf(subjects.map(({ name }) => name).indexOf(subject)),
    })),
  });
}

/**
 * One chart for each load, the subjects overlaid, their rounds pooled: a round's slow requests weigh as much as the others,
 * where a median round would hide them.
 */
export function latencyCharts(result: CompareResult, op: LoadOperation): Block {
  return pointsOf(result, op).map((point) => {
    const pooled = result.subjects.map(({ name }) => pooledLatency(result, { op, point, subject: name }));
    const at = `${op.toUpperCase()} at ${pointText(point)}`;
    if (pooled.every(({ latency }) => latency.count === 0)) {
      return quiet(`Latency of ${at}: not measured.`);
    }
    return chartFigure({
      title: `Latency by percentile, ${at}`,
      summary: `${pooledText(pooled)} ${missedNote(result, op, point)}`.trim(),
      chart: toldApart(percentileChart(pooled)),
      height: 280,
    });
  });
}

interface Pooled extends LatencyRun {
  readonly subject: string;
  readonly rounds: number;
}

/** What a saturated generator measured says nothing of the subject, and what was cut short is of another length. */
function pooledLatency(result: CompareResult, place: RowPlace): Pooled {
  const { op, point, subject } = place;
  const rounds = result.runs.filter((run) => {
    const isHere = run.subject === subject && run.op === op && pointKey(run.point) === pointKey(point);
    return isHere && !run.result.cutShort && run.result.verdict.kind !== 'invalid';
  });
  const rate = rowOf(result, place)?.rate;
  const label = point.kind === 'rate' || rate === undefined ? subject : `${subject} at ${quantity(rate, 'rate')}`;
  return { label, subject, rounds: rounds.length, latency: sumOf(rounds.map((run) => run.result.latency)) };
}

function pooledText(pooled: readonly Pooled[]): string {
  const counts = new Set(pooled.map(({ rounds }) => rounds));
  if (counts.size > 1) {
    return `Rounds pooled: ${pooled.map(({ subject, rounds }) => `${subject} ${rounds || 'none'}`).join(', ')}.`;
  }
  const [count] = counts;
  return count === 1 ? 'One round.' : `The requests of ${count} rounds, pooled.`;
}

/** By dashes beside the colours. */
function toldApart(chart: LineChart): LineChart {
  const series = chart.series.map((one, index) => ({ ...one, dash: dashes[index % dashes.length] ?? 'solid' }));
  return { ...chart, series };
}

/** Where a rate was missed, latency grows with the length of the run. */
function missedNote({ summary }: CompareResult, op: LoadOperation, point: LoadPoint): string {
  const missed = summary.filter((row) => {
    return row.op === op && pointKey(row.point) === pointKey(point) && row.verdicts.missed + row.verdicts.failed > 0;
  });
  if (missed.length === 0) return '';
  return `Not held in every round by ${missed.map(({ subject }) => subject).join(', ')}: its latency says how long the run was.`;
}

export function costCharts(result: CompareResult, op: LoadOperation): Block {
  const rows = pointsOf(result, op).flatMap((point) => {
    return result.subjects.flatMap(({ name }, index) => {
      const row = rowOf(result, { op, point, subject: name });
      return row === undefined ? [] : [{ group: pointText(point), row, colour: colourOf(index) }];
    });
  });
  if (rows.length === 0) return null;
  const cpu = stackedBars({
    title: `CPU a request by node and thread, ${op.toUpperCase()}`,
    summary: 'native: all threads without JavaScript (libuv, V8, LMDB). Medians of the rounds.',
    unit: 'us',
    bars: rows.map(({ group, row }) => ({ group, label: row.subject, parts: cpuParts(row) })),
    names: [...new Set(rows.flatMap(({ row }) => row.threads.map(({ thread }) => thread)))].sort(byThread),
  });
  const others = costMeasures.map((measure) => {
    return rangeBars({
      title: `${measureKinds[measure].title}, ${op.toUpperCase()}`,
      unit: measureKinds[measure].unit,
      bars: rows.map(({ group, row, colour }) => ({
        group,
        label: row.subject,
        spread: row.measures[measure],
        colour,
      })),
    });
  });
  return [cpu, others];
}

/** By node, and in each by thread. */
function cpuParts({ threads }: SummaryRow): BarPart[] {
  return threads
    .toSorted(byNodeAndThread)
    .map(({ node, thread, cpuUs }) => ({ section: node, name: thread, value: cpuUs.median }));
}

function colourOf(index: number): number {
  return (Math.max(index, 0) % seriesColours) + 1;
}
