/**
 * A `.cpuprofile` in the form that clinic flame draws from: one stack for each sample, root first, its frames written the
 * way V8's own tick processor writes them (`@clinic/flame/analysis`, `0x/lib/ticks-to-tree.js`).
 *
 * Clinic tells our code, packages, Node and V8 apart by the look of a frame's text: what has neither `.js` nor `node:` in
 * it is V8's, what is no absolute path is Node's. So sources keep their compiled names, and file URLs become paths.
 */
import type { CallFrame, CpuProfile, CpuProfileNode } from '../../src/waits/recording.ts';
import { pathOf } from '../capture/source-frames.ts';

/** A frame as 0x takes it. */
export interface Tick {
  readonly name: string;
  readonly type: 'JS' | 'CPP' | 'CODE';
  readonly kind?: 'Opt' | 'RegExp';
}

/** Nobody's work: without them the graph would be as wide as the run is long. */
const notWork = new Set(['(root)', '(idle)']);

/** Stacks of all samples but the idle ones. */
export function clinicTicks(profile: CpuProfile): Tick[][] {
  const stacks = new Map<number, Tick[]>();
  const { nodes, samples = samplesOfHits(nodes) } = profile;
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stackOf = (id: number | undefined): Tick[] => {
    const node = id === undefined ? undefined : byId.get(id);
    if (id === undefined || node === undefined) return [];
    const known = stacks.get(id);
    if (known !== undefined) return known;
    const tick = tickOf(node.callFrame);
    const above = stackOf(parents.get(id));
    const stack = tick === undefined ? above : [...above, tick];
    stacks.set(id, stack);
    return stack;
  };
  return samples.map(stackOf).filter((stack) => stack.length > 0);
}

function samplesOfHits(nodes: readonly CpuProfileNode[]): number[] {
  return nodes.flatMap(({ id, hitCount = 0 }) => Array.from({ length: hitCount }, () => id));
}

function tickOf({ functionName, url, lineNumber, columnNumber }: CallFrame): Tick | undefined {
  if (notWork.has(functionName)) return undefined;
  const pattern = /^RegExp: (.*)$/s.exec(functionName)?.[1];
  if (pattern !== undefined) return { name: oneLine(pattern), type: 'CODE', kind: 'RegExp' };
  // Collections are no function; as JavaScript clinic would find no source in them and refuse the whole recording.
  if (url === '' || lineNumber < 0) return { name: oneLine(functionName) || '(anonymous)', type: 'CPP' };
  if (url.startsWith('wasm:')) return { name: oneWord(functionName), type: 'JS', kind: 'Opt' };
  const place = `${pathOf(url)}:${lineNumber + 1}:${columnNumber + 1}`;
  return { name: `${oneWord(functionName)} ${place}`, type: 'JS', kind: 'Opt' };
}

/** Clinic ends a function's name at the first blank that it does not expect: `get #size`. */
function oneWord(functionName: string): string {
  return functionName === '' ? '(anonymous)' : functionName.replace(/\s+/g, '.');
}

function oneLine(name: string): string {
  return name.replace(/\s+/g, ' ');
}
