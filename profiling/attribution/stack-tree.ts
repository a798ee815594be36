/**
 * Stacks with weights, as a tree that all recordings are turned into: CPU profiles (microseconds of wall time), heap
 * profiles (bytes) and collapsed stacks of perf (samples).
 *
 * A node stands behind its parent in the list, so that one walk from the front sees every parent first.
 */
import type { CallFrame, CpuProfile, HeapProfile, HeapProfileNode } from '../../src/waits/recording.ts';
import type { Frame } from './frame.ts';

export interface StackNode {
  readonly frame: Frame;
  /** Index of the caller; -1 for the root. */
  readonly parent: number;
  /** What was measured while this frame was the innermost. */
  self: number;
}

export type StackTree = readonly StackNode[];

/** Turns a frame of V8 into one with a TypeScript source. */
export type ResolveFrame = (callFrame: CallFrame) => Frame;

/** Weights are microseconds: each sample lasts until the next. */
export function treeOfCpuProfile(profile: CpuProfile, resolve: ResolveFrame): StackTree {
  const micros = sampleMicros(profile);
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const indexes = new Map<number, number>();
  const tree: StackNode[] = [];
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const add = (id: number): number => {
    const known = indexes.get(id);
    if (known !== undefined) return known;
    const node = byId.get(id);
    if (node === undefined) return -1;
    const parentId = parents.get(id);
    const parent = parentId === undefined ? -1 : add(parentId);
    indexes.set(id, tree.length);
    tree.push({ frame: resolve(node.callFrame), parent, self: micros.get(id) ?? 0 });
    return tree.length - 1;
  };
  for (const { id } of profile.nodes) add(id);
  return tree;
}

/** Weights are bytes. */
export function treeOfHeapProfile(profile: HeapProfile, resolve: ResolveFrame): StackTree {
  const tree: StackNode[] = [];
  const waiting: { node: HeapProfileNode; parent: number }[] = [{ node: profile.head, parent: -1 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, parent } = next;
    const index = tree.length;
    tree.push({ frame: resolve(node.callFrame), parent, self: node.selfSize });
    for (const child of node.children) waiting.push({ node: child, parent: index });
  }
  return tree;
}

/** A stack, from the root to the leaf, and how often it was seen. */
export interface WeightedStack {
  readonly frames: readonly Frame[];
  readonly weight: number;
}

export function treeOfStacks(stacks: Iterable<WeightedStack>): StackTree {
  const root: Frame = { name: '(root)', origin: 'v8', file: '', line: null };
  const tree: StackNode[] = [{ frame: root, parent: -1, self: 0 }];
  const children = new Map<string, number>();
  for (const { frames, weight } of stacks) {
    let at = 0;
    for (const frame of frames) {
      const key = `${at} ${frame.origin} ${frame.file}:${frame.line} ${frame.name}`;
      let next = children.get(key);
      if (next === undefined) {
        next = tree.push({ frame, parent: at, self: 0 }) - 1;
        children.set(key, next);
      }
      at = next;
    }
    const node = tree[at];
    if (node !== undefined) node.self += weight;
  }
  return tree;
}

/** Microseconds by node id; where V8 gives no samples, the hits count as equal parts of the time. */
function sampleMicros({ nodes, samples, timeDeltas, startTime, endTime }: CpuProfile): Map<number, number> {
  const micros = new Map<number, number>();
  if (samples === undefined || timeDeltas === undefined) {
    const hits = nodes.reduce((sum, { hitCount = 0 }) => sum + hitCount, 0);
    for (const { id, hitCount = 0 } of nodes) micros.set(id, (hitCount / (hits || 1)) * (endTime - startTime));
    return micros;
  }
  let at = startTime;
  for (const [index, id] of samples.entries()) {
    at += timeDeltas[index] ?? 0;
    const until = timeDeltas[index + 1] ?? Math.max(0, endTime - at);
    // V8 gives a negative delta where two samples were taken out of order.
    micros.set(id, (micros.get(id) ?? 0) + Math.max(0, until));
  }
  return micros;
}
