/**
 * A histogram as wrk2 and HdrHistogram print it, which HdrHistogram's plotters read
 * (hdrhistogram.github.io/HdrHistogram/plotFiles.html): percentiles in steps that halve the distance to 100% every five
 * lines, then the footer. Values are milliseconds; widths and wording are wrk2's (src/wrk.c, src/hdr_histogram.c).
 */
import { lowerUs, meanUs, upperUs, type LatencyCounts } from './histogram.ts';

const ticksPerHalfDistance = 5;
/** Of our histogram: linear up to 2,048, then doublings up to 2^36. */
const subBuckets = 2048;
const buckets = 26;

export function spectrumText(counts: LatencyCounts): string {
  const lines = [
    '  Detailed Percentile spectrum:',
    '       Value   Percentile   TotalCount 1/(1-Percentile)',
    '',
    ...percentileLines(counts),
    ...footer(counts),
    '----------------------------------------------------------',
  ];
  return lines.map((line) => `${line}\n`).join('');
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
  const figure = (value: number | string): string => String(value).padStart(12);
  const scaled = (value: number): string => figure((value / 1000).toFixed(3));
  return [
    `#[Mean    = ${scaled(meanUs(counts))}, StdDeviation   = ${scaled(deviationUs(counts))}]`,
    `#[Max     = ${scaled(counts.maxUs)}, Total count    = ${figure(counts.count)}]`,
    `#[Buckets = ${figure(buckets)}, SubBuckets     = ${figure(subBuckets)}]`,
  ];
}

/** Of the middles of the buckets. */
function deviationUs(counts: LatencyCounts): number {
  const mean = meanUs(counts);
  let squares = 0;
  for (let at = 0; at < counts.buckets.length; at += 2) {
    const bucket = counts.buckets[at] as number;
    squares += (counts.buckets[at + 1] as number) * ((lowerUs(bucket) + upperUs(bucket)) / 2 - mean) ** 2;
  }
  return counts.count === 0 ? 0 : Math.sqrt(squares / counts.count);
}
