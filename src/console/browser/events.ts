/** What has changed while the page was open: nodes that went and came back. Read out, newest first, and bounded. */
import { healthOf, type Health, type NodeSeen } from '../health.ts';
import { badge, make, section } from './element.ts';
import { shortUrl } from './nodes.ts';

const LINES_MAX = 50;

export class EventsView {
  readonly element: HTMLElement;
  readonly #list = make('ol', { className: 'events' });
  readonly #before = new Map<string, Health>();

  constructor() {
    this.#list.setAttribute('aria-live', 'polite');
    this.#list.append(line(new Date(), make('span', {}, 'the page was opened')));
    this.element = section('What has changed', this.#list).element;
  }

  draw(nodes: readonly NodeSeen[]): void {
    for (const node of nodes) {
      const health = healthOf(node, nodes);
      const before = this.#before.get(node.url);
      if (health.tone === 'unknown') continue;
      this.#before.set(node.url, health);
      if (before === undefined || (before.word === health.word && before.tone === health.tone)) continue;
      this.#list.prepend(line(new Date(), change(node.url, health)));
    }
    while (this.#list.children.length > LINES_MAX) this.#list.lastElementChild?.remove();
  }
}

function change(url: string, health: Health): HTMLElement {
  const [why] = health.reasons;
  return make(
    'span',
    {},
    badge(health),
    ` ${shortUrl(url)}`,
    ...(why === undefined ? [] : [make('small', {}, ` ${why}`)]),
  );
}

function line(at: Date, text: HTMLElement): HTMLElement {
  const time = make('time', { dateTime: at.toISOString() }, at.toLocaleTimeString('en-GB'));
  return make('li', {}, time, text);
}
