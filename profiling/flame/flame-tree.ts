/**
 * A flame graph's columns as a tree that can be laid out, searched and summed, on both sides:
 * the page draws it, and the report's own table is made of it.
 *
 * Frames are known by their index; a frame's callees follow it, up to its `end`.
 */
import type { FlameData, FlameGraph } from './flame-data.ts';

export interface FlameTree {
  readonly graph: FlameGraph;
  readonly count: number;
  readonly parent: Int32Array;
  /** One past the last frame below. */
  readonly end: Int32Array;
  readonly self: Float64Array;
  /** All zero without a baseline. */
  readonly selfBase: Float64Array;
  readonly name: (index: number) => string;
  /** `workers/store/store.ts:166`, or nothing. */
  readonly place: (index: number) => string;
}

/** What widths stand for: this run's weights, or the baseline's, which alone shows what is gone. */
export type Basis = 'total' | 'base';

export function treeOf(graph: FlameGraph, { frames }: FlameData): FlameTree {
  const count = graph.depth.length;
  const parent = new Int32Array(count).fill(-1);
  const end = new Int32Array(count).fill(count);
  const open: number[] = [];
  for (let index = 0; index < count; index++) {
    const depth = graph.depth[index] ?? 0;
    for (const closed of open.splice(depth)) end[closed] = index;
    parent[index] = open[depth - 1] ?? -1;
    open.push(index);
  }
  const frameOf = (index: number) => frames[graph.frame[index] ?? 0] ?? ['', '', 0];
  return {
    graph,
    count,
    parent,
    end,
    self: selfWeights(graph.total, parent),
    selfBase: selfWeights(graph.base, parent),
    name: (index) => frameOf(index)[0],
    place: (index) => placeText(frameOf(index)),
  };
}

/** Where each frame begins, in the unit of the weights. */
export function startsOf({ graph, parent, count }: FlameTree, basis: Basis): Float64Array {
  const starts = new Float64Array(count);
  const next = new Float64Array(count);
  const widths = graph[basis];
  for (let index = 1; index < count; index++) {
    const caller = parent[index] ?? 0;
    starts[index] = next[caller] ?? 0;
    next[index] = starts[index] ?? 0;
    next[caller] = (next[caller] ?? 0) + (widths[index] ?? 0);
  }
  return starts;
}

/** The callee of the greatest weight; -1 where there is none. */
export function widestCallee({ graph, end, count }: FlameTree, index: number, basis: Basis): number {
  let widest = -1;
  for (let at = index + 1; at < (end[index] ?? count); at = end[at] ?? count) {
    if ((graph[basis][at] ?? 0) > (widest < 0 ? 0 : (graph[basis][widest] ?? 0))) widest = at;
  }
  return widest;
}

export function isBelow({ end }: FlameTree, index: number, ancestor: number): boolean {
  return index >= ancestor && index < (end[ancestor] ?? 0);
}

/** Weight of all frames that `matches` accepts at `from` or below; a frame below another counts once. */
export function matchedWeight(tree: FlameTree, matches: Uint8Array, from: number): number {
  let sum = 0;
  for (let index = from; index < (tree.end[from] ?? 0);) {
    if (matches[index] === 1) {
      sum += tree.graph.total[index] ?? 0;
      index = tree.end[index] ?? tree.count;
    } else index++;
  }
  return sum;
}

/** A function, wherever it was called from. */
export interface FunctionRow {
  readonly name: string;
  readonly place: string;
  /** Index in `FlameData.categories`: of where it costs most itself. */
  readonly category: number;
  readonly self: number;
  readonly total: number;
  readonly selfBase: number;
  readonly totalBase: number;
}

type MutableRow = { -readonly [Key in keyof FunctionRow]: FunctionRow[Key] } & { heaviest: number };

/** Functions at `from` or below, in no order. Weight below a recursion counts once. */
export function functionsOf(tree: FlameTree, from: number): FunctionRow[] {
  const { graph, self, selfBase, end, parent } = tree;
  const rows = new Map<number, MutableRow>();
  for (let index = from; index < (end[from] ?? 0); index++) {
    const key = graph.frame[index] ?? 0;
    const row = rows.get(key) ?? newRow(tree, index);
    rows.set(key, row);
    row.self += self[index] ?? 0;
    row.selfBase += selfBase[index] ?? 0;
    if ((self[index] ?? 0) > row.heaviest) {
      row.heaviest = self[index] ?? 0;
      row.category = graph.category[index] ?? 0;
    }
    if (hasCallerOfFrame(graph, parent, index, key)) continue;
    row.total += graph.total[index] ?? 0;
    row.totalBase += graph.base[index] ?? 0;
  }
  return [...rows.values()];
}

function newRow(tree: FlameTree, index: number): MutableRow {
  const category = tree.graph.category[index] ?? 0;
  const none = { self: 0, total: 0, selfBase: 0, totalBase: 0, heaviest: -1 };
  return { name: tree.name(index), place: tree.place(index), category, ...none };
}

function hasCallerOfFrame(graph: FlameGraph, parent: Int32Array, index: number, frame: number): boolean {
  for (let at = parent[index] ?? -1; at >= 0; at = parent[at] ?? -1) if (graph.frame[at] === frame) return true;
  return false;
}

function selfWeights(totals: readonly number[], parent: Int32Array): Float64Array {
  const self = Float64Array.from({ length: parent.length }, (_, index) => totals[index] ?? 0);
  for (let index = 1; index < parent.length; index++) {
    const caller = parent[index] ?? 0;
    self[caller] = (self[caller] ?? 0) - (totals[index] ?? 0);
  }
  // Totals are rounded one by one, so a frame without weight of its own can come out a little below nothing.
  return self.map((weight) => Math.max(0, weight));
}

function placeText([, file, line]: readonly [string, string, number]): string {
  return line === 0 ? file : `${file}:${line}`;
}
