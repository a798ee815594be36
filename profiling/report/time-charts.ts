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
import { dashOf } from './dashes.ts';
import type { Figure } from './figure.ts';
import { seriesColours } from './palette.ts';
import { quantity, type Unit } from '../result/quantity.ts';
import { groupsOf, spanOf } from './second-groups.ts';

export interface TimeCharts {
  readonly figures: readonly Figure[];
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

function clientCharts({ seconds }: BenchResult, span: number): TimeChart[] {
  const { size, groups } = groupsOf(seconds, span);
  const line = (label: string, colour: number, of: (group: readonly SecondResult[]) => number | null): LineSeries => {
    return { label, colour, dash: 'solid', values: groups.map((group) => (group.length === 0 ? null : of(group))) };
  };
  const perSecond = (pick: (second: SecondResult) => number) => (group: readonly SecondResult[]) =>
    sum(group, pick) / size;
  const percentile = (share: number) => (group: readonly SecondResult[]) => {
    const latency = sumOf(group.map((second) => second.latency));
    return latency.count === 0 ? null : percentileUs(latency, share);
  };
  return [
    {
      title: 'Requests a second',
      y: { unit: 'rate', scale: 'linear' },
      series: [
        {
          ...line(
            'due',
            7,
            perSecond(({ due }) => due),
          ),
          dash: 'dashed',
        },
        line(
          'completed',
          1,
          perSecond(({ completed }) => completed),
        ),
      ],
    },
    {
      title: 'Errors a second',
      y: { unit: 'count', scale: 'linear', atLeast: 1 },
      series: [
        line(
          'failed',
          2,
          perSecond(({ failed }) => failed),
        ),
        {
          ...line(
            'unanswered',
            4,
            perSecond(({ unanswered }) => unanswered),
          ),
          dash: 'dashed',
        },
      ],
    },
    {
      title: 'Latency of the requests answered in each second',
      y: { unit: 'latency', scale: 'logarithmic' },
      series: [
        line('p50', 3, percentile(50)),
        { ...line('p99', 1, percentile(99)), dash: 'long' },
        { ...line('max', 2, percentile(100)), dash: 'dotted' },
      ],
    },
    {
      title: 'Waiting at the client',
      note: 'Requests due and not answered at the end of the second:',
      y: { unit: 'count', scale: 'linear', atLeast: 1 },
      series: [line('pending', 1, (group) => Math.max(...group.map(({ pending }) => pending)))],
    },
  ];
}

function nodeCharts({ nodes }: BenchResult, span: number): TimeChart[] {
  type Pick = (sample: NodeSample) => number | null;
  const lineOf = (node: number, label: string, dash: Dash, pick: Pick): LineSeries => {
    const { groups } = groupsOf((nodes[node]?.series ?? []).map(byStart), span);
    return { label, colour: (node % seriesColours) + 1, dash, values: groups.map((group) => mean(group.map(pick))) };
  };
  const perNode = (pick: Pick): LineSeries[] => {
    return nodes.map((_, node) => lineOf(node, nodeName(node), dashOf(node, 'solid'), pick));
  };
  const perThread = nodes.flatMap(({ series }, node) => {
    const names = new Set(series.flatMap(({ utilization }) => Object.keys(utilization)));
    return [...names].map((name, index) => {
      return lineOf(
        node,
        `${nodeName(node)} ${name}`,
        threadDash(index),
        ({ utilization }) => utilization[name] ?? null,
      );
    });
  });
  const count: YAxis = { unit: 'count', scale: 'linear', atLeast: 1 };
  return [
    { title: 'Operations in flight in the nodes', y: count, series: perNode((sample) => sample.operationsInFlight) },
    { title: 'Pool queue depth', y: count, series: perNode((sample) => sample.poolQueue) },
    {
      title: 'Event-loop utilization by thread',
      y: { unit: 'share', scale: 'linear', atLeast: 1 },
      series: perThread,
    },
    {
      title: 'Garbage collection, milliseconds a second',
      y: { unit: 'ms', scale: 'linear', atLeast: 1 },
      series: perNode((sample) => sample.gcMs),
    },
    {
      title: 'LMDB commit wait',
      note: 'Mean over the commits of the second:',
      y: { unit: 'ms', scale: 'linear' },
      series: perNode((sample) => sample.commitMsMean),
    },
    {
      title: 'LMDB commits a second',
      y: { unit: 'rate', scale: 'linear', atLeast: 1 },
      series: perNode((sample) => sample.commits),
    },
    {
      title: 'CPU of the nodes, in cores',
      y: { unit: 'cores', scale: 'linear' },
      series: perNode(({ cpuUs }) => (cpuUs === null ? null : cpuUs / 1e6)),
    },
    {
      title: 'Resident memory of the nodes',
      y: { unit: 'bytes', scale: 'linear' },
      series: perNode((sample) => sample.residentBytes),
    },
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

function sum(group: readonly SecondResult[], pick: (second: SecondResult) => number): number {
  return group.reduce((total, second) => total + pick(second), 0);
}

/** Of what was measured; null where nothing was. */
function mean(values: readonly (number | null)[]): number | null {
  const measured = values.filter((value) => value !== null);
  return measured.length === 0 ? null : measured.reduce((total, value) => total + value, 0) / measured.length;
}
