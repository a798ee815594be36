/** The legend under a line chart: what each line is, switches to hide it, and its value under the cursor. */
import { percentileText, type Dash, type LineChart, type LineSeries } from '../report/chart.ts';
import { quantity } from '../result/quantity.ts';
import { make, makeButton } from './element.ts';

/** Dashes as canvas and SVG write them: lengths in pixels of line and gap in turns. */
export const dashPatterns: Readonly<Record<Dash, number[]>> = {
  solid: [],
  dashed: [6, 4],
  dotted: [2, 3],
  long: [12, 4],
};

export interface LegendEvents {
  readonly toggled: (series: number, isShown: boolean) => void;
  readonly rescaled: (isLogarithmic: boolean) => void;
}

export class Legend {
  readonly #chart: LineChart;
  readonly #at = make('span', { className: 'at' });
  readonly #outputs: readonly HTMLOutputElement[];
  readonly #hidden = new Set<number>();

  constructor(host: HTMLElement, chart: LineChart, events: LegendEvents) {
    this.#chart = chart;
    this.#outputs = chart.series.map(() => make('output'));
    const entries = [
      ...chart.series.map((series, index) => this.#button(series, index, events)),
      ...(chart.y.scale === 'logarithmic' ? [scaleButton(events)] : []),
      this.#at,
    ];
    host.after(make('ul', { className: 'legend' }, ...entries.map((entry) => make('li', {}, entry))));
  }

  isShown(series: number): boolean {
    return !this.#hidden.has(series);
  }

  /** Shows the values at this point; null: the cursor is elsewhere. */
  show(index: number | null): void {
    this.#at.textContent = index === null ? '' : `at ${this.#position(index)}`;
    for (const [series, output] of this.#outputs.entries()) {
      output.textContent = index === null ? '' : this.#value(series, index);
    }
  }

  #value(series: number, index: number): string {
    const value = this.#chart.series[series]?.values[index] ?? null;
    return value === null ? '–' : quantity(value, this.#chart.y.unit);
  }

  #position(index: number): string {
    const { kind, values } = this.#chart.x;
    const value = values[index] ?? 0;
    if (kind === 'percentile') return percentileText(value);
    return quantity(value, kind === 'rate' ? 'rate' : 'seconds');
  }

  #button(series: LineSeries, index: number, { toggled }: LegendEvents): HTMLButtonElement {
    const toggle = (): void => {
      if (!this.#hidden.delete(index)) this.#hidden.add(index);
      button.ariaPressed = String(this.isShown(index));
      toggled(index, this.isShown(index));
    };
    const button = makeButton('', toggle, { ariaPressed: 'true' });
    button.append(sample(series), series.label, this.#outputs[index] ?? '');
    return button;
  }
}

function scaleButton({ rescaled }: LegendEvents): HTMLButtonElement {
  const names = { true: 'Linear axis', false: 'Logarithmic axis' };
  let isLogarithmic = true;
  const button = makeButton(names.true, () => {
    isLogarithmic = !isLogarithmic;
    button.textContent = names[`${isLogarithmic}`];
    rescaled(isLogarithmic);
  });
  return button;
}

/** A piece of the line, in its colour and dashes. The colour is a variable: no new drawing for another theme. */
function sample({ colour, dash }: LineSeries): SVGElement {
  const namespace = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(namespace, 'svg');
  const line = document.createElementNS(namespace, 'line');
  const attributes = { x1: '0', x2: '28', y1: '5', y2: '5', 'stroke-width': '3' };
  for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value);
  line.setAttribute('stroke-dasharray', dashPatterns[dash].join(' '));
  line.style.stroke = `var(--series-${colour})`;
  svg.setAttribute('width', '28');
  svg.setAttribute('height', '10');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(line);
  return svg;
}
