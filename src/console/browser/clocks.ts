/** The nodes' clocks, as each judges its own by the others'. */
import { figureText, nothing } from '../figure-text.ts';
import type { NodeSeen, Tone } from '../health.ts';
import type { NodeStatus, PeerSeen } from '../seen.ts';
import { badge, make, section, setChildren } from './element.ts';
import { shortUrl } from './nodes.ts';

const verdicts: Readonly<Record<string, { readonly tone: Tone; readonly word: string }>> = {
  good: { tone: 'good', word: 'agrees' },
  doubtful: { tone: 'warn', word: 'differs' },
  skewed: { tone: 'bad', word: 'wrong: takes no writes' },
  unmeasured: { tone: 'unknown', word: 'nothing to compare with' },
};

const heads = ['Node', 'Its clock', 'Ahead of the others', 'Farthest peer', 'Newest version ahead'];

export class ClocksView {
  readonly element: HTMLElement;
  readonly #command;
  readonly #body = make('tbody');

  constructor() {
    const cells = heads.map((title, at) => make('th', { scope: 'col', className: at > 1 ? 'number' : '' }, title));
    const caption = make('caption', {}, 'Measured by each node once a second');
    const table = make(
      'table',
      { className: 'clocks cards' },
      caption,
      make('thead', {}, make('tr', {}, ...cells)),
      this.#body,
    );
    const { element, command } = section('Clocks', make('div', { className: 'scroll' }, table));
    this.element = element;
    this.#command = command;
  }

  draw(nodes: readonly NodeSeen[], url: string): void {
    this.#command.set(`kvorum status --url ${url}`);
    const rows = nodes.map(({ url: by, status, silence, isStale }) => {
      const isKnown = status !== undefined && silence === undefined && !isStale;
      return make('tr', {}, make('th', { scope: 'row' }, shortUrl(by)), ...(isKnown ? known(status) : unknown()));
    });
    setChildren(this.#body, ...rows);
  }
}

function known({ clock, nodes }: NodeStatus): HTMLElement[] {
  const farthest = nodes.reduce<PeerSeen | undefined>((worst, peer) => {
    const [offset, most] = [Math.abs(peer.offsetMs ?? -1), Math.abs(worst?.offsetMs ?? -1)];
    return peer.offsetMs !== undefined && (worst === undefined || offset > most) ? peer : worst;
  }, undefined);
  const far =
    farthest === undefined
      ? nothing
      : `${shortUrl(farthest.url)} ${figureText(farthest.offsetMs, 'offset')} ± ${figureText((farthest.errorMs ?? 0) / 1000, 'latency')}`;
  return [
    make('td', {}, badge(verdicts[clock.verdict ?? ''] ?? { tone: 'unknown', word: clock.verdict ?? nothing })),
    number(clock.verdict === 'unmeasured' ? nothing : figureText(clock.offMs, 'offset'), heads[2]),
    number(far, heads[3]),
    number(figureText(Math.max(clock.aheadMs ?? 0, 0) / 1000, 'latency'), heads[4]),
  ];
}

function unknown(): HTMLElement[] {
  return [
    make('td', {}, badge({ tone: 'unknown', word: 'not known' })),
    number(nothing),
    number(nothing),
    number(nothing),
  ];
}

function number(text: string, title = ''): HTMLElement {
  const cell = make('td', { className: 'number' }, text);
  cell.dataset['label'] = title;
  return cell;
}
