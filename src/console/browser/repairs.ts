/** What replicas miss: writes kept for nodes that were away, and how the nodes compare. Hidden where no node tells. */
import { figureText, nothing } from '../figure-text.ts';
import type { NodeSeen } from '../health.ts';
import { repairsOf, type PairRow } from '../repairs.ts';
import { badge, make, section, setChildren } from './element.ts';
import { shortUrl } from './nodes.ts';

const heads = ['Node', 'Peer', 'State', 'The same until', 'Kept for it', 'Oldest kept'];
/** Of a large cluster those that need a look come first, and the rest is left out. */
const ROWS_MAX = 24;

export class RepairsView {
  readonly element: HTMLElement;
  readonly #command;
  readonly #verdict = make('p', { className: 'summary' });
  readonly #table = make('table', { className: 'repairs cards' });
  readonly #body = make('tbody');

  constructor() {
    const cells = heads.map((title, at) => make('th', { scope: 'col', className: at > 2 ? 'number' : '' }, title));
    const caption = make(
      'caption',
      {},
      'How each node compares with its peers, and what it keeps for those that were away',
    );
    this.#table.append(caption, make('thead', {}, make('tr', {}, ...cells)), this.#body);
    const { element, command } = section(
      'What replicas miss',
      this.#verdict,
      make('div', { className: 'scroll' }, this.#table),
    );
    this.element = element;
    this.#command = command;
  }

  draw(nodes: readonly NodeSeen[], url: string): void {
    const repairs = repairsOf(nodes);
    this.element.hidden = repairs === undefined;
    if (repairs === undefined) return;
    this.#command.set(`kvorum status --url ${url}`);
    setChildren(this.#verdict, badge(repairs.verdict));
    const worstFirst = repairs.rows.toSorted(
      (one, other) => Number(one.tone === 'good') - Number(other.tone === 'good'),
    );
    this.#table.hidden = worstFirst.length === 0;
    setChildren(this.#body, ...worstFirst.slice(0, ROWS_MAX).map(rowOf));
  }
}

function rowOf({ by, of, tone, word, identicalSince, kept, keptBytes, oldest, why }: PairRow): HTMLElement {
  const state = make('td', {}, badge({ tone, word }), ...(why === '' ? [] : [make('small', {}, ` ${why}`)]));
  const keptText = kept === 0 ? nothing : `${figureText(kept, 'count')} (${figureText(keptBytes, 'bytes')})`;
  return make(
    'tr',
    {},
    make('th', { scope: 'row' }, shortUrl(by)),
    make('td', {}, shortUrl(of)),
    state,
    number(ago(identicalSince), heads[3]),
    number(keptText, heads[4]),
    number(ago(oldest), heads[5]),
  );
}

function number(text: string, title = ''): HTMLElement {
  const cell = make('td', { className: 'number' }, text);
  cell.dataset['label'] = title;
  return cell;
}

function ago(at: number | undefined): string {
  return at === undefined ? nothing : `${figureText(Math.max(Date.now() - at, 0) / 1000, 'duration')} ago`;
}
