/** The table under a flame graph: the functions that cost most, themselves or with what they call. */
import type { FlameData } from '../flame/flame-data.ts';
import { changeText, perRequestText, shareText, weightText } from '../flame/flame-text.ts';
import { functionsOf, type FlameTree, type FunctionRow } from '../flame/flame-tree.ts';

type Order = 'self' | 'total' | 'change';

const rowsShown = 40;

export interface FlameTableOptions {
  readonly data: FlameData;
  /** Somebody chose a function. */
  readonly onChoose: (row: FunctionRow) => void;
}

export class FlameTable {
  readonly element = document.createElement('div');
  readonly #options: FlameTableOptions;
  #order: Order = 'self';
  #shown: { readonly tree: FlameTree; readonly from: number } | undefined;

  constructor(options: FlameTableOptions) {
    this.#options = options;
    this.element.className = 'table flame-table';
  }

  /** Shares are of `from`, the frame that is zoomed to. */
  show(tree: FlameTree, from: number): void {
    this.#shown = { tree, from };
    const { graph } = tree;
    const isCompared = this.#options.data.baseline !== null;
    const whole = graph.total[from] ?? 0;
    const functions = functionsOf(tree, from).filter(({ name }) => name !== '(small frames)' && name !== 'all');
    const rows = functions.sort((one, other) => this.#rank(other) - this.#rank(one)).slice(0, rowsShown);
    const table = document.createElement('table');
    const caption = table.createCaption();
    const below = from === 0 ? '' : ` below ${tree.name(from)}`;
    caption.textContent = `Functions${below}: the first ${rows.length} of ${functions.length}. Choose one to find it in the graph.`;
    const head = table.createTHead().insertRow();
    head.append(heading('Function'), heading('Part'));
    head.append(this.#sorter('self', 'Self'), this.#sorter('total', 'Total'));
    if (graph.requests > 0 && graph.kind !== 'native') head.append(heading('Self, each request', 'number'));
    if (isCompared) head.append(this.#sorter('change', 'Change of self'));
    const body = table.createTBody();
    for (const row of rows) body.append(this.#row(row, tree, whole));
    this.element.replaceChildren(table);
  }

  #row(row: FunctionRow, { graph }: FlameTree, whole: number): HTMLTableRowElement {
    const { data, onChoose } = this.#options;
    const line = document.createElement('tr');
    const name = document.createElement('button');
    name.type = 'button';
    name.className = 'flame-function';
    name.append(row.name, small(row.place));
    name.addEventListener('click', () => onChoose(row));
    const first = document.createElement('th');
    first.scope = 'row';
    first.append(name);
    const [key = '', title = ''] = data.categories[row.category] ?? [];
    const part = document.createElement('td');
    part.append(swatch(key), title);
    line.append(first, part);
    for (const weight of [row.self, row.total]) {
      line.append(number(weightText(weight, graph.kind), shareText(weight, whole)));
    }
    if (graph.requests > 0 && graph.kind !== 'native') {
      line.append(number(perRequestText(row.self, graph).replace(' a request', '')));
    }
    if (data.baseline !== null) {
      const change = row.self - row.selfBase;
      const text = `${signOf(change)}${weightText(Math.abs(change), graph.kind)}`;
      line.append(number(text, changeText(row.self, row.selfBase)));
    }
    return line;
  }

  #rank(row: FunctionRow): number {
    if (this.#order === 'change') return Math.abs(row.self - row.selfBase);
    return row[this.#order];
  }

  #sorter(order: Order, title: string): HTMLTableCellElement {
    const cell = heading('', 'number');
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'flame-sort';
    button.dataset['order'] = order;
    button.textContent = title;
    const isChosen = this.#order === order;
    if (isChosen) cell.ariaSort = 'descending';
    button.addEventListener('click', () => {
      this.#order = order;
      if (this.#shown === undefined) return;
      this.show(this.#shown.tree, this.#shown.from);
      this.element.querySelector<HTMLButtonElement>(`[data-order=${order}]`)?.focus();
    });
    cell.append(button);
    return cell;
  }
}

export function swatch(key: string): HTMLSpanElement {
  const element = document.createElement('span');
  element.className = 'flame-swatch';
  element.style.background = `var(--flame-${key})`;
  return element;
}

function signOf(change: number): string {
  if (change === 0) return '';
  return change > 0 ? '+' : '-';
}

function heading(text: string, className = ''): HTMLTableCellElement {
  const cell = document.createElement('th');
  cell.scope = 'col';
  cell.className = className;
  cell.textContent = text;
  return cell;
}

/** A figure, and under it what share or change it is. */
function number(text: string, under = ''): HTMLTableCellElement {
  const cell = document.createElement('td');
  cell.className = 'number';
  cell.append(text);
  if (under !== '') cell.append(small(under));
  return cell;
}

function small(text: string): HTMLSpanElement {
  const element = document.createElement('span');
  element.className = 'quiet';
  element.textContent = text;
  return element;
}
