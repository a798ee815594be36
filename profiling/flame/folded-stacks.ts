/**
 * Collapsed stacks back into a tree: what `folded.ts` wrote for an earlier profile, or any tool for perf's. The frames are
 * text there, so where each comes from is told by its look.
 */
import type { Frame } from '../attribution/frame.ts';
import { treeOfStacks, type StackTree, type WeightedStack } from '../attribution/stack-tree.ts';

/** The tree of a text; its first frame, the thread, is left out. What is no stack and a weight is passed over. */
export function treeOfFolded(text: string): StackTree {
  const frames = new Map<string, Frame>();
  const frameOf = (label: string): Frame => {
    const known = frames.get(label) ?? parseLabel(label);
    frames.set(label, known);
    return known;
  };
  return treeOfStacks(text.split('\n').flatMap((line) => stackOf(line, frameOf)));
}

function stackOf(line: string, frameOf: (label: string) => Frame): WeightedStack[] {
  const [, stack, weight] = /^(.+) (\d+)$/.exec(line) ?? [];
  if (stack === undefined) return [];
  return [{ frames: stack.split(';').slice(1).map(frameOf), weight: Number(weight) }];
}

/** The inverse of `frameLabel`. */
export function parseLabel(label: string): Frame {
  const kernel = /^(.*) \[kernel\]$/.exec(label)?.[1];
  if (kernel !== undefined) return { name: kernel, origin: 'kernel', file: '[kernel]', line: null };
  if (/^\([A-Za-z0-9_ ]+\)$/.test(label) && label !== '(anonymous)') {
    return { name: label, origin: 'v8', file: '', line: null };
  }
  const [, name, file, line] = /^(.*) ((?:node:)?[^\s:]+)(?::(\d+))?$/.exec(label) ?? [];
  if (name === undefined || file === undefined) return { name: label, origin: 'native', file: '', line: null };
  const origin = originOf(file);
  // A C++ symbol has blanks of its own: `void f(int)`.
  if (origin === 'native') return { name: label, origin, file: '', line: null };
  return { name, origin, file, line: line === undefined ? null : Number(line) };
}

function originOf(file: string): Frame['origin'] {
  if (file.startsWith('node:')) return 'node';
  if (/^(?:src|workers|profiling|test)\/.*\.ts$/.test(file)) return 'project';
  if (/\.[cm]?js$/.test(file)) return file.startsWith('/') ? 'other' : 'package';
  return 'native';
}
