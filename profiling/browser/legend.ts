/** The legend under a line chart: what each line is, switches to hide it, and its value under the cursor. */
import { percentileText, type LineChart, type LineSeries } from '../report/chart.ts';
import { quantity } from '../result/quantity.ts';
import { dashPatterns } from './line-dashes.ts';

export interface LegendEvents {
  readonly toggled: (series: number, isShown: boolean) => void;
  readonly rescaled: (isLogarithmic: boolean) => void;
}

export class Legend {
  readonly #chart: LineChart;
  readonly #at = document.createElement('span');
  readonly #outputs: readonly HTMLOutputElement[];
  readonly #hidden = new Set<number>();

  constructor(host: HTMLElement, chart: LineChart, events: LegendEvents) {
    this.#chart = chart;
    const list = document.createElement('ul');
    list.className = 'legend';
    this.#outputs = chart.series.map((series, index) => {
      const output = document.createElement('output');
      list.append(item(this.#button(series, { index, output, toggled: events.toggled })));
      return output;
    });
    if (chart.y.scale === 'logarithmic') list.append(item(scaleButton(events.rescaled)));
    this.#at.className = 'at';
    list.append(item(this.#at));
    host.after(list);
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

  #button(series: LineSeries, { index, output, toggled }: ButtonOptions): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('aria-pressed', 'true');
    button.append(sample(series), series.label, output);
    button.addEventListener('click', () => {
      if (!this.#hidden.delete(index)) this.#hidden.add(index);
      button.setAttribute('aria-pressed', String(this.isShown(index)));
      toggled(index, this.isShown(index));
    });
    return button;
  }
}

interface ButtonOptions {
  readonly index: number;
  readonly output: HTMLOutputElement;
  readonly toggled: LegendEvents['toggled'];
}

function scaleButton(rescaled: LegendEvents['rescaled']): HTMLButtonElement {
  const button = document.createElement('button');
  button.type = 'button';
  let isLogarithmic = true;
  const name = (): void => void (button.textContent = isLogarithmic ? 'Linear axis' : 'Logarithmic axis');
  button.addEventListener('click', () => {
    isLogarithmic = !isLogarithmic;
    name();
    rescaled(isLogarithmic);
  });
  name();
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

function item(content: HTMLElement): HTMLLIElement {
  const element = document.createElement('li');
  element.append(content);
  return element;
}
