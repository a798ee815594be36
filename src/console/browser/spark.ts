/** A small line of the last quarter of an hour, beside the figure that it belongs to. */
import { svgElement } from './element.ts';

const WIDTH = 120;
const HEIGHT = 22;

export class Spark {
  readonly element = svgElement('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: 'spark',
    'aria-hidden': 'true',
    preserveAspectRatio: 'none',
  });
  readonly #line = svgElement('path', { 'vector-effect': 'non-scaling-stroke' });

  constructor() {
    this.element.append(
      svgElement('path', { class: 'base', d: `M0 ${HEIGHT - 1}H${WIDTH}`, 'vector-effect': 'non-scaling-stroke' }),
      this.#line,
    );
  }

  /** Values from the oldest to the newest; null where nothing is known. From 0 to the highest, or `top` if that is higher. */
  draw(values: readonly (number | null)[], top = 0): void {
    const highest = Math.max(top, ...values.map((value) => value ?? 0));
    const step = WIDTH / Math.max(values.length - 1, 1);
    let path = '';
    let isOpen = false;
    for (const [index, value] of values.entries()) {
      if (value !== null) {
        const y = HEIGHT - 1 - (highest === 0 ? 0 : (value / highest) * (HEIGHT - 3));
        path += `${isOpen ? 'L' : 'M'}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
      }
      isOpen = value !== null;
    }
    this.#line.setAttribute('d', path);
  }
}
