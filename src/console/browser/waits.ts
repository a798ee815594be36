/** Where requests wait, in the order of their way through a node: now, and the most in the last quarter of an hour. */
import type { WaitName } from '../figures.ts';
import { figureText, type Unit } from '../figure-text.ts';
import { highest, type Step } from '../timeline.ts';
import { badge, make, section, setChildren, setText } from './element.ts';
import { Spark } from './spark.ts';

interface Place {
  readonly name: WaitName;
  readonly title: string;
  readonly means: string;
  readonly unit: Unit;
  /** From where on it is said that little room is left. */
  readonly nearFull?: number;
}

const places: readonly Place[] = [
  { name: 'mainBusy', title: 'Main thread', means: 'busy share of its event loop', unit: 'share', nearFull: 0.9 },
  { name: 'operations', title: 'In flight', means: 'operations begun and not answered', unit: 'count' },
  { name: 'bodyBytes', title: 'Bodies', means: 'of requests that have no outcome', unit: 'bytes' },
  { name: 'poolTasks', title: 'For a worker', means: 'tasks that wait', unit: 'count' },
  { name: 'poolWait', title: '', means: 'how long they waited, p99', unit: 'latency' },
  { name: 'workerBusy', title: 'Workers', means: 'busy share of the busiest', unit: 'share', nearFull: 0.9 },
  { name: 'peerBytes', title: 'For a peer', means: 'bytes that wait to be sent', unit: 'bytes' },
  { name: 'roundTrip', title: '', means: 'round trip of a batch, p99', unit: 'latency' },
  { name: 'logSettle', title: 'For the log', means: 'until a run of writes is durable, p99', unit: 'latency' },
  { name: 'logSync', title: '', means: 'sync of the log, p99', unit: 'latency' },
  { name: 'logFull', title: '', means: 'log not in the store yet, share of its bound', unit: 'share', nearFull: 0.8 },
  { name: 'answerBytes', title: 'Answers', means: 'that clients have not taken', unit: 'bytes' },
  { name: 'staleReads', title: 'Repairs', means: 'reads that found a stale replica', unit: 'rate' },
  { name: 'secondRounds', title: '', means: 'writes that took a second round', unit: 'rate' },
];

interface Row {
  readonly place: Place;
  readonly now: HTMLElement;
  readonly most: HTMLElement;
  readonly note: HTMLElement;
  readonly spark: Spark;
}

export class WaitsView {
  readonly element: HTMLElement;
  readonly #command;
  readonly #rows: readonly Row[];

  constructor() {
    this.#rows = places.map((place) => {
      const cell = (): HTMLElement => make('td', { className: 'number' });
      return { place, now: cell(), most: cell(), note: make('span', { className: 'note' }), spark: new Spark() };
    });
    const heads = ['Where', 'What', 'Until now', 'Now', 'Most'].map((title, at) => {
      return make('th', { scope: 'col', className: at > 2 ? 'number' : '' }, title);
    });
    const rows = this.#rows.map(({ place, now, most, note, spark }) =>
      make(
        'tr',
        { className: place.title === '' ? 'more' : '' },
        make('th', { scope: 'row' }, place.title),
        make('td', { className: 'means' }, place.means, ' ', note),
        make('td', { className: 'sparkline' }, spark.element),
        now,
        most,
      ),
    );
    const caption = make(
      'caption',
      {},
      'The way of a request through a node, over up to 15 minutes; of several nodes the most',
    );
    const table = make(
      'table',
      { className: 'waits' },
      caption,
      make('thead', {}, make('tr', {}, ...heads)),
      make('tbody', {}, ...rows),
    );
    const { element, command } = section('Where requests wait', table);
    this.element = element;
    this.#command = command;
  }

  draw(steps: readonly Step[], url: string): void {
    this.#command.set(`kvorum profile --target ${url}`);
    for (const { place, now, most, note, spark } of this.#rows) {
      const values = steps.map(({ waits }) => waits[place.name]);
      const latest = values.slice(-2).findLast((value) => value !== null) ?? null;
      const top = highest(values);
      setText(now, figureText(latest, place.unit));
      setText(most, figureText(top, place.unit));
      const isNear = place.nearFull !== undefined && latest !== null && latest >= place.nearFull;
      setChildren(note, ...(isNear ? [badge({ tone: 'warn', word: 'little room left' })] : []));
      spark.draw(values, place.unit === 'share' ? 1 : 0);
    }
  }
}
