/**
 * `perf record` on the nodes' processes, where the system permits it: the CPU of all threads, native ones and the kernel
 * included, which V8's profiler does not see.
 *
 * The nodes have to be started with `perfNodeOptions`, or JavaScript shows as addresses. They then write
 * `/tmp/perf-PID.map`, which grows with all code that is compiled, and V8 opens an `isolate-*-PID-v8.log` for each thread
 * in the directory that they run in; `removePerfMaps` takes both away when they have ended.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import type { ResolveFrame } from '../attribution/stack-tree.ts';
import { readPerfScript, type PerfStacks } from './perf-script.ts';

/** `NODE_OPTIONS` of nodes that perf is to see the functions of. Costs nothing that could be measured. */
export const perfNodeOptions = '--perf-basic-prof --interpreted-frames-native-stack';

/** Samples a second of a thread that runs. Not 1,000: that would beat in time with what runs every millisecond. */
export const perfHertz = 999;
const durationMsMax = 120_000;
/** Stacks of 999 samples a second and core take about 1 MB/s each. */
const fileSizeMax = '1G';
const scriptMsMax = 180_000;

/** Why perf cannot be used here, or undefined where it can: found out by a trial. */
export function perfObstacle(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'kvorum-perf-'));
  try {
    const file = join(directory, 'trial.data');
    const args = ['record', '-q', '-e', 'cpu-clock', '-F', String(perfHertz), '-g', '-o', file, '--', 'true'];
    const { error, status, stderr } = spawnSync('perf', args, { encoding: 'utf8', timeout: 20_000 });
    if (error !== undefined) return 'perf is not installed';
    if (status === 0) return undefined;
    return `perf is not permitted: ${lastLine(stderr) || `exit code ${status}`}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export interface PerfOptions {
  readonly durationMs: number;
  /** Ends the recording early; what was recorded so far is the result. */
  readonly signal?: AbortSignal;
  /** perf has begun. */
  readonly onRecording?: () => void;
}

/** What perf has recorded and nobody has read yet. */
export interface PerfData extends Disposable {
  /** Its stacks by thread; takes longer than recording them. Throws `profile-failed`. */
  read(resolve: ResolveFrame): Promise<PerfStacks>;
}

/** Records the processes. Throws `profile-failed`. Whoever calls disposes of the data. */
export async function recordPerf(pids: readonly number[], options: PerfOptions): Promise<PerfData> {
  const { durationMs, signal, onRecording } = options;
  const directory = mkdtempSync(join(tmpdir(), 'kvorum-perf-'));
  const file = join(directory, 'perf.data');
  const duration = Math.min(durationMs, durationMsMax) / 1000;
  const args = ['record', '-q', '-e', 'cpu-clock', '-F', String(perfHertz), '-g', '--max-size', fileSizeMax];
  const child = spawn('perf', [...args, '-o', file, '-p', pids.join(','), '--', 'sleep', String(duration)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stop = (): void => void child.kill('SIGINT');
  signal?.addEventListener('abort', stop);
  const end = endOf(child);
  onRecording?.();
  const reason = await end;
  signal?.removeEventListener('abort', stop);
  const dispose = (): void => rmSync(directory, { recursive: true, force: true });
  if (hasData(file)) return { read: (resolve) => readPerfFile(file, resolve), [Symbol.dispose]: dispose };
  dispose();
  throw new KvorumError('profile-failed', `perf record gave nothing: ${reason ?? 'no samples'}`);
}

/** Stacks of a `perf.data` file. Throws `profile-failed`. */
export async function readPerfFile(file: string, resolve: ResolveFrame): Promise<PerfStacks> {
  const args = ['script', '-i', file, '--no-inline', '-F', 'comm,pid,tid,time,ip,sym,dso'];
  const child = spawn('perf', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: scriptMsMax });
  const failure = endOf(child);
  const stacks = await readPerfScript(createInterface({ input: child.stdout }), resolve);
  const reason = await failure;
  if (stacks.threads.length === 0)
    throw new KvorumError('profile-failed', `perf script gave no stacks: ${reason ?? 'empty'}`);
  return stacks;
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

/** Undefined where it ended well, else what it said. */
async function endOf(child: ChildProcess): Promise<string | undefined> {
  const said = child.stderr === null ? Promise.resolve('') : text(child.stderr);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code === 0 ? undefined : lastLine(await said) || `exit code ${code}`;
  } catch {
    return 'perf is not installed';
  }
}

function hasData(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function lastLine(said: string): string {
  return said.trim().split('\n').at(-1) ?? '';
}
