/**
 * Call trees laid over each other: frames of the same function below the same callers are one frame, with the weights of
 * this run and of a baseline side by side.
 */
import { isInternalFrame } from '../attribution/attribute.ts';
import { isOutsideWork, type Category } from '../attribution/categories.ts';
import { ownerOf, type Frame } from '../attribution/frame.ts';
import type { StackTree } from '../attribution/stack-tree.ts';

export interface MergedFrame {
  readonly frame: Frame;
  /** The part that the frame's own weight is attributed to. */
  readonly category: Category;
  /** Of this run, while the frame was the innermost. */
  self: number;
  total: number;
  /** The same of the baseline. */
  base: number;
  baseTotal: number;
  readonly children: Map<string, MergedFrame>;
}

const rootFrame: Frame = { name: 'all', origin: 'v8', file: '', line: null };

export function newRoot(): MergedFrame {
  return newFrame(rootFrame, 'unattributed');
}

/** Adds a thread's stacks, without idle time and the profiler's own. Totals are made afterwards, by `sumUp`. */
export function addStacks(root: MergedFrame, tree: StackTree, column: 'self' | 'base'): void {
  const places: (MergedFrame | undefined)[] = [];
  for (const { frame, parent, self } of tree) {
    const place = parent < 0 ? root : placeOf(frame, places[parent]);
    places.push(place);
    if (place !== undefined) place[column] += self;
  }
}

/** Makes the totals, from the leaves on. */
export function sumUp(frame: MergedFrame): void {
  frame.total = frame.self;
  frame.baseTotal = frame.base;
  for (const child of frame.children.values()) {
    sumUp(child);
    frame.total += child.total;
    frame.baseTotal += child.baseTotal;
  }
}

function placeOf(frame: Frame, caller: MergedFrame | undefined): MergedFrame | undefined {
  const owner = ownerOf(frame);
  if (caller === undefined || isOutsideWork(owner)) return undefined;
  const key = keyOf(frame);
  const known = caller.children.get(key);
  if (known !== undefined) return known;
  const made = newFrame(frame, owner ?? inherited(frame, caller));
  caller.children.set(key, made);
  return made;
}

/** What nobody owns belongs to its caller, and with no caller of ours to Node (attribute.ts). */
function inherited(frame: Frame, caller: MergedFrame): Category {
  if (caller.category !== 'unattributed') return caller.category;
  const isCalledByNobody = caller.frame === rootFrame || caller.frame.name === '(root)';
  return isInternalFrame(frame, isCalledByNobody) ? 'node-internals' : caller.category;
}

/**
 * Without the line, where there is a name: a run of another version is compared by it, and lines move. Functions without
 * a name have nothing else.
 */
function keyOf({ name, file, line, origin }: Frame): string {
  return `${origin}\n${file}\n${name}${name === '(anonymous)' ? `\n${line}` : ''}`;
}

function newFrame(frame: Frame, category: Category): MergedFrame {
  return { frame, category, self: 0, total: 0, base: 0, baseTotal: 0, children: new Map() };
}
