/** What stands above a flame graph: tabs by kind, the threads, search, zoom, how a comparison is shown, and the legend. */
import type { FlameData, FlameKind } from '../flame/flame-data.ts';
import { kindTitles, shareText, weightText } from '../flame/flame-text.ts';
import type { Basis, FlameTree } from '../flame/flame-tree.ts';
import { make, makeButton } from './element.ts';
import { swatch } from './flame-table.ts';

export interface FlameControlsOptions {
  readonly onGraph: (graph: number) => void;
  readonly onSearch: (text: string) => void;
  /** A part alone, or undefined for all. */
  readonly onPart: (part: number | undefined) => void;
  readonly onReset: () => void;
  /** Colours or widths have changed. */
  readonly onLook: () => void;
}

/** A part with less is not in the legend. */
const legendShareMin = 0.002;

export class FlameControls {
  readonly element: HTMLElement;
  readonly #data: FlameData;
  readonly #options: FlameControlsOptions;
  readonly #tabs = new Map<FlameKind, HTMLButtonElement>();
  readonly #thread = make('select');
  readonly #search = make('input', { type: 'search', placeholder: 'Function or file, or a pattern' });
  readonly #said = make('span', { className: 'flame-said', role: 'status' });
  readonly #reset: HTMLButtonElement;
  readonly #legend = make('div', { className: 'flame-legend' });
  readonly #byChange = make('input', { type: 'checkbox', checked: false });
  readonly #widths = make('select');
  #graph = 0;
  #part: number | undefined;

  constructor(data: FlameData, options: FlameControlsOptions) {
    this.#data = data;
    this.#options = options;
    this.#search.addEventListener('input', () => options.onSearch(this.#search.value));
    this.#thread.addEventListener('change', () => options.onGraph(Number(this.#thread.value)));
    this.#reset = makeButton('Whole graph', options.onReset);
    const controls = [labelled('Threads', this.#thread), labelled('Search', this.#search), this.#reset, this.#said];
    const row = make('div', { className: 'flame-row' }, ...controls);
    const className = 'flame-controls';
    this.element = make('div', { className }, this.#tabList(), row, ...this.#comparison(), this.#legend);
  }

  get basis(): Basis {
    return this.#widths.value === 'base' ? 'base' : 'total';
  }

  get isByChange(): boolean {
    return this.#byChange.checked;
  }

  get title(): string {
    const graph = this.#data.graphs[this.#graph];
    return graph === undefined ? '' : `${kindTitles[graph.kind]}, ${graph.title}`;
  }

  show(graph: number, tree: FlameTree): void {
    this.#graph = graph;
    const { kind } = tree.graph;
    for (const [one, tab] of this.#tabs) {
      tab.ariaSelected = String(one === kind);
      tab.tabIndex = one === kind ? 0 : -1;
    }
    const options = this.#data.graphs.flatMap((one, index) =>
      one.kind === kind ? [new Option(one.title, String(index), false, index === graph)] : [],
    );
    this.#thread.replaceChildren(...options);
    this.#showLegend(tree);
  }

  /** Puts a text into the search, as if it had been typed. */
  search(text: string): void {
    this.#search.value = text;
    this.#options.onSearch(text);
  }

  say(text: string, isZoomed: boolean): void {
    if (this.#said.textContent !== text) this.#said.textContent = text;
    this.#reset.disabled = !isZoomed;
  }

  /** Tabs as the ARIA practices have them: arrows go from one to the next. */
  #tabList(): HTMLElement {
    const kinds = [...new Set(this.#data.graphs.map(({ kind }) => kind))];
    for (const kind of kinds) {
      this.#tabs.set(
        kind,
        makeButton(kindTitles[kind], () => this.#choose(kind), { role: 'tab' }),
      );
    }
    const list = make('div', { role: 'tablist', className: 'flame-tabs' }, ...this.#tabs.values());
    list.addEventListener('keydown', ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      const at = kinds.findIndex((kind) => this.#tabs.get(kind)?.ariaSelected === 'true');
      const next = step === undefined ? undefined : kinds[(at + step + kinds.length) % kinds.length];
      if (next === undefined) return;
      this.#choose(next);
      this.#tabs.get(next)?.focus();
    });
    return list;
  }

  /** The same threads of the other kind, where it has them. */
  #choose(kind: FlameKind): void {
    const { graphs } = this.#data;
    const title = graphs[this.#graph]?.title;
    const same = graphs.findIndex((graph) => graph.kind === kind && graph.title === title);
    const first = graphs.findIndex((graph) => graph.kind === kind);
    this.#options.onGraph(same >= 0 ? same : first);
  }

  #comparison(): HTMLElement[] {
    const { baseline } = this.#data;
    if (baseline === null) return [];
    this.#byChange.checked = true;
    this.#byChange.addEventListener('change', () => this.#look());
    this.#widths.append(
      new Option(`this run (${this.#data.label})`, 'total'),
      new Option(`baseline (${baseline})`, 'base'),
    );
    this.#widths.addEventListener('change', () => this.#look());
    const keys = [swatch('shrank'), 'shrank', swatch('neutral'), 'same', swatch('grew'), 'grew'];
    const controls = [labelled('Colours show the change', this.#byChange, true), labelled('Widths', this.#widths)];
    return [make('div', { className: 'flame-row' }, ...controls, make('span', { className: 'flame-scale' }, ...keys))];
  }

  #look(): void {
    this.#legend.hidden = this.isByChange;
    this.#options.onLook();
  }

  #showLegend({ graph, self }: FlameTree): void {
    const weights = new Map<number, number>();
    for (const [index, weight] of self.entries()) {
      const part = graph.category[index] ?? 0;
      weights.set(part, (weights.get(part) ?? 0) + weight);
    }
    const whole = graph.total[0] ?? 0;
    const parts = [...weights].filter(([, weight]) => weight > whole * legendShareMin);
    const items = parts
      .sort(([, one], [, other]) => other - one)
      .map(([part, weight]) => this.#legendItem(part, weight, graph));
    this.#legend.replaceChildren(...items);
    this.#legend.hidden = this.isByChange;
    if (this.#part !== undefined && !parts.some(([part]) => part === this.#part)) this.#setPart(undefined);
  }

  #legendItem(part: number, weight: number, { total, kind }: FlameTree['graph']): HTMLElement {
    const [key = '', title = ''] = this.#data.categories[part] ?? [];
    const item = makeButton('', () => this.#setPart(this.#part === part ? undefined : part), {
      title: `${weightText(weight, kind)} in itself. Choose to see it alone.`,
      ariaPressed: String(this.#part === part),
    });
    item.dataset['part'] = String(part);
    item.append(swatch(key), `${title} ${shareText(weight, total[0] ?? 0)}`);
    return item;
  }

  #setPart(part: number | undefined): void {
    this.#part = part;
    for (const item of this.#legend.querySelectorAll<HTMLElement>('[data-part]')) {
      item.ariaPressed = String(item.dataset['part'] === String(part));
    }
    this.#options.onPart(part);
  }
}

function labelled(text: string, control: HTMLElement, isAfter = false): HTMLLabelElement {
  // A label around a list would be read with all that the list holds.
  control.ariaLabel = text;
  const words = make('span', {}, text);
  return make('label', {}, ...(isAfter ? [control, words] : [words, control]));
}
