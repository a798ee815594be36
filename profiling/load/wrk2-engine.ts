/**
 * wrk2 (github.com/giltene/wrk2) as an engine, driving the scripts in scripts/.
 *
 * It is recognised by what it can do and not by its name: it builds as `wrk`, as the program that it descends from and
 * that knows no rate. Its first 10 s, and 5 ms for each connection of a thread, are its own warm-up (it calibrates, then
 * throws its histograms away), whatever warm-up is asked for: that much is added to the duration.
 *
 * One wrk2 has one target, so there is one process for each, and each gets its share of rate and connections.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import type { LoadEngine, LoadOptions, LoadResult } from './engine.ts';
import { sumOf } from './histogram.ts';
import { cutOff, notSent } from './ledger.ts';
import type { StatusCount, Totals, Workload } from './result.ts';
import { parseWrk2Output, type Wrk2Part } from './wrk2-output.ts';

export interface Wrk2 {
  readonly path: string;
  /** What it says of itself. */
  readonly version: string;
}

const scripts = fileURLToPath(new URL('../../../scripts/', import.meta.url));
const calibrationMs = 10_000;
const connectMs = 5;
const threadsMax = 8;

/** wrk2 at `path`, or on PATH. Throws `bad-setting` where it is needed and not there, or where `path` is something else. */
export function findWrk2(path: string | undefined, { isNeeded }: { readonly isNeeded: boolean }): Wrk2 | undefined {
  if (path !== undefined) {
    const found = recognise(path);
    if (found !== undefined) return found;
    throw new KvorumError('bad-setting', `Bad --wrk2 "${path}": expected wrk2, a program with the option -R, --rate`);
  }
  const found = recognise('wrk2') ?? recognise('wrk');
  if (found !== undefined || !isNeeded) return found;
  throw new KvorumError(
    'bad-setting',
    'No wrk2 found: neither "wrk2" nor "wrk" on PATH has the option -R; install it, give its path with --wrk2, or take --engine built-in',
  );
}

export function wrk2Engine(wrk2: Wrk2, { timeoutMs }: { readonly timeoutMs: number }): LoadEngine {
  return { name: 'wrk2', run: (workload, options = {}) => runAll(wrk2, workload, { ...options, timeoutMs }) };
}

function recognise(path: string): Wrk2 | undefined {
  const { stdout, stderr, error } = spawnSync(path, ['-v'], { encoding: 'utf8', timeout: 5000 });
  if (error !== undefined) return undefined;
  const said = `${stdout}${stderr}`;
  if (!/^\s*-R, --rate\b/m.test(said)) return undefined;
  return { path, version: /^(.*?)\s*(?:Copyright|$)/m.exec(said)?.[1] ?? path };
}

interface RunOptions extends LoadOptions {
  readonly timeoutMs: number;
}

async function runAll(wrk2: Wrk2, workload: Workload, options: RunOptions): Promise<LoadResult> {
  const shares = sharesOf(workload);
  const warmupMs = Math.max(...shares.map(calibrationMsOf));
  const startedAt = new Date(Date.now() + warmupMs).toISOString();
  const measuring = setTimeout(() => options.onMeasuring?.(), warmupMs);
  try {
    const parts = await Promise.all(shares.map((share) => runOne(wrk2, share, options)));
    return resultOf(wrk2, workload, { parts, startedAt, cutShort: options.signal?.aborted === true });
  } finally {
    clearTimeout(measuring);
  }
}

/** The part of the workload that one target gets. */
interface Share extends Workload {
  readonly url: string;
  readonly threads: number;
}

function sharesOf(workload: Workload): Share[] {
  const { targets, connections, rate } = workload;
  return targets.map((url, index) => {
    const own = Math.floor(connections / targets.length) + (index < connections % targets.length ? 1 : 0);
    return { ...workload, url, connections: own, rate: rate / targets.length, threads: threadsFor(own) };
  });
}

/** wrk2 gives each thread the same number of connections and drops the rest. */
function threadsFor(connections: number): number {
  let threads = Math.min(threadsMax, availableParallelism(), connections);
  while (connections % threads !== 0) threads--;
  return threads;
}

function calibrationMsOf({ connections, threads }: Share): number {
  return calibrationMs + (connectMs * connections) / threads;
}

/** What wrk2 is called with; everything after `--` is for the script. */
function argumentsOf(share: Share, timeoutMs: number): string[] {
  const { url, threads, connections, rate, durationMs, op, keys, valueBytes, distribution, readShare, seed } = share;
  const seconds = Math.ceil((durationMs + calibrationMsOf(share)) / 1000);
  const quorum = [
    ...(share.ack === null ? [] : [`ack=${share.ack}`]),
    ...(share.from === null ? [] : [`from=${share.from}`]),
  ].join('&');
  const load = ['-t', `${threads}`, '-c', `${connections}`, '-d', `${seconds}s`, '-R', `${wholeRate(rate)}`];
  const recorded = ['--timeout', `${Math.ceil(timeoutMs / 1000)}s`, '--u_latency', '-s', `${scripts}${op}.lua`];
  const forScript = [`${keys}`, `${valueBytes}`, distribution, quorum, `${readShare}`, `${seed}`];
  return [...load, ...recorded, url, '--', ...forScript];
}

/** wrk2 takes no other. */
function wholeRate(rate: number): number {
  return Math.max(1, Math.round(rate));
}

async function runOne({ path }: Wrk2, share: Share, { signal, timeoutMs }: RunOptions): Promise<Wrk2Part> {
  if (!existsSync(scripts)) throw new KvorumError('worker-failed', `Cannot find the scripts for wrk2 in "${scripts}"`);
  // A group of its own: a Ctrl-C in the terminal is for the command, which then tells wrk2.
  const child = spawn(path, argumentsOf(share, timeoutMs), {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, KVORUM_STATUSES_AFTER_MS: String(calibrationMsOf(share)) },
  });
  const stop = (): void => void child.kill('SIGINT');
  const stopAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', stopAtExit);
  signal?.addEventListener('abort', stop);
  if (signal?.aborted === true) stop();
  try {
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), ended(child)]);
    if (child.exitCode !== 0) throw failure(share.url, stderr || stdout);
    if (stderr.includes('.lua')) throw new KvorumError('worker-failed', `wrk2 failed: ${stderr.trim()}`);
    return parseWrk2Output(stdout, calibrationMsOf(share) / 1000);
  } finally {
    process.off('exit', stopAtExit);
    signal?.removeEventListener('abort', stop);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function failure(url: string, said: string): KvorumError {
  const [last = 'it said nothing'] = said.trim().split('\n').slice(-1);
  const isUnreachable = /unable to (?:connect|resolve)/.test(said);
  if (isUnreachable) return new KvorumError('node-unreachable', `Cannot reach ${url}: ${last}`);
  return new KvorumError('worker-failed', `wrk2 failed: ${last}`);
}

interface Parts {
  readonly parts: readonly Wrk2Part[];
  readonly startedAt: string;
  readonly cutShort: boolean;
}

function resultOf({ version }: Wrk2, workload: Workload, { parts, startedAt, cutShort }: Parts): LoadResult {
  const statuses = new Map<string, number>();
  const add = (status: string, count: number): unknown =>
    count > 0 && statuses.set(status, (statuses.get(status) ?? 0) + count);
  for (const part of parts) for (const { status, count } of part.statuses) add(status, count);
  const seconds = Math.max(...parts.map((part) => part.seconds));
  const completed = parts.reduce((sum, { latency }) => sum + latency.count, 0);
  const due = Math.max(completed, Math.round(workload.rate * seconds));
  const lost = parts.reduce((sum, part) => sum + part.unanswered, 0);
  const unsent = Math.max(0, due - completed - lost);
  add(cutShort ? cutOff : notSent, unsent);
  const targets = parts.map((part, index) => ({
    url: workload.targets[index] as string,
    completed: part.latency.count,
    failed: failedIn(part.statuses, workload),
    unanswered: part.unanswered,
    latency: part.latency,
  }));
  const totals: Totals = {
    due,
    completed,
    failed: targets.reduce((sum, { failed }) => sum + failed, 0),
    unanswered: lost,
    notSent: cutShort ? 0 : unsent,
    cut: cutShort ? unsent : 0,
    // wrk2 counts neither late starts nor what waits.
    lateStarts: 0,
    pendingMax: unsent,
    seconds,
    rate: seconds === 0 ? 0 : completed / seconds,
  };
  const service = parts.every((part) => part.service !== null)
    ? sumOf(parts.flatMap((part) => (part.service === null ? [] : [part.service])))
    : null;
  const generator = {
    engine: 'wrk2' as const,
    version,
    cpuSeconds: null,
    utilization: null,
    delayMsP99: null,
    delayMsMax: null,
  };
  return {
    startedAt,
    cutShort,
    totals,
    latency: sumOf(targets.map(({ latency }) => latency)),
    service,
    statuses: [...statuses].map(([status, count]) => ({ status, count })),
    targets,
    seconds: [],
    generator,
    saturated: null,
  };
}

/** 404 is an answer to a GET. */
function failedIn(statuses: readonly StatusCount[], { op }: Workload): number {
  const reads = op === 'get' || op === 'mixed';
  return statuses.reduce((sum, { status, count }) => {
    const isFailure = /^\d+$/.test(status) && !status.startsWith('2') && !(reads && status === '404');
    return sum + (isFailure ? count : 0);
  }, 0);
}
