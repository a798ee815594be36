/**
 * A cluster under perf: which process and thread is whose is asked of the nodes, requests are counted beside it, and the
 * stacks of each thread become a tree.
 *
 * The nodes have to be started with `perfNodeOptions`, or JavaScript shows as addresses. They then write
 * `/tmp/perf-PID.map`, which grows with all code that is compiled, and V8 opens an `isolate-*-PID-v8.log` for each thread
 * in the directory that they run in; `removePerfMaps` takes both away when they have ended.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { attribute, unattributedShare } from '../attribution/attribute.ts';
import { partsOf } from '../attribution/costs.ts';
import { treeOfStacks, type ResolveFrame, type StackTree } from '../attribution/stack-tree.ts';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { localProcess } from '../cluster/local-process.ts';
import { stacksByThread, type PerfThread } from './perf-stacks.ts';
import { recordPerf, type PerfOrder } from './perf.ts';
import { requestCounts, type ProfileTarget } from './profile-client.ts';
import type { RecordOptions } from './record.ts';
import type { PerfMeasurement, Window } from '../result/profile.ts';

/** `NODE_OPTIONS` of nodes that perf is to see the functions of. Costs nothing that could be measured. */
export const perfNodeOptions = '--perf-basic-prof --interpreted-frames-native-stack';

/** Samples a second of a thread that runs. Not 1,000: that would beat in time with what runs every millisecond. */
const perfHertz = 999;

export const cpuSamples: PerfOrder = {
  name: 'CPU',
  events: ['-e', 'cpu-clock', '-F', String(perfHertz), '-g'],
  // Stacks of 999 samples a second and core take about 1 MB/s each.
  fileSizeMax: '1G',
  fields: 'comm,pid,tid,time,ip,sym,dso',
};

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
  { resolve, ...options }: RecordOptions & { readonly resolve: ResolveFrame },
): Promise<PerfRecording> {
  const processes = await Promise.all(targets.map(processOf));
  const startedAt = new Date().toISOString();
  const before = await countRequests(targets);
  const startedMs = performance.now();
  const pids = processes.map(({ pid }) => pid);
  using data = await recordPerf(cpuSamples, pids, options);
  const countedSeconds = (performance.now() - startedMs) / 1000;
  const counted = (await countRequests(targets)) - before;
  const { threads, seconds } = await stacksByThread(data.events, resolve);
  if (threads.length === 0) throw new KvorumError('profile-failed', 'Cannot record CPU with perf: it saw no samples');
  const trees = processes.flatMap((one) => threadTrees(one, threads));
  // perf takes its time to begin and to end, and the load goes on: what of the requests falls between its samples.
  const requests = Math.round((counted * seconds) / countedSeconds);
  return { startedAt, seconds, requests, threads: trees };
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

/**
 * The files that processes with `perfNodeOptions` leave behind, those of their parents included (`kvorum up` hands its
 * environment down). To be asked while they run, and removed when they have ended.
 */
export function perfMaps(pids: readonly number[]): string[] {
  const all = new Set(pids.flatMap((pid) => [pid, ...parentOf(pid)]));
  const maps = [...all].map((pid) => `/tmp/perf-${pid}.map`).filter((file) => existsSync(file));
  return [...maps, ...[...all].flatMap(isolateLogs)];
}

export function removePerfMaps(files: readonly string[]): void {
  for (const file of files) rmSync(file, { force: true });
}

/** By the id in their names nothing else is taken for one. Nodes of `startLocalCluster` run in this process's directory. */
function isolateLogs(pid: number): string[] {
  return readdirSync('.').filter((name) => /^isolate-0x[0-9a-f]+-(\d+)-v8\.log$/.exec(name)?.[1] === String(pid));
}

function parentOf(pid: number): number[] {
  try {
    const [, parent] = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return parent === undefined ? [] : [Number(parent)];
  } catch {
    return [];
  }
}
