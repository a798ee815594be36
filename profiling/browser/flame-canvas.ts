/**
 * Draws a flame graph on a canvas: the root on top, callees below it, widths by weight. Colours are by part of the system
 * or by change against the baseline.
 */
import { colour } from './page.ts';
import { startsOf, type Basis, type FlameTree } from '../flame/flame-tree.ts';

const rowHeight = 20;
const gap = 1;
/** Callers of the frame that is zoomed to are there to lead back. */
const ancestorAlpha = 0.6;
const textPadding = 5;
/** Narrower frames are not drawn, nor what is below them. Pixels. */
const widthMin = 0.4;
/** A change below this share of the frame has no colour: samples differ by more from run to run. */
const changeMin = 0.05;

export interface View {
  readonly tree: FlameTree;
  readonly basis: Basis;
  /** The frame that is as wide as the graph. */
  readonly zoom: number;
  /** The frame that the keyboard is at; -1 for none. */
  readonly focus: number;
  readonly isByChange: boolean;
  /** 1 for each frame that is to stand out; undefined where all do. */
  readonly matches: Uint8Array | undefined;
  /** Keys of the parts, for their colours. */
  readonly categoryKeys: readonly string[];
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

export class FlameCanvas {
  readonly element: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #view: View | undefined;
  /** CSS pixels. */
  #width = 0;
  #starts: Float64Array = new Float64Array();
  #startsFor: readonly [FlameTree, Basis] | undefined;

  constructor(element: HTMLCanvasElement) {
    const context = element.getContext('2d');
    if (context === null) throw new Error('this browser has no canvas');
    this.element = element;
    this.#context = context;
  }

  draw(view: View): void {
    this.#view = view;
    this.#width = this.element.clientWidth;
    if (this.#startsFor?.[0] !== view.tree || this.#startsFor[1] !== view.basis) {
      this.#starts = startsOf(view.tree, view.basis);
      this.#startsFor = [view.tree, view.basis];
    }
    this.#resize(this.#rows(view));
    const { tree, zoom } = view;
    const paint = new Paint(view);
    this.#context.font = paint.font;
    const letterWidth = this.#context.measureText('abcdefghijklmnopqrstuvwxyz').width / 26;
    for (let at = tree.parent[zoom] ?? -1; at >= 0; at = tree.parent[at] ?? -1) {
      this.#frame(at, { x: 0, y: this.#yOf(at), width: this.#width }, paint, letterWidth);
    }
    for (let at = zoom; at < (tree.end[zoom] ?? 0);) {
      const box = this.boxOf(at);
      if (box.width >= widthMin) this.#frame(at, box, paint, letterWidth);
      at = box.width >= widthMin ? at + 1 : (tree.end[at] ?? tree.count);
    }
    if (view.focus >= 0) this.#outline(this.boxOf(view.focus), paint.focus);
  }

  /** The frame at a place of the canvas; -1 where there is none. */
  frameAt(x: number, y: number): number {
    const view = this.#view;
    if (view === undefined) return -1;
    const depth = Math.floor(y / rowHeight);
    const { tree, zoom } = view;
    const depths = tree.graph.depth;
    for (let at = zoom; at >= 0; at = tree.parent[at] ?? -1) if (depths[at] === depth) return at;
    for (let at = zoom; at < (tree.end[zoom] ?? 0);) {
      const box = this.boxOf(at);
      const isInside = x >= box.x && x < box.x + box.width && box.width >= widthMin;
      if (isInside && depths[at] === depth) return at;
      at = isInside ? at + 1 : (tree.end[at] ?? tree.count);
    }
    return -1;
  }

  boxOf(index: number): Box {
    const view = this.#view;
    if (view === undefined) return { x: 0, y: 0, width: 0 };
    const { tree, basis, zoom } = view;
    const y = this.#yOf(index);
    if (index < zoom && (tree.end[index] ?? 0) > zoom) return { x: 0, y, width: this.#width };
    const widths = tree.graph[basis];
    const scale = this.#width / (widths[zoom] || 1);
    const x = ((this.#starts[index] ?? 0) - (this.#starts[zoom] ?? 0)) * scale;
    return { x, y, width: (widths[index] ?? 0) * scale };
  }

  #yOf(index: number): number {
    return (this.#view?.tree.graph.depth[index] ?? 0) * rowHeight;
  }

  /** Of what is drawn. */
  #rows({ tree, zoom }: View): number {
    let deepest = tree.graph.depth[zoom] ?? 0;
    for (let at = zoom; at < (tree.end[zoom] ?? 0);) {
      const isDrawn = this.boxOf(at).width >= widthMin;
      if (isDrawn) deepest = Math.max(deepest, tree.graph.depth[at] ?? 0);
      at = isDrawn ? at + 1 : (tree.end[at] ?? tree.count);
    }
    return deepest + 1;
  }

  /** Sharp on every screen. */
  #resize(rows: number): void {
    const { element } = this;
    const height = rows * rowHeight;
    const ratio = devicePixelRatio;
    element.style.height = `${height}px`;
    element.width = Math.round(this.#width * ratio);
    element.height = Math.round(height * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  #frame(index: number, { x, y, width }: Box, paint: Paint, letterWidth: number): void {
    const context = this.#context;
    const isFaint = paint.isFaint(index);
    context.globalAlpha = isFaint ? 0.25 : 1;
    if (!isFaint && index < (this.#view?.zoom ?? 0)) context.globalAlpha = ancestorAlpha;
    context.fillStyle = paint.fill(index);
    // Neighbours keep a pixel between them as long as they are wider than that.
    context.fillRect(x, y, width > 3 ? width - gap : width, rowHeight - gap);
    const letters = Math.floor((width - 2 * textPadding) / letterWidth);
    context.globalAlpha = isFaint ? 0.45 : 1;
    if (letters >= 3) {
      context.fillStyle = paint.ink;
      context.textBaseline = 'middle';
      const text = this.#label(index, letters);
      context.fillText(text, x + textPadding, y + (rowHeight - gap) / 2 + 0.5, width - 2 * textPadding);
    }
    context.globalAlpha = 1;
  }

  /** The name, and the place where it has room. */
  #label(index: number, letters: number): string {
    const tree = this.#view?.tree;
    const name = tree?.name(index) ?? '';
    if (name.length > letters) return `${name.slice(0, letters - 1)}…`;
    const place = tree?.place(index) ?? '';
    return name.length + place.length + 2 <= letters ? `${name}  ${place}` : name;
  }

  #outline({ x, y, width }: Box, style: string): void {
    const context = this.#context;
    context.strokeStyle = style;
    context.lineWidth = 2;
    context.strokeRect(x + 1, y + 1, Math.max(2, width - 2 - gap), rowHeight - 2 - gap);
  }
}

/** The colours of a view, looked up once for each drawing. */
class Paint {
  readonly ink = colour('flame-ink');
  readonly focus = colour('text');
  readonly font = `12px ${getComputedStyle(document.body).fontFamily}`;
  readonly #view: View;
  readonly #parts: readonly string[];
  readonly #neutral = rgb(colour('flame-neutral'));
  readonly #grew = rgb(colour('flame-grew'));
  readonly #shrank = rgb(colour('flame-shrank'));

  constructor(view: View) {
    this.#view = view;
    this.#parts = view.categoryKeys.map((key) => colour(`flame-${key}`));
  }

  isFaint(index: number): boolean {
    return this.#view.matches !== undefined && this.#view.matches[index] !== 1;
  }

  fill(index: number): string {
    const { tree, isByChange } = this.#view;
    if (!isByChange) return this.#parts[tree.graph.category[index] ?? 0] ?? '';
    const change = changeOf(tree.graph.total[index] ?? 0, tree.graph.base[index] ?? 0);
    const strength = Math.abs(change) < changeMin ? 0 : Math.sqrt(Math.abs(change));
    return mix(this.#neutral, change > 0 ? this.#grew : this.#shrank, strength);
  }
}

/** From -1, gone, to 1, new. */
function changeOf(now: number, before: number): number {
  const larger = Math.max(now, before);
  return larger === 0 ? 0 : (now - before) / larger;
}

function rgb(hex: string): readonly number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

function mix(from: readonly number[], to: readonly number[], share: number): string {
  const parts = from.map((value, index) => Math.round(value + ((to[index] ?? 0) - value) * share));
  return `rgb(${parts.join(' ')})`;
}
