/** The table under a flame graph: the functions that cost most, themselves or with what they call. */
import type { FlameData } from '../flame/flame-data.ts';
import { changeText, perRequestText, shareText, weightText } from '../flame/flame-text.ts';
import { functionsOf, type FlameTree, type FunctionRow } from '../flame/flame-tree.ts';
import { make, makeButton } from './element.ts';

type Order = 'self' | 'total' | 'change';

const rowsShown = 40;

export interface FlameTableOptions {
  readonly data: FlameData;
  /** Somebody chose a function. */
  readonly onChoose: (row: FunctionRow) => void;
}

export class FlameTable {
  readonly element = make('div', { className: 'table flame-table' });
  readonly #options: FlameTableOptions;
  #order: Order = 'self';
  #shown: { readonly tree: FlameTree; readonly from: number } | undefined;

  constructor(options: FlameTableOptions) {
    this.#options = options;
  }

  /** Shares are of `from`, the frame that is zoomed to. */
  show(tree: FlameTree, from: number): void {
    this.#shown = { tree, from };
    const functions = functionsOf(tree, from).filter(({ name }) => name !== '(small frames)' && name !== 'all');
    const rows = functions.sort((one, other) => this.#rank(other) - this.#rank(one)).slice(0, rowsShown);
    const below = from === 0 ? '' : ` below ${tree.name(from)}`;
    const caption = `Functions${below}: the first ${rows.length} of ${functions.length}. Choose one to find it in the graph.`;
    const body = make('tbody', {}, ...rows.map((row) => this.#row(row, tree, tree.graph.total[from] ?? 0)));
    this.element.replaceChildren(
      make('table', {}, make('caption', {}, caption), make('thead', {}, this.#head(tree)), body),
    );
  }

  #head({ graph }: FlameTree): HTMLTableRowElement {
    const head = (text: string, className = ''): HTMLElement => make('th', { scope: 'col', className }, text);
    return make(
      'tr',
      {},
      head('Function'),
      head('Part'),
      this.#sorter('self', 'Self'),
      this.#sorter('total', 'Total'),
      ...(isPerRequest(graph) ? [head('Self, each request', 'number')] : []),
      ...(this.#options.data.baseline === null ? [] : [this.#sorter('change', 'Change of self')]),
    );
  }

  #row(row: FunctionRow, { graph }: FlameTree, whole: number): HTMLTableRowElement {
    const { data, onChoose } = this.#options;
    const [key = '', title = ''] = data.categories[row.category] ?? [];
    const name = makeButton(row.name, () => onChoose(row), { className: 'flame-function' });
    name.append(small(row.place));
    const change = row.self - row.selfBase;
    const changed = `${signOf(change)}${weightText(Math.abs(change), graph.kind)}`;
    return make(
      'tr',
      {},
      make('th', { scope: 'row' }, name),
      make('td', {}, swatch(key), title),
      ...[row.self, row.total].map((weight) => number(weightText(weight, graph.kind), shareText(weight, whole))),
      ...(isPerRequest(graph) ? [number(perRequestText(row.self, graph).replace(' a request', ''))] : []),
      ...(data.baseline === null ? [] : [number(changed, changeText(row.self, row.selfBase))]),
    );
  }

  #rank(row: FunctionRow): number {
    if (this.#order === 'change') return Math.abs(row.self - row.selfBase);
    return row[this.#order];
  }

  #sorter(order: Order, title: string): HTMLTableCellElement {
    const sort = (): void => {
      this.#order = order;
      if (this.#shown === undefined) return;
      this.show(this.#shown.tree, this.#shown.from);
      this.element.querySelector<HTMLButtonElement>(`[data-order=${order}]`)?.focus();
    };
    const button = makeButton(title, sort, { className: 'flame-sort' });
    button.dataset['order'] = order;
    const ariaSort = this.#order === order ? 'descending' : null;
    return make('th', { scope: 'col', className: 'number', ariaSort }, button);
  }
}

export function swatch(key: string): HTMLSpanElement {
  const element = make('span', { className: 'flame-swatch' });
  element.style.background = `var(--flame-${key})`;
  return element;
}

/** Samples have no meaning for a single request. */
function isPerRequest({ requests, kind }: FlameTree['graph']): boolean {
  return requests > 0 && kind !== 'native';
}

function signOf(change: number): string {
  if (change === 0) return '';
  return change > 0 ? '+' : '-';
}

/** A figure, and under it what share or change it is. */
function number(text: string, under = ''): HTMLTableCellElement {
  return make('td', { className: 'number' }, text, ...(under === '' ? [] : [small(under)]));
}

function small(text: string): HTMLSpanElement {
  return make('span', { className: 'quiet' }, text);
}
