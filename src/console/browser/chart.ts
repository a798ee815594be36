/**
 * A line chart over the last quarter of an hour, by uPlot, with a legend that tells the values under the cursor, or the newest
 * ones. Left and right move the cursor of a focused chart, and of the other one.
 */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { figureText, nothing, type Unit } from '../figure-text.ts';
import type { Step } from '../timeline.ts';
import { make, setText, svgElement } from './element.ts';
import { colour, onThemeChange } from './theme.ts';

export interface Line {
  readonly label: string;
  /** Number of the colour (`--line-1`). */
  readonly colour: number;
  readonly dash: readonly number[];
  readonly value: (step: Step) => number | null;
}

export interface ChartOptions {
  readonly title: string;
  readonly unit: Unit;
  readonly isLogarithmic: boolean;
  readonly lines: readonly Line[];
}

const HEIGHT = 220;
const font = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export class Chart {
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #host = make('div', { className: 'chart', tabIndex: 0 });
  readonly #at = make('span', { className: 'at' });
  readonly #outputs: readonly HTMLOutputElement[];
  #steps: readonly Step[] = [];
  #plot: uPlot | undefined;

  constructor(options: ChartOptions) {
    const { title, lines } = options;
    this.#options = options;
    this.#outputs = lines.map(() => make('output'));
    this.#host.setAttribute('role', 'img');
    const entries = lines.map((line, at) => make('li', {}, swatch(line), line.label, ' ', this.#outputs[at] ?? ''));
    const legend = make('ul', { className: 'legend' }, ...entries, make('li', {}, this.#at));
    this.element = make('figure', {}, make('figcaption', {}, title), this.#host, legend);
    this.#host.addEventListener('keydown', (event) => {
      if (this.#move(event.key)) event.preventDefault();
    });
    onThemeChange(() => this.#rebuild());
    let width = 0;
    new ResizeObserver(() => {
      if (this.#host.clientWidth === width) return;
      width = this.#host.clientWidth;
      this.#rebuild();
    }).observe(this.#host);
  }

  draw(steps: readonly Step[]): void {
    this.#steps = steps;
    if (this.#plot === undefined) this.#rebuild();
    else this.#plot.setData(this.#data());
    this.#tell(this.#plot?.cursor.idx ?? null);
  }

  #rebuild(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    if (this.#host.clientWidth > 0 && this.#steps.length > 0) {
      this.#plot = new uPlot(this.#plotOptions(), this.#data(), this.#host);
    }
  }

  #data(): uPlot.AlignedData {
    const times = this.#steps.map(({ at }) => at / 1000);
    return [times, ...this.#options.lines.map(({ value }) => this.#steps.map((step) => this.#drawable(value(step))))];
  }

  /** A logarithmic axis has no 0; less than 10 us is as good as that. */
  #drawable(value: number | null): number | null {
    return value !== null && this.#options.isLogarithmic ? Math.max(value, 1e-5) : value;
  }

  /** The values at this step; null: the newest, as the cursor is elsewhere. */
  #tell(index: number | null): void {
    const step = index === null ? this.#newest() : this.#steps[index];
    setText(this.#at, index === null || step === undefined ? 'now' : `at ${clock(step.at / 1000, true)}`);
    const texts = this.#options.lines.map(({ value }) =>
      step === undefined ? nothing : figureText(value(step), this.#options.unit),
    );
    for (const [at, text] of texts.entries()) {
      const output = this.#outputs[at];
      if (output !== undefined) setText(output, text);
    }
    if (index !== null) return;
    const said = this.#options.lines.map(({ label }, at) => `${label} ${texts[at]}`).join(', ');
    this.#host.setAttribute('aria-label', `${this.#options.title}, the last 15 minutes as lines; now ${said}`);
  }

  #newest(): Step | undefined {
    return this.#steps.findLast((step) => step.reads !== null) ?? this.#steps.at(-1);
  }

  /** Whether the key was one that moves. */
  #move(key: string): boolean {
    const plot = this.#plot;
    const last = this.#steps.length - 1;
    const at = plot?.cursor.idx ?? last;
    const moves: Readonly<Record<string, number>> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
    const wanted = moves[key];
    if (plot === undefined || wanted === undefined) return false;
    const step = this.#steps[Math.min(Math.max(wanted, 0), last)];
    plot.setCursor({ left: plot.valToPos((step?.at ?? 0) / 1000, 'x'), top: 1 });
    return true;
  }

  #plotOptions(): uPlot.Options {
    const { unit, isLogarithmic, lines } = this.#options;
    const width = this.#host.clientWidth;
    const grid = { stroke: colour('grid'), width: 1 };
    const axis = { font, stroke: colour('quiet'), grid, ticks: { ...grid, size: 4 } };
    return {
      width,
      height: HEIGHT,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'time' }, points: { size: 6 } },
      scales: {
        x: { time: true },
        y: isLogarithmic
          ? { distr: 3, range: (_, min, max) => logarithmicRange(min, max) }
          : { range: (_, __, max) => [0, Math.max((max ?? 0) * 1.1, 1)] },
      },
      axes: [
        {
          ...axis,
          size: 26,
          space: 64,
          incrs: [60, 120, 180, 300],
          values: (_, ticks) => ticks.map((tick) => clock(tick, false)),
        },
        {
          ...axis,
          size: 58,
          space: 36,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : figureText(tick, unit))),
          ...(isLogarithmic && { splits: (_, __, min, max) => powersBetween(min, max), filter: (_, ticks) => ticks }),
        },
      ],
      series: [
        {},
        ...lines.map((line): uPlot.Series => {
          const stroke = colour(`line-${line.colour}`);
          return {
            label: line.label,
            stroke,
            width: 1.5,
            dash: [...line.dash],
            points: { show: true, size: 4, fill: stroke, filter: (self, at) => alone(self.data[at] ?? []) },
            spanGaps: false,
          };
        }),
      ],
      hooks: { setCursor: [(self) => this.#tell(self.cursor.idx ?? null)] },
    };
  }
}

function logarithmicRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [1e-4, 1e-1];
  const floor = 10 ** Math.floor(Math.log10(min));
  const ceiling = 10 ** Math.ceil(Math.log10(max));
  return [floor, Math.max(ceiling, floor * 10)];
}

function powersBetween(min: number, max: number): number[] {
  const first = Math.round(Math.log10(min));
  const decades = Math.round(Math.log10(max / min));
  const factors = decades <= 2 ? [1, 2, 5] : [1];
  return Array.from({ length: decades + 1 }, (_, power) => 10 ** (first + power))
    .flatMap((power) => factors.map((factor) => power * factor))
    .filter((tick) => tick <= max * 1.001);
}

/** Values without a neighbour: no line leads to them. */
function alone(values: ArrayLike<number | null | undefined>): number[] {
  const isThere = (at: number): boolean => typeof values[at] === 'number';
  return Array.from(values, (_, at) => at).filter((at) => isThere(at) && !isThere(at - 1) && !isThere(at + 1));
}

function clock(seconds: number, withSeconds: boolean): string {
  const parts = withSeconds ? { second: '2-digit' as const } : {};
  return new Date(seconds * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', ...parts });
}

/** A piece of the line, in its colour and dashes. The colour is a variable: no new drawing for another theme. */
function swatch({ colour: number, dash }: Line): SVGElement {
  const line = svgElement('line', {
    x1: '0',
    x2: '24',
    y1: '5',
    y2: '5',
    'stroke-width': '2',
    class: `stroke-${number}`,
  });
  if (dash.length > 0) line.setAttribute('stroke-dasharray', dash.join(' '));
  const svg = svgElement('svg', { width: '24', height: '10', 'aria-hidden': 'true' });
  svg.append(line);
  return svg;
}
