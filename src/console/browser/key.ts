/** Where a key lives: asks the page's node what each replica holds. Keys are text here; others are for the command line. */
import { figureText, nothing } from '../figure-text.ts';
import { readInspection, type KeyFound, type ReplicaRow } from '../inspection.ts';
import { ask } from './ask.ts';
import { badge, Command, make, section } from './element.ts';
import { shortUrl } from './nodes.ts';

export class KeyView {
  readonly element: HTMLElement;
  readonly #input = make('input', { id: 'key', type: 'text', autocomplete: 'off', spellcheck: false, required: true });
  readonly #answer = make('div', { className: 'answer' });

  constructor() {
    const button = make('button', { type: 'submit' }, 'Look');
    const form = make('form', {}, make('label', { htmlFor: 'key' }, 'Key'), this.#input, button);
    this.#answer.setAttribute('aria-live', 'polite');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#look(this.#input.value);
    });
    this.element = section('Where a key lives', form, this.#answer).element;
  }

  async #look(key: string): Promise<void> {
    const found = await ask(`/v0/inspect?id=${encodeURIComponent(key)}`).then(
      ({ status, json }) => readInspection(status, json),
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    const said =
      typeof found === 'string' ? [make('p', {}, found)] : [make('p', {}, badge(found.verdict)), tableOf(key, found)];
    this.#answer.replaceChildren(
      ...said,
      new Command(`kvorum inspect ${quoted(key)} --url ${location.origin}`).element,
    );
  }
}

function tableOf(key: string, { rows }: KeyFound): HTMLElement {
  const titles = ['Replica', 'Holds', 'Written', 'Bytes'];
  const head = titles.map((title, at) => make('th', { scope: 'col', className: at > 2 ? 'number' : '' }, title));
  const caption = make('caption', {}, `Replicas of “${key}”, in the order in which they are asked`);
  const body = make('tbody', {}, ...rows.map(rowOf));
  return make(
    'div',
    { className: 'scroll' },
    make('table', { className: 'key cards' }, caption, make('thead', {}, make('tr', {}, ...head)), body),
  );
}

function rowOf({ url, tone, word, version, time, bytes, expires, why }: ReplicaRow): HTMLElement {
  const written = make('td', {}, time ?? nothing);
  if (version !== undefined) written.append(make('small', {}, `version ${version}`));
  if (expires !== undefined) written.append(make('small', {}, expires));
  const holds = make('td', {}, badge({ tone, word }), ...(why === '' ? [] : [make('small', {}, why)]));
  const length = make('td', { className: 'number' }, figureText(bytes, 'count'));
  length.dataset['label'] = 'Bytes';
  return make('tr', {}, make('th', { scope: 'row' }, shortUrl(url)), holds, written, length);
}

/** As a POSIX shell takes it for one word. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
