/**
 * A cluster under perf: which process and thread is whose is asked of the nodes, requests are counted beside it, and the
 * stacks of each thread become a tree.
 */
import { attribute, unattributedShare } from '../attribution/attribute.ts';
import { partsOf } from '../attribution/costs.ts';
import { treeOfStacks, type ResolveFrame, type StackTree } from '../attribution/stack-tree.ts';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { localProcess } from '../cluster/local-process.ts';
import type { PerfThread } from './perf-script.ts';
import { perfHertz, recordPerf, type PerfOptions } from './perf.ts';
import { requestCounts, type ProfileTarget } from './profile-client.ts';
import type { PerfMeasurement, Window } from '../result/profile.ts';

export interface PerfRecording extends Window {
  readonly threads: readonly PerfThreadTree[];
}

/** One JavaScript thread of a node, or all its others as `native`. */
export interface PerfThreadTree {
  readonly node: string;
  readonly thread: string;
  readonly samples: number;
  readonly tree: StackTree;
}

const usPerSample = 1e6 / perfHertz;

/** Records nodes of this machine. Throws `profile-failed`. */
export async function recordPerfOfNodes(
  targets: readonly ProfileTarget[],
  { resolve, ...options }: PerfOptions & { readonly resolve: ResolveFrame },
): Promise<PerfRecording> {
  const processes = await Promise.all(targets.map(processOf));
  const startedAt = new Date().toISOString();
  const before = await countRequests(targets);
  const startedMs = performance.now();
  const data = await recordPerf(
    processes.map(({ pid }) => pid),
    options,
  );
  try {
    const countedSeconds = (performance.now() - startedMs) / 1000;
    const counted = (await countRequests(targets)) - before;
    const { threads, seconds } = await data.read(resolve);
    const trees = processes.flatMap((one) => threadTrees(one, threads));
    // perf takes its time to begin and to end, and the load goes on: what of the requests falls between its samples.
    const requests = Math.round((counted * seconds) / countedSeconds);
    return { startedAt, seconds, requests, threads: trees };
  } finally {
    data[Symbol.dispose]();
  }
}

export function measurePerf({ threads, ...window }: PerfRecording): PerfMeasurement {
  return {
    ...window,
    threads: threads.map(({ node, thread, samples, tree }) => {
      const seen = attribute(tree);
      return {
        node,
        thread,
        samples,
        cpuUs: seen.work * usPerSample,
        parts: partsOf(seen, usPerSample),
        networkUs: seen.network * usPerSample,
        unattributedShare: unattributedShare(seen),
        unknown: seen.unknown.map(({ label }) => label),
      };
    }),
  };
}

interface ProcessOfNode {
  readonly node: string;
  readonly pid: number;
  /** The JavaScript threads by the system's ids. */
  readonly names: ReadonlyMap<number, string>;
}

async function processOf({ name, url }: ProfileTarget): Promise<ProcessOfNode> {
  const found = await localProcess(url);
  if (found !== null) return { node: name, pid: found.pid, names: found.threads };
  throw new KvorumError('profile-failed', `Cannot use perf on "${url}": the node is no process of this machine`);
}

async function countRequests(targets: readonly ProfileTarget[]): Promise<number> {
  const counts = await Promise.all(targets.map(requestCounts));
  return counts.flatMap((count) => Object.values(count)).reduce((sum, count) => sum + count, 0);
}

function threadTrees({ node, pid, names }: ProcessOfNode, threads: readonly PerfThread[]): PerfThreadTree[] {
  const own = threads.filter((thread) => thread.pid === pid);
  return [...new Set([...names.values(), 'native'])].map((name) => {
    const some = own.filter(({ tid }) => (names.get(tid) ?? 'native') === name);
    const samples = some.reduce((sum, thread) => sum + thread.samples, 0);
    return { node, thread: name, samples, tree: treeOfStacks(some.flatMap(({ stacks }) => stacks)) };
  });
}
