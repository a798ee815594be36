/**
 * Collapsed stacks, as Brendan Gregg's flame graph scripts and speedscope read them: a line for each stack, frames from
 * the root to the leaf with semicolons between them, then a space and the weight.
 */
import { isOutsideWork } from './categories.ts';
import { frameLabel, ownerOf } from './frame.ts';
import type { StackNode, StackTree } from './stack-tree.ts';

/** Without idle time and the profiler's own. `root` stands before every stack: the thread. Weights are whole numbers. */
export function foldedText(tree: StackTree, root: string): string {
  const labels: (string | undefined)[] = [];
  const lines: string[] = [];
  for (const node of tree) {
    const stack = stackOf(node, labels, root);
    labels.push(stack);
    const weight = Math.round(node.self);
    if (stack !== undefined && weight > 0) lines.push(`${stack} ${weight}`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** The frames down to this one; undefined below what is no work of the node. */
function stackOf({ frame, parent }: StackNode, labels: readonly (string | undefined)[], root: string) {
  if (parent < 0) return escapeFrame(root);
  const caller = labels[parent];
  if (caller === undefined || isOutsideWork(ownerOf(frame))) return undefined;
  return `${caller};${escapeFrame(frameLabel(frame))}`;
}

function escapeFrame(label: string): string {
  return label.replaceAll(';', ':').replace(/\s+/g, ' ');
}
