/** What is said of one frame: beside the pointer, and for screen readers when the keyboard walks. */
import type { FlameData } from '../flame/flame-data.ts';
import { changeText, perRequestText, shareText, weightText } from '../flame/flame-text.ts';
import type { FlameTree } from '../flame/flame-tree.ts';
import { make } from './element.ts';

/** The name, then the facts. */
export function describe(tree: FlameTree, data: FlameData, index: number, zoom: number): string[] {
  const { graph, self } = tree;
  const { kind } = graph;
  const total = graph.total[index] ?? 0;
  const own = self[index] ?? 0;
  const whole = graph.total[0] ?? 0;
  const zoomed = graph.total[zoom] ?? 0;
  const [, part = ''] = data.categories[graph.category[index] ?? 0] ?? [];
  const lines = [
    tree.name(index),
    [tree.place(index), index === 0 ? '' : part].filter((text) => text !== '').join(' · '),
  ];
  const ofZoomed = zoom === 0 ? '' : `, ${shareText(total, zoomed)} of ${tree.name(zoom)}`;
  lines.push(`Total ${weightText(total, kind)}, ${shareText(total, whole)}${ofZoomed}`);
  lines.push(`Self ${weightText(own, kind)}, ${shareText(own, whole)}`);
  const each = perRequestText(total, graph);
  if (each !== '') lines.push(`${each} in total, ${perRequestText(own, graph)} in itself`);
  if (data.baseline !== null) lines.push(comparison(tree, data.baseline, index));
  return lines.filter((line) => line !== '');
}

function comparison({ graph }: FlameTree, baseline: string, index: number): string {
  const now = graph.total[index] ?? 0;
  const before = graph.base[index] ?? 0;
  const each = perRequestText(before, graph);
  return `${baseline}: ${weightText(before, graph.kind)}${each === '' ? '' : `, ${each}`}; change ${changeText(now, before)}`;
}

const screenMargin = 8;

export class FlameTip {
  readonly element = make('div', { className: 'flame-tip', hidden: true });
  /** Read aloud when it changes. */
  readonly spoken = make('p', { className: 'flame-spoken', ariaLive: 'polite' });
  readonly #stage: HTMLElement;

  constructor(stage: HTMLElement) {
    this.#stage = stage;
  }

  /** At a place of the stage; moved so that all of it is on the screen. */
  show(lines: readonly string[], { x, y }: { readonly x: number; readonly y: number }): void {
    const { element } = this;
    element.replaceChildren(...lines.map((line, index) => make(index === 0 ? 'strong' : 'span', {}, line)));
    element.hidden = false;
    const stage = this.#stage.getBoundingClientRect();
    const tip = element.getBoundingClientRect();
    const xMax = document.documentElement.clientWidth - stage.left - tip.width - screenMargin;
    const isTooLow = stage.top + y + tip.height > innerHeight - screenMargin;
    element.style.left = `${Math.max(screenMargin - stage.left, Math.min(x + 12, xMax))}px`;
    element.style.top = `${isTooLow ? y - tip.height - 32 : y}px`;
  }

  say(lines: readonly string[]): void {
    this.spoken.textContent = lines.join('. ');
  }

  hide(): void {
    this.element.hidden = true;
  }
}
