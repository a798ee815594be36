/** Figures of a comparison as people read them. Pure. */
import { milliseconds, perSecond } from '../load/verdict.ts';
import { measureKinds, type MeasureName, type Spread } from './result.ts';

export function formatMeasure(measure: MeasureName, value: number): string {
  const { unit, isLatency } = measureKinds[measure];
  switch (unit) {
    case 'requests/s':
      return perSecond(value);
    case 'us':
      return isLatency ? milliseconds(value) : formatUs(value);
    case 'bytes':
      return formatBytes(value);
    case 'switches':
      return shortNumber(value);
    default:
      return unit satisfies never;
  }
}

/** The median and, where there were several rounds, the range: `4.10 ms (3.90 .. 4.40)`. */
export function formatSpread(spread: Spread | null, format: (value: number) => string): string {
  if (spread === null) return '-';
  const { median, min, max, count } = spread;
  if (count < 2) return format(median);
  const [low, high] = [format(min), format(max)];
  const unit = / ?[^\d.,]+$/;
  const isSameUnit = unit.exec(low)?.[0] === unit.exec(high)?.[0];
  return `${format(median)} (${isSameUnit ? low.replace(unit, '') : low} .. ${isSameUnit ? high.replace(unit, '') : high})`;
}

export function formatUs(value: number): string {
  return `${shortNumber(value)} us`;
}

/** `3.5 times as much`, `28% more`, `73% less`. */
export function formatRatio(ratio: number): string {
  if (ratio >= 2) return `${shortNumber(ratio)} times as much`;
  const percent = Math.round(Math.abs(ratio - 1) * 100);
  return ratio >= 1 ? `${percent}% more` : `${percent}% less`;
}

function formatBytes(value: number): string {
  if (value >= 1024 ** 2) return `${shortNumber(value / 1024 ** 2)} MiB`;
  if (value >= 10 * 1024) return `${shortNumber(value / 1024)} KiB`;
  return `${shortNumber(value)} B`;
}

/** Three digits are what such figures are worth. */
function shortNumber(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(value >= 10 ? 1 : 2);
}
