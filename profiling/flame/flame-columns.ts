/**
 * A merged call tree as columns of small numbers: frames in the order callers first, the heaviest callee first, with
 * their depths. What is too small to be seen is put together, so that the sums stay true.
 */
import { categories } from '../attribution/categories.ts';
import type { Frame } from '../attribution/frame.ts';
import type { MergedFrame } from './merged-frames.ts';

export interface TreeColumns {
  /** 0 for the root. A frame's caller is the last one before it that is one less deep. */
  readonly depth: readonly number[];
  /** Index in `FlameData.frames`. */
  readonly frame: readonly number[];
  /** Index in `FlameData.categories`. */
  readonly category: readonly number[];
  /** Microseconds or bytes of this run, callees included; what callees do not sum up to is the frame's own. */
  readonly total: readonly number[];
  /** The same of the baseline, made comparable; empty where there is none. */
  readonly base: readonly number[];
  /** Callees that were put together because they were too small. */
  readonly omitted: number;
}

export interface EncodeOptions {
  /** A frame below this share of the whole is put together with its like. */
  readonly shareMin: number;
  /** Bound of the frames; past it the share rises. */
  readonly framesMax: number;
  readonly withBaseline: boolean;
}

/** The frames of all graphs of a page, each once. */
export class FrameTable {
  readonly frames: (readonly [name: string, file: string, line: number])[] = [];
  readonly #indexes = new Map<string, number>();

  indexOf({ name, file, line }: Frame): number {
    const key = `${name}\n${file}\n${line ?? 0}`;
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const index = this.frames.push([name, file, line ?? 0]) - 1;
    this.#indexes.set(key, index);
    return index;
  }
}

const smallFrames: Frame = { name: '(small frames)', origin: 'v8', file: '', line: null };

export function encodeTree(root: MergedFrame, table: FrameTable, options: EncodeOptions): TreeColumns {
  const whole = Math.max(root.total, root.baseTotal);
  let leastWeight = Math.max(1, whole * options.shareMin);
  while (countFrames(root, leastWeight) > options.framesMax) leastWeight *= 1.5;
  const rows: (Omit<MergedFrame, 'self' | 'base' | 'children'> & { readonly depth: number })[] = [];
  let omitted = 0;
  const add = (merged: MergedFrame, depth: number): void => {
    rows.push({ ...merged, depth });
    const children = [...merged.children.values()].sort((one, other) => weightOf(other) - weightOf(one));
    const small = children.filter((child) => weightOf(child) < leastWeight);
    for (const child of children.slice(0, children.length - small.length)) add(child, depth + 1);
    if (small.length === 0) return;
    omitted += small.length;
    const [total, baseTotal] = [sum(small, (one) => one.total), sum(small, (one) => one.baseTotal)];
    rows.push({ frame: smallFrames, category: merged.category, total, baseTotal, depth: depth + 1 });
  };
  add(root, 0);
  return {
    depth: rows.map(({ depth }) => depth),
    frame: rows.map(({ frame }) => table.indexOf(frame)),
    category: rows.map(({ category }) => categories.indexOf(category)),
    total: rows.map(({ total }) => Math.round(total)),
    base: options.withBaseline ? rows.map(({ baseTotal }) => Math.round(baseTotal)) : [],
    omitted,
  };
}

/** Frames that are wide enough, and one for the small ones of each. */
function countFrames(frame: MergedFrame, leastWeight: number): number {
  let count = 1;
  let hasSmall = false;
  for (const child of frame.children.values()) {
    if (weightOf(child) < leastWeight) hasSmall = true;
    else count += countFrames(child, leastWeight);
  }
  return hasSmall ? count + 1 : count;
}

function weightOf({ total, baseTotal }: MergedFrame): number {
  return Math.max(total, baseTotal);
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((so, value) => so + of(value), 0);
}
