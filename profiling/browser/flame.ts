/**
 * The flame graph viewer: every `<div data-flame="key">` of the page gets tabs, threads, search, zoom, colours and the
 * table of functions over the data of that key. Everything works by pointer and by keyboard.
 */
import type { FlameData } from '../flame/flame-data.ts';
import { literal, perRequestText, searchPattern, shareText } from '../flame/flame-text.ts';
import {
  isBelow,
  matchedWeight,
  treeOf,
  widestCallee,
  type Basis,
  type FlameTree,
  type FunctionRow,
} from '../flame/flame-tree.ts';
import { make } from './element.ts';
import { FlameCanvas } from './flame-canvas.ts';
import { FlameControls } from './flame-controls.ts';
import { FlameTable } from './flame-table.ts';
import { describe, FlameTip } from './flame-tip.ts';
import { onThemeChange, pageData } from './page.ts';

class FlameViewer {
  readonly #data: FlameData;
  readonly #trees = new Map<number, FlameTree>();
  readonly #canvas: FlameCanvas;
  readonly #tip: FlameTip;
  readonly #controls: FlameControls;
  readonly #table: FlameTable;
  #graph = 0;
  #zoom = 0;
  #focus = -1;
  #pattern: RegExp | undefined;
  #part: number | undefined;

  constructor(place: HTMLElement, data: FlameData) {
    this.#data = data;
    this.#canvas = new FlameCanvas(make('canvas'));
    this.#controls = new FlameControls(data, {
      onGraph: (graph) => this.#showGraph(graph),
      onSearch: (text) => this.#search(text),
      onPart: (part) => this.#showPart(part),
      onReset: () => this.#zoomTo(0),
      onLook: () => this.#draw(),
    });
    this.#table = new FlameTable({ data, onChoose: (row) => this.#find(row) });
    const stage = make('div', { className: 'flame-stage' });
    this.#tip = new FlameTip(stage);
    stage.append(this.#canvas.element, this.#tip.element);
    place.replaceChildren(this.#controls.element, stage, this.#tip.spoken, this.#table.element);
    this.#listen(this.#canvas.element);
    onThemeChange(() => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(stage);
    this.#showGraph(0);
  }

  #tree(): FlameTree {
    const known = this.#trees.get(this.#graph);
    const graph = this.#data.graphs[this.#graph];
    if (known !== undefined || graph === undefined) return known as FlameTree;
    const tree = treeOf(graph, this.#data);
    this.#trees.set(this.#graph, tree);
    return tree;
  }

  #showGraph(graph: number): void {
    this.#graph = graph;
    this.#zoom = 0;
    this.#focus = -1;
    this.#tip.hide();
    this.#controls.show(graph, this.#tree());
    this.#table.show(this.#tree(), 0);
    this.#canvas.element.ariaLabel = `Flame graph, ${this.#controls.title}. Arrow keys walk, Enter zooms, Escape zooms out.`;
    this.#draw();
  }

  #search(text: string): void {
    this.#pattern = searchPattern(text);
    this.#draw();
  }

  #showPart(part: number | undefined): void {
    this.#part = part;
    this.#draw();
  }

  #find({ name, place }: FunctionRow): void {
    const text = literal(place === '' ? name : `${name} ${place}`);
    this.#controls.search(`^${text}$`);
    this.#canvas.element.scrollIntoView({ block: 'nearest' });
  }

  #zoomTo(index: number): void {
    const tree = this.#tree();
    if ((tree.graph[this.#basis][index] ?? 0) === 0) return;
    this.#zoom = index;
    this.#table.show(tree, index);
    this.#draw();
  }

  get #basis(): Basis {
    return this.#controls.basis;
  }

  #draw(): void {
    const tree = this.#tree();
    // What is gone has no width among what there is.
    if ((tree.graph[this.#basis][this.#zoom] ?? 0) === 0) this.#zoom = 0;
    const matches = this.#matches(tree);
    const { isByChange } = this.#controls;
    const categoryKeys = this.#data.categories.map(([key]) => key);
    this.#canvas.draw({
      tree,
      basis: this.#basis,
      zoom: this.#zoom,
      focus: this.#focus,
      isByChange,
      matches,
      categoryKeys,
    });
    this.#controls.say(matches === undefined ? '' : this.#matchedText(tree, matches), this.#zoom !== 0);
  }

  #matches(tree: FlameTree): Uint8Array | undefined {
    const pattern = this.#pattern;
    const part = this.#part;
    if (pattern === undefined && part === undefined) return undefined;
    return Uint8Array.from({ length: tree.count }, (_, index) => {
      const isPart = part === undefined || tree.graph.category[index] === part;
      return isPart && (pattern === undefined || pattern.test(`${tree.name(index)} ${tree.place(index)}`.trimEnd()))
        ? 1
        : 0;
    });
  }

  #matchedText(tree: FlameTree, matches: Uint8Array): string {
    const weight = matchedWeight(tree, matches, this.#zoom);
    const each = perRequestText(weight, tree.graph);
    const share = shareText(weight, tree.graph.total[this.#zoom] ?? 0);
    return `Matched ${share}${each === '' ? '' : `, ${each}`}`;
  }

  #listen(canvas: HTMLCanvasElement): void {
    canvas.tabIndex = 0;
    canvas.role = 'application';
    canvas.addEventListener('pointermove', ({ offsetX, offsetY }) => this.#hover(offsetX, offsetY));
    canvas.addEventListener('pointerleave', () => this.#tip.hide());
    canvas.addEventListener('click', ({ offsetX, offsetY }) => {
      const index = this.#canvas.frameAt(offsetX, offsetY);
      this.#focus = -1;
      if (index >= 0) this.#zoomTo(index);
    });
    canvas.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.#onKey(event.key)) return;
      event.preventDefault();
    });
    canvas.addEventListener('blur', () => {
      this.#focus = -1;
      this.#tip.hide();
      this.#draw();
    });
  }

  #hover(x: number, y: number): void {
    const index = this.#canvas.frameAt(x, y);
    this.#canvas.element.style.cursor = index >= 0 ? 'pointer' : '';
    if (index < 0) this.#tip.hide();
    else this.#tip.show(describe(this.#tree(), this.#data, index, this.#zoom), { x, y: y + 16 });
  }

  /** Whether the key means something here. */
  #onKey(key: string): boolean {
    const tree = this.#tree();
    const at = this.#focus < 0 ? this.#zoom : this.#focus;
    const steps: Readonly<Record<string, () => number>> = {
      ArrowDown: () => (this.#focus < 0 ? at : widestCallee(tree, at, this.#basis)),
      ArrowUp: () => tree.parent[at] ?? -1,
      ArrowLeft: () => this.#sibling(at, -1),
      ArrowRight: () => this.#sibling(at, 1),
      Home: () => 0,
    };
    const step = steps[key];
    if (step !== undefined) this.#focusOn(step());
    else if (key === 'Enter' || key === ' ') this.#zoomTo(at);
    else if (key === 'Escape') this.#zoomTo(0);
    else return false;
    if (this.#focus >= 0) this.#point(this.#focus);
    return true;
  }

  #sibling(index: number, step: 1 | -1): number {
    const tree = this.#tree();
    const caller = tree.parent[index] ?? -1;
    if (caller < 0) return -1;
    const siblings: number[] = [];
    for (let at = caller + 1; at < (tree.end[caller] ?? 0); at = tree.end[at] ?? tree.count) {
      if ((tree.graph[this.#basis][at] ?? 0) > 0) siblings.push(at);
    }
    return siblings[siblings.indexOf(index) + step] ?? -1;
  }

  /** Frames outside the zoomed one are not drawn, so going there zooms out as far as is needed. */
  #focusOn(index: number): void {
    if (index < 0) return;
    const tree = this.#tree();
    this.#focus = index;
    if (!isBelow(tree, index, this.#zoom) && !isBelow(tree, this.#zoom, index)) this.#zoomTo(tree.parent[index] ?? 0);
    this.#draw();
  }

  #point(index: number): void {
    const { x, y } = this.#canvas.boxOf(index);
    const lines = describe(this.#tree(), this.#data, index, this.#zoom);
    this.#tip.show(lines, { x: Math.max(0, x), y: y + 24 });
    this.#tip.say(lines);
  }
}

/** What a page with flame graphs has among its data. */
interface FlamePage {
  readonly flames: Readonly<Record<string, FlameData>>;
}

for (const place of document.querySelectorAll<HTMLElement>('[data-flame]')) {
  const data = pageData<FlamePage>().flames[place.dataset['flame'] ?? ''];
  if (data !== undefined && data.graphs.length > 0) new FlameViewer(place, data);
}
