/** What all charts of a page have in common, so that their axes stand under each other. */
import { onThemeChange } from './page.ts';

/** Room for the labels of the left axis, above and to the right of the plot, and for the axis below, in CSS pixels. */
export const gutter = { left: 64, right: 28, top: 10, bottom: 34 } as const;

export const axisFont = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

/** Seconds between the labels of a time axis that is this wide in pixels. */
export function secondsStep(max: number, width: number): number {
  const wanted = (max * 64) / Math.max(width, 1);
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400];
  return steps.find((step) => step >= wanted) ?? Math.ceil(wanted / 86_400) * 86_400;
}

/** The marks of a logarithmic axis between `min` and `max`: powers of ten, and 2 and 5 between them where there is room. */
export function logarithmicTicks(min: number, max: number): number[] {
  const decades = Math.log10(max / min);
  const factors = decades <= 3.01 ? [1, 2, 5] : [1];
  const first = Math.floor(Math.log10(min));
  const powers = Array.from({ length: Math.ceil(decades) + 2 }, (_, index) => 10 ** (first + index));
  return powers
    .flatMap((power) => factors.map((factor) => power * factor))
    .filter((tick) => tick >= min * 0.999 && tick <= max * 1.001);
}

/** Draws now, and again when the colours or the width change. */
export function keepDrawn(host: HTMLElement, draw: () => void): void {
  let width = host.clientWidth;
  draw();
  onThemeChange(draw);
  new ResizeObserver(() => {
    if (host.clientWidth === width) return;
    width = host.clientWidth;
    draw();
  }).observe(host);
}
