/**
 * What the flame graphs of a page are drawn from: the stacks of many threads, merged, pruned and written in columns, so
 * that a report of six threads stays under some hundred kilobytes. Pure; the browser's half is
 * `profiling/browser/flame-model.ts`.
 *
 * Idle time and the profiler's own are left out, as everywhere. A comparison lays the baseline's weights, multiplied so
 * that both stand for the same number of requests (or, where that is not known, for the same whole), beside this run's.
 */
import { categories, categoryTitles } from '../attribution/categories.ts';
import type { StackTree } from '../attribution/stack-tree.ts';
import { encodeTree, FrameTable, type TreeColumns } from './flame-columns.ts';
import { addStacks, newRoot, sumUp, type MergedFrame } from './merged-frames.ts';

/** `cpu`: microseconds by V8. `allocation`: bytes. `native`: perf's samples, native and kernel frames included. */
const flameKinds = ['cpu', 'allocation', 'native'] as const;
export type FlameKind = (typeof flameKinds)[number];

/** The stacks of one thread. */
export interface FlameSource {
  readonly kind: FlameKind;
  /** `n1`. */
  readonly node: string;
  /** `main`, `worker 1`. */
  readonly thread: string;
  readonly tree: StackTree;
}

/** What was recorded under one load. */
export interface FlameRun {
  /** For people: `batched`, `before the change`. */
  readonly label: string;
  readonly sources: readonly FlameSource[];
  /** Requests that the cluster answered while each kind was recorded, where that is known: each has a run of its own. */
  readonly requests: Partial<Readonly<Record<FlameKind, number>>>;
}

export interface FlameOptions {
  readonly baseline?: FlameRun;
  /** Bound of the frames of one graph. */
  readonly framesMax?: number;
}

/** Plain data for the page; see `FlameGraph` for its parts. */
export interface FlameData {
  readonly label: string;
  /** Null where nothing is compared. */
  readonly baseline: string | null;
  /** Keys and titles of the parts that frames are coloured by; `category` columns count in them. */
  readonly categories: readonly (readonly [key: string, title: string])[];
  /** Name, file, line or 0; `frame` columns count in them. */
  readonly frames: readonly (readonly [name: string, file: string, line: number])[];
  readonly graphs: readonly FlameGraph[];
}

export interface FlameGraph extends TreeColumns {
  readonly kind: FlameKind;
  /** `All threads`, `main, all nodes`, `n1, worker 1`. */
  readonly title: string;
  /** 0 where it is not known. */
  readonly requests: number;
  /** How the baseline was made comparable: to the same number of requests, or to the same whole. Null without one. */
  readonly normalised: 'requests' | 'whole' | null;
}

/** A frame narrower than this share of its graph is half a pixel of a wide screen. */
const shareMin = 0.0003;
const framesMaxDefault = 4000;

export function flameData(run: FlameRun, { baseline, framesMax = framesMaxDefault }: FlameOptions = {}): FlameData {
  const table = new FrameTable();
  const graphs = flameKinds.flatMap((kind) => {
    const all = run.sources.filter((source) => source.kind === kind);
    return selectionsOf(all).map(({ title, accepts }) => {
      const graph = { kind, title, accepts, framesMax };
      return graphOf(run, baseline, graph, table);
    });
  });
  return {
    label: run.label,
    baseline: baseline?.label ?? null,
    categories: categories.map((key) => [key, categoryTitles[key]]),
    frames: table.frames,
    graphs: graphs.filter(({ total }) => (total[0] ?? 0) > 0),
  };
}

interface Selection {
  readonly title: string;
  readonly accepts: (source: FlameSource) => boolean;
}

/** All threads together, each thread over all nodes, and each by itself; what would be the same graph twice is once. */
function selectionsOf(sources: readonly FlameSource[]): Selection[] {
  const nodes = unique(sources.map(({ node }) => node));
  const threads = unique(sources.map(({ thread }) => thread));
  const selections: Selection[] = [];
  if (sources.length > 1) selections.push({ title: 'All threads', accepts: () => true });
  if (nodes.length > 1 && threads.length > 1) {
    for (const thread of threads) {
      selections.push({ title: `${thread}, all nodes`, accepts: (source) => source.thread === thread });
    }
  }
  for (const { node, thread } of sources) {
    const accepts = (source: FlameSource): boolean => source.node === node && source.thread === thread;
    selections.push({ title: `${node}, ${thread}`, accepts });
  }
  return selections;
}

interface GraphOptions extends Selection {
  readonly kind: FlameKind;
  readonly framesMax: number;
}

function graphOf(run: FlameRun, baseline: FlameRun | undefined, options: GraphOptions, table: FrameTable): FlameGraph {
  const { kind, title, framesMax } = options;
  const root = newRoot();
  addAll(root, run, options, 'self');
  if (baseline !== undefined) addAll(root, baseline, options, 'base');
  sumUp(root);
  const normalised = baseline === undefined ? null : normalise(root, run.requests[kind], baseline.requests[kind]);
  const columns = encodeTree(root, table, { shareMin, framesMax, withBaseline: baseline !== undefined });
  return { kind, title, requests: run.requests[kind] ?? 0, normalised, ...columns };
}

function addAll(root: MergedFrame, { sources }: FlameRun, options: GraphOptions, column: 'self' | 'base'): void {
  for (const source of sources) {
    if (source.kind === options.kind && options.accepts(source)) addStacks(root, source.tree, column);
  }
}

/** Multiplies the baseline's weights in place. */
function normalise(root: MergedFrame, requests = 0, baselineRequests = 0): 'requests' | 'whole' {
  const isByRequests = requests > 0 && baselineRequests > 0;
  const factor = isByRequests ? requests / baselineRequests : root.total / (root.baseTotal || 1);
  const scale = (frame: MergedFrame): void => {
    frame.base *= factor;
    frame.baseTotal *= factor;
    for (const child of frame.children.values()) scale(child);
  };
  scale(root);
  return isByRequests ? 'requests' : 'whole';
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
