/** Figures of a comparison as people read them. Pure. */
import { measureKinds, type MeasureName, type Spread } from '../result/compare.ts';
import { plain, quantity, type Unit } from '../result/quantity.ts';

export function formatMeasure(measure: MeasureName, value: number): string {
  return plain(quantity(value, measureKinds[measure].unit));
}

/** `3.5 times as much`, `28% more`, `73% less`. */
export function formatRatio(ratio: number): string {
  if (ratio >= 2) return `${plain(quantity(Number(ratio.toPrecision(3)), 'count'))} times as much`;
  const percent = Math.round(Math.abs(ratio - 1) * 100);
  return ratio >= 1 ? `${percent}% more` : `${percent}% less`;
}

/** `3.9 to 4.4 ms`, `980 µs to 1.2 ms`. */
export function rangeText({ min, max }: Spread, unit: Unit): string {
  const [low, high] = [quantity(min, unit), quantity(max, unit)];
  if (low === high) return low;
  const unitName = /[^\d.]*$/;
  const isSameUnit = unitName.exec(low)?.[0] === unitName.exec(high)?.[0];
  return `${isSameUnit ? low.replace(unitName, '') : low} to ${high}`;
}
