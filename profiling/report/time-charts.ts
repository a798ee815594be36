/**
 * What happened when: throughput and errors of the client, and what the nodes said of themselves, each in a chart of its
 * own over one shared time axis, so that a stall, a collection or a slow commit stands above what it did to the rest.
 *
 * A point at second `n` is of the second that ends there.
 */
import { nodeName } from '../../src/domain/topology.ts';
import { percentileUs, sumOf } from '../load/histogram.ts';
import type { BenchResult, NodeSample, SecondResult } from '../load/result.ts';
import type { Dash, LineChart, LineSeries, YAxis } from './chart.ts';
import type { DrawnChart } from './figure.ts';
import { dashOf, seriesColours } from './palette.ts';
import { quantity, type Unit } from '../result/quantity.ts';
import { groupsOf, spanOf } from './second-groups.ts';

export interface TimeCharts {
  readonly figures: readonly DrawnChart[];
  /** More than 1 where a run is so long that seconds go together. */
  readonly secondsPerPoint: number;
  /** Titles of the charts for which nothing was measured. */
  readonly missing: readonly string[];
}

interface TimeChart {
  readonly title: string;
  /** What the reader should know of it, before the summary of its figures. */
  readonly note?: string;
  readonly y: YAxis;
  readonly series: readonly LineSeries[];
}

export function timeCharts(result: BenchResult): TimeCharts {
  const samples = result.nodes.flatMap(({ series }) => series.map(byStart));
  const span = Math.max(spanOf(result.seconds), spanOf(samples));
  if (span === 0) return { figures: [], secondsPerPoint: 1, missing: ['anything second by second'] };
  const charts = [...clientCharts(result, span), ...nodeCharts(result, span)];
  const { size, groups } = groupsOf(result.seconds, span);
  const x = {
    kind: 'seconds' as const,
    title: 'Second',
    values: groups.map((_, index) => (index + 1) * size),
    max: groups.length * size,
  };
  const isMeasured = ({ series }: TimeChart): boolean =>
    series.some(({ values }) => values.some((one) => one !== null));
  return {
    secondsPerPoint: size,
    figures: charts.filter(isMeasured).map(({ title, note, y, series }) => {
      const chart: LineChart = { kind: 'lines', x, y, series, sync: 'time' };
      const summary = [note, summaryOf(series, y.unit)].filter((text) => text !== undefined).join(' ');
      return { title, summary, chart, height: 170 };
    }),
    missing: charts.filter((chart) => !isMeasured(chart)).map(({ title }) => title),
  };
}

/** An axis from 0 that reaches at least as far as `atLeast`. */
function from0(unit: Unit, atLeast = 0): YAxis {
  return { unit, scale: 'linear', atLeast };
}

function clientCharts({ seconds }: BenchResult, span: number): TimeChart[] {
  const { size, groups } = groupsOf(seconds, span);
  type Of = (group: readonly SecondResult[]) => number | null;
  const line = (label: string, colour: number, dash: Dash, of: Of): LineSeries => {
    return { label, colour, dash, values: groups.map((group) => (group.length === 0 ? null : of(group))) };
  };
  const each = (figure: 'due' | 'completed' | 'failed' | 'unanswered', colour: number, dash: Dash): LineSeries =>
    line(figure, colour, dash, (group) => group.reduce((sum, second) => sum + second[figure], 0) / size);
  const percentile = (label: string, share: number, colour: number, dash: Dash): LineSeries =>
    line(label, colour, dash, (group) => {
      const latency = sumOf(group.map((second) => second.latency));
      return latency.count === 0 ? null : percentileUs(latency, share);
    });
  return [
    {
      title: 'Requests a second',
      y: from0('rate'),
      series: [each('due', 7, 'dashed'), each('completed', 1, 'solid')],
    },
    {
      title: 'Errors a second',
      y: from0('count', 1),
      series: [each('failed', 2, 'solid'), each('unanswered', 4, 'dashed')],
    },
    {
      title: 'Latency of the requests answered in each second',
      y: { unit: 'latency', scale: 'logarithmic' },
      series: [
        percentile('p50', 50, 3, 'solid'),
        percentile('p99', 99, 1, 'long'),
        percentile('max', 100, 2, 'dotted'),
      ],
    },
    {
      title: 'Waiting at the client',
      note: 'Requests due and not answered at the end of the second:',
      y: from0('count', 1),
      series: [line('pending', 1, 'solid', (group) => Math.max(...group.map(({ pending }) => pending)))],
    },
  ];
}

type Pick = (sample: NodeSample) => number | null;

/** A line for each node. */
const perNode: readonly (readonly [title: string, y: YAxis, pick: Pick, note?: string])[] = [
  ['Operations in flight in the nodes', from0('count', 1), (sample) => sample.operationsInFlight],
  ['Pool queue depth', from0('count', 1), (sample) => sample.poolQueue],
  ['Garbage collection, milliseconds a second', from0('ms', 1), (sample) => sample.gcMs],
  ['LMDB commit wait', from0('ms'), (sample) => sample.commitMsMean, 'Mean over the commits of the second:'],
  ['LMDB commits a second', from0('rate', 1), (sample) => sample.commits],
  ['CPU of the nodes, in cores', from0('cores'), ({ cpuUs }) => (cpuUs === null ? null : cpuUs / 1e6)],
  ['Resident memory of the nodes', from0('bytes'), (sample) => sample.residentBytes],
];

function nodeCharts({ nodes }: BenchResult, span: number): TimeChart[] {
  const lineOf = (node: number, label: string, dash: Dash, pick: Pick): LineSeries => {
    const { groups } = groupsOf((nodes[node]?.series ?? []).map(byStart), span);
    return { label, colour: (node % seriesColours) + 1, dash, values: groups.map((group) => mean(group.map(pick))) };
  };
  const threads = nodes.flatMap(({ series }, node) => {
    const names = new Set(series.flatMap(({ utilization }) => Object.keys(utilization)));
    return [...names].map((name, index) =>
      lineOf(node, `${nodeName(node)} ${name}`, threadDash(index), ({ utilization }) => utilization[name] ?? null),
    );
  });
  return [
    ...perNode.map(([title, y, pick, note]) => {
      const series = nodes.map((_, node) => lineOf(node, nodeName(node), dashOf(node, 'solid'), pick));
      return { title, y, series, ...(note !== undefined && { note }) };
    }),
    { title: 'Event-loop utilization by thread', y: from0('share', 1), series: threads },
  ];
}

/** Samples are named by the end of their second; the bench's seconds by their start. */
function byStart(sample: NodeSample): NodeSample {
  return { ...sample, second: Math.max(0, Math.round(sample.second) - 1) };
}

function threadDash(index: number): Dash {
  return (['solid', 'dashed', 'dotted', 'long'] as const)[index % 4] ?? 'solid';
}

/** `due 500/s; completed 480/s to 500/s`; of many lines, the highest. */
function summaryOf(series: readonly LineSeries[], unit: Unit): string {
  const ranges = series.flatMap(({ label, values }) => {
    const measured = values.filter((value) => value !== null);
    return measured.length === 0 ? [] : [{ label, min: Math.min(...measured), max: Math.max(...measured) }];
  });
  const top = ranges.reduce((highest, one) => (one.max > highest.max ? one : highest));
  if (top.max === 0) return 'None at any time.';
  if (ranges.length > 4) return `At most ${quantity(top.max, unit)} (${top.label}).`;
  const texts = ranges.map(({ label, min, max }) => {
    const [low, high] = [quantity(min, unit), quantity(max, unit)];
    return `${label} ${low === high ? low : `${low} to ${high}`}`;
  });
  return `${texts.join('; ')}.`;
}

/** Of what was measured; null where nothing was. */
function mean(values: readonly (number | null)[]): number | null {
  const measured = values.filter((value) => value !== null);
  return measured.length === 0 ? null : measured.reduce((total, value) => total + value, 0) / measured.length;
}
