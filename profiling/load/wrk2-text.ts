/**
 * A result in the shape of wrk2's output, which people know and HdrHistogram's plotters read
 * (hdrhistogram.github.io/HdrHistogram/plotFiles.html): percentiles in steps that halve the distance to 100% every five
 * lines, then the footer. Values are milliseconds. Widths and wording are wrk2's (src/wrk.c, src/hdr_histogram.c).
 */
import { lowerUs, meanUs, percentileUs, upperUs, type LatencyCounts } from './histogram.ts';
import type { BenchResult, SecondResult } from './result.ts';

const ticksPerHalfDistance = 5;
/** Of our histogram: linear up to 2,048, then doublings up to 2^36. */
const subBuckets = 2048;
const buckets = 26;

/** All of it but the verdict. */
export function wrk2Text(result: BenchResult): string {
  const { workload, totals, latency, service, seconds } = result;
  const lines = [
    `Running ${wholeDuration(workload.durationMs / 1000)} test @ ${workload.targets.join(',')}`,
    `  1 threads and ${workload.connections} connections`,
    '  Thread Stats   Avg      Stdev     Max   +/- Stdev',
    statsLine('Latency', latencySpread(latency), micros),
    ...(seconds.length > 0 ? [statsLine('Req/Sec', rateSpread(seconds), metric)] : []),
    ...spectrum(latency, 'Recorded Latency'),
    ...(service === null ? [] : [`  ${serviceTitle}`, ...summary(service)]),
    `  ${totals.completed} requests in ${duration(totals.seconds)}`,
    ...(totals.unanswered > 0 ? [`  Without an answer: ${totals.unanswered}`] : []),
    ...(totals.failed > 0 ? [`  Non-2xx or 3xx responses: ${totals.failed}`] : []),
    `Requests/sec: ${totals.rate.toFixed(2).padStart(9)}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** In short only: a second spectrum would be a second file to a plotter. */
const serviceTitle = 'Uncorrected Latency (measured without taking delayed starts into account)';

function spectrum(counts: LatencyCounts, title: string): string[] {
  return [
    `  Latency Distribution (HdrHistogram - ${title})`,
    ...summary(counts),
    '',
    '  Detailed Percentile spectrum:',
    '       Value   Percentile   TotalCount 1/(1-Percentile)',
    '',
    ...percentileLines(counts),
    ...footer(counts),
    '----------------------------------------------------------',
  ];
}

function summary(counts: LatencyCounts): string[] {
  return [50, 75, 90, 99, 99.9, 99.99, 99.999, 100].map((percentile) => {
    return `${percentile.toFixed(3).padStart(7)}%${units(micros(percentileUs(counts, percentile)), 10)}`.trimEnd();
  });
}

/** HdrHistogram's percentile iterator: as many lines between 50% and 75% as between 99.98% and 99.99%. */
export function percentileLines(counts: LatencyCounts): string[] {
  const lines: string[] = [];
  let seen = 0;
  let level = 0;
  for (let at = 0; at < counts.buckets.length; at += 2) {
    seen += counts.buckets[at + 1] as number;
    const valueUs = upperUs(counts.buckets[at] as number);
    const reached = (100 * seen) / counts.count;
    while (level <= reached) {
      lines.push(percentileLine(valueUs, level / 100, seen));
      const halfDistances = 2 ** (Math.trunc(Math.log2(100 / (100 - level))) + 1);
      level += 100 / (ticksPerHalfDistance * halfDistances);
      // All were seen: one line, and the last one below.
      if (seen === counts.count) break;
    }
  }
  const last = counts.buckets.at(-2);
  if (last !== undefined) lines.push(percentileLine(upperUs(last), 1, counts.count));
  return lines;
}

function percentileLine(valueUs: number, share: number, seen: number): string {
  const inverted = share === 1 ? 'inf' : (1 / (1 - share)).toFixed(2);
  const columns = [(valueUs / 1000).toFixed(3), share.toFixed(6), String(seen), inverted];
  return columns.map((column) => column.padStart(12)).join(' ');
}

function footer(counts: LatencyCounts): string[] {
  const { meanUs: mean, deviationUs } = latencySpread(counts);
  const figure = (value: number | string): string => String(value).padStart(12);
  const scaled = (value: number): string => figure((value / 1000).toFixed(3));
  return [
    `#[Mean    = ${scaled(mean)}, StdDeviation   = ${scaled(deviationUs)}]`,
    `#[Max     = ${scaled(counts.maxUs)}, Total count    = ${figure(counts.count)}]`,
    `#[Buckets = ${figure(buckets)}, SubBuckets     = ${figure(subBuckets)}]`,
  ];
}

interface Spread {
  readonly meanUs: number;
  readonly deviationUs: number;
  readonly max: number;
  /** Share within one standard deviation of the mean. */
  readonly within: number;
}

function latencySpread(counts: LatencyCounts): Spread {
  const values: (readonly [value: number, count: number])[] = [];
  for (let at = 0; at < counts.buckets.length; at += 2) {
    const bucket = counts.buckets[at] as number;
    values.push([(lowerUs(bucket) + upperUs(bucket)) / 2, counts.buckets[at + 1] as number]);
  }
  return spreadOf(values, meanUs(counts), counts.maxUs);
}

function rateSpread(seconds: readonly SecondResult[]): Spread {
  const rates = seconds.map(({ completed }) => [completed, 1] as const);
  const mean = rates.reduce((sum, [rate]) => sum + rate, 0) / Math.max(1, rates.length);
  return spreadOf(rates, mean, Math.max(0, ...rates.map(([rate]) => rate)));
}

function spreadOf(values: readonly (readonly [number, number])[], mean: number, max: number): Spread {
  const total = values.reduce((sum, [, count]) => sum + count, 0);
  const squares = values.reduce((sum, [value, count]) => sum + count * (value - mean) ** 2, 0);
  const deviationUs = total === 0 ? 0 : Math.sqrt(squares / total);
  const near = values.reduce((sum, [value, count]) => sum + (Math.abs(value - mean) <= deviationUs ? count : 0), 0);
  return { meanUs: mean, deviationUs, max, within: total === 0 ? 0 : near / total };
}

function statsLine(name: string, { meanUs: mean, deviationUs, max, within }: Spread, format: Format): string {
  const figures = `${units(format(mean), 8)}${units(format(deviationUs), 10)}${units(format(max), 9)}`;
  return `    ${name.padEnd(10)}${figures}${(within * 100).toFixed(2).padStart(8)}%`;
}

type Format = (value: number) => string;

/** Right-aligned so that the digits stand under each other whatever the unit's length. */
function units(text: string, width: number): string {
  const letters = /[a-z]{0,2}$/i.exec(text)?.[0].length ?? 0;
  return text.padStart(width - (2 - letters)) + ' '.repeat(2 - letters);
}

function micros(value: number): string {
  return scaledBy(value, 'us', [
    ['ms', 1000],
    ['s', 1000],
    ['m', 60],
    ['h', 60],
  ]);
}

function metric(value: number): string {
  return scaledBy(value, '', [
    ['k', 1000],
    ['M', 1000],
  ]);
}

function duration(seconds: number): string {
  return scaledBy(seconds, 's', [
    ['m', 60],
    ['h', 60],
  ]);
}

/** `30s`, `3m`, as wrk2 spells what it was asked for. */
function wholeDuration(seconds: number): string {
  return seconds > 0 && seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}

function scaledBy(value: number, unit: string, steps: readonly (readonly [unit: string, factor: number])[]): string {
  let scaled = value;
  let name = unit;
  for (const [next, factor] of steps) {
    if (scaled < factor) break;
    scaled /= factor;
    name = next;
  }
  return `${scaled.toFixed(2)}${name}`;
}
