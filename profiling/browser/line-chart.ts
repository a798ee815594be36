/**
 * Line charts by uPlot, with a legend of our own: its entries are buttons, so that series go and come by keyboard too, and
 * show the values under the cursor. Left and right move the cursor of a focused chart, and of those that share it.
 */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { percentileText, type LineChart, type XAxis } from '../report/chart.ts';
import { quantity } from '../result/quantity.ts';
import { axisFont, gutter, keepDrawn, logarithmicTicks, secondsStep } from './chart-frame.ts';
import { dashPatterns, Legend } from './legend.ts';
import { colour } from './page.ts';

export function drawLines(host: HTMLElement, chart: LineChart): void {
  let plot: uPlot | undefined;
  let isLogarithmic = chart.y.scale === 'logarithmic';
  const legend = new Legend(host, chart, {
    toggled: (series, isShown) => plot?.setSeries(series + 1, { show: isShown }),
    rescaled: (logarithmic) => {
      isLogarithmic = logarithmic;
      draw();
    },
  });
  const draw = (): void => {
    plot?.destroy();
    const { x, series } = chart;
    const data = [x.values, ...series.map(({ values }) => values.map((value) => drawable(value, isLogarithmic)))];
    plot = new uPlot(plotOptions(host, chart, { legend, isLogarithmic }), data as uPlot.AlignedData, host);
  };
  keepDrawn(host, draw);
  host.addEventListener('keydown', (event) => {
    if (plot !== undefined && moveCursor(plot, event.key)) event.preventDefault();
  });
}

/** Between the marks of an axis: no half operations, and bytes by powers of two. */
const wholeSteps = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();

const byteSteps = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** A logarithmic axis has no 0; less than a microsecond is as good as one. */
function drawable(value: number | null, isLogarithmic: boolean): number | null {
  return value !== null && isLogarithmic ? Math.max(value, 1) : value;
}

/** What uPlot's types leave out: a third argument that tells the charts that share the cursor. */
interface Publishing {
  setCursor(at: { left: number; top: number }, fireHook: boolean, publish: boolean): void;
}

interface PlotState {
  readonly legend: Legend;
  readonly isLogarithmic: boolean;
}

function plotOptions(host: HTMLElement, chart: LineChart, { legend, isLogarithmic }: PlotState): uPlot.Options {
  const { x, y, series, sync, hasMarks = false } = chart;
  const line = { stroke: colour('grid'), width: 1 };
  const axis = { font: axisFont, stroke: colour('quiet'), grid: line, ticks: { ...line, size: 5 } };
  const plotWidth = host.clientWidth - gutter.left - gutter.right;
  return {
    width: host.clientWidth,
    height: Number(host.dataset['height']),
    padding: [gutter.top, gutter.right, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      ...(sync !== undefined && { sync: { key: sync, scales: ['x', null] as [string, null] } }),
    },
    scales: {
      x: { time: false, range: [x.kind === 'percentile' ? 1 : 0, x.max], distr: x.kind === 'percentile' ? 3 : 1 },
      y: isLogarithmic
        ? { distr: 3, range: (_, min, max) => logarithmicRange(min, max) }
        : { distr: 1, range: (_, __, max) => [0, linearTop(max, y.atLeast ?? 0)] },
    },
    axes: [
      {
        ...axis,
        size: gutter.bottom,
        splits: () => xTicks(x, plotWidth),
        filter: (_, ticks) => ticks,
        values: (_, ticks) => ticks.map((tick) => xLabel(x, tick)),
      },
      {
        ...axis,
        size: gutter.left,
        values: (_, ticks) => ticks.map((tick) => quantity(tick, y.unit)),
        ...(y.unit === 'count' && { incrs: wholeSteps }),
        ...(y.unit === 'bytes' && { incrs: byteSteps }),
        ...(isLogarithmic && { splits: (_, __, min, max) => logarithmicTicks(min, max), filter: (_, ticks) => ticks }),
      },
    ],
    series: [
      {},
      ...series.map(({ label, colour: index, dash }, at): uPlot.Series => {
        const stroke = colour(`series-${index}`);
        return {
          label,
          stroke,
          width: 2,
          dash: dashPatterns[dash],
          show: legend.isShown(at),
          points: { show: hasMarks || x.values.length <= 2, size: 7, fill: stroke },
          spanGaps: hasMarks,
        };
      }),
    ],
    hooks: { setCursor: [(self) => legend.show(self.cursor.idx ?? null)] },
  };
}

/** From a power of ten to another, or to 2 or 5 times one, so that the highest value has little air above it. */
function logarithmicRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [1, 10];
  const floor = 10 ** Math.floor(Math.log10(min));
  const power = 10 ** Math.floor(Math.log10(max));
  const top = [1, 2, 5, 10].map((factor) => factor * power).find((edge) => edge >= max) ?? power * 10;
  return [floor, Math.max(top, floor * 10)];
}

function linearTop(max: number | null, atLeast: number): number {
  return Math.max((max ?? 0) * 1.08, atLeast) || 1;
}

function xTicks({ kind, max }: XAxis, width: number): number[] {
  if (kind === 'percentile') return percentileTicks(max, width);
  const step = kind === 'seconds' ? secondsStep(max, width) : rateStep(max, width);
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, index) => index * step);
}

/** 0, 50% where it fits, 90%, 99% and so on. */
function percentileTicks(max: number, width: number): number[] {
  const nines = Array.from({ length: Math.floor(Math.log10(max) + 1e-9) + 1 }, (_, power) => 10 ** power);
  const room = (width * Math.log10(2)) / Math.log10(Math.max(max, 10));
  return room > 44 && max >= 2 ? [1, 2, ...nines.slice(1)] : nines;
}

function rateStep(max: number, width: number): number {
  const wanted = (max * 80) / Math.max(width, 1);
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= wanted) ?? power * 10;
}

function xLabel({ kind }: XAxis, tick: number): string {
  if (kind === 'percentile') return percentileText(tick);
  return quantity(tick, kind === 'rate' ? 'rate' : 'seconds');
}

/** Whether the key was one that moves. */
function moveCursor(plot: uPlot, key: string): boolean {
  const xs = plot.data[0];
  const at = plot.cursor.idx ?? -1;
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    Home: 0,
    End: xs.length - 1,
  };
  const wanted = moves[key];
  if (wanted === undefined) return false;
  const index = Math.min(Math.max(wanted, 0), xs.length - 1);
  const left = plot.valToPos(xs[index] ?? 0, 'x');
  const publishing: Publishing = plot;
  publishing.setCursor({ left, top: 1 }, true, true);
  return true;
}
