/**
 * Records the lock profile of running processes with `perf`: entries into the futex system call with their stacks, exits
 * without. Not `strace -f`, which costs five times the throughput.
 *
 * perf needs root (or a kernel that lets others trace) and tracefs, which it mounts by itself. Whatever is missing is
 * found by trying, so that the reason given is perf's own.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import type { RecordOptions } from '../capture/record.ts';
import { PerfScriptParser } from './perf-script.ts';
import { LockTally } from './profile.ts';
import type { LockProfile, WatchedProcess } from '../result/locks.ts';

export type LockAvailability = { readonly available: true } | { readonly available: false; readonly reason: string };

/** Some 60,000 calls with their stacks; what comes after is not recorded. */
const fileSizeMax = '64M';
const durationMsMax = 120_000;
/** perf without answer is perf that hangs: a check takes well under a second, reading a full file some 20 s. */
const checkMsMax = 10_000;
const stopMsMax = 20_000;
const readMsMax = 120_000;

/** Exits need no stack; the entry has shown it. The frames of a deep JavaScript stack are cut at its root. */
const events = [
  '-e',
  'syscalls:sys_enter_futex/call-graph=fp,max-stack=64/',
  '-e',
  'syscalls:sys_exit_futex/call-graph=no/',
];

/** Whether locks can be profiled here; if not, why, in perf's own words where perf is there. */
export async function lockProfileAvailability(environment: NodeJS.ProcessEnv = process.env): Promise<LockAvailability> {
  if (process.platform !== 'linux')
    return { available: false, reason: `perf is of Linux, this is ${process.platform}` };
  const directory = await mkdtemp(join(tmpdir(), 'kvorum-perf-'));
  try {
    const file = join(directory, 'perf.data');
    const perf = spawn('perf', ['record', '-o', file, ...quiet, ...events, '--', 'true'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: environment,
      timeout: checkMsMax,
    });
    const said = await saidBy(perf);
    if (said.code === 0) return { available: true };
    return { available: false, reason: reasonOf(said) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Records the processes and resolves to their lock profile. Throws `profile-failed` where perf cannot; ask
 * `lockProfileAvailability` first.
 */
export async function recordLocks(processes: readonly WatchedProcess[], options: RecordOptions): Promise<LockProfile> {
  const directory = await mkdtemp(join(tmpdir(), 'kvorum-perf-'));
  try {
    const file = join(directory, 'perf.data');
    await recordTo(file, processes, options);
    return await readProfile(file, processes);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** `-N`: perf must not fill its cache in the home directory with copies of node. */
const quiet = ['-q', '-N'];

async function recordTo(
  file: string,
  processes: readonly WatchedProcess[],
  { durationMs, signal, onRecording }: RecordOptions,
): Promise<void> {
  const pids = processes.map(({ pid }) => pid).join(',');
  const bounds = ['--max-size', fileSizeMax, '-m', '4M', '-p', pids];
  const boundedMs = Math.min(durationMs, durationMsMax);
  // perf ends when the command that it is given ends.
  const until = ['--', 'sleep', String(boundedMs / 1000)];
  const perf = spawn('perf', ['record', '-o', file, ...quiet, ...bounds, ...events, ...until], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: boundedMs + stopMsMax,
  });
  const ended = saidBy(perf);
  const stop = (): void => void perf.kill('SIGINT');
  signal?.addEventListener('abort', stop);
  try {
    await begun(file, ended);
    if (signal?.aborted === true) stop();
    onRecording?.();
    const said = await ended;
    if (!(await exists(file))) throw failed(reasonOf(said));
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
    await ended;
  }
}

/** perf writes the head of its file once it has opened its events. */
async function begun(file: string, ended: Promise<Said>): Promise<void> {
  let isOver = false;
  const over = ended.then(() => (isOver = true));
  while (!isOver && !(await exists(file))) {
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  if (isOver) throw failed(reasonOf(await ended));
}

async function readProfile(file: string, processes: readonly WatchedProcess[]): Promise<LockProfile> {
  const fields = 'comm,pid,tid,cpu,time,event,trace,ip,sym,dso';
  const perf = spawn('perf', ['script', '-i', file, '--ns', '--show-lost-events', '--no-inline', '-F', fields], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: readMsMax,
  });
  const ended = saidBy(perf);
  const tally = new LockTally();
  const parser = new PerfScriptParser();
  for await (const line of createInterface({ input: perf.stdout, crlfDelay: Infinity })) {
    for (const event of parser.take(line)) tally.take(event);
  }
  for (const event of parser.end()) tally.take(event);
  const said = await ended;
  if (said.code !== 0) throw failed(reasonOf(said));
  return tally.profile(processes);
}

interface Said {
  readonly code: number | null;
  readonly stderr: string;
}

async function saidBy(perf: ChildProcess): Promise<Said> {
  const stderr = perf.stderr === null ? Promise.resolve('') : text(perf.stderr);
  try {
    await once(perf, 'close');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { code: null, stderr: isMissing ? 'perf is not installed' : messageOf(error) };
  }
  return { code: perf.exitCode, stderr: await stderr };
}

/** perf explains at length; the first line that says something is the reason. */
function reasonOf({ code, stderr }: Said): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const reason = lines.find(
    (line) => line !== '' && !/^(?:event syntax error|\\___|WARNING|Usage:|Error:$)/i.test(line),
  );
  const detail = lines.find((line) => line.startsWith('\\___'))?.replace(/^\\_+ /, '');
  return detail ?? reason ?? `perf ended with ${code ?? 'a signal'}`;
}

function failed(reason: string): KvorumError {
  return new KvorumError('profile-failed', `Cannot record locks with perf: ${reason}`);
}

async function exists(file: string): Promise<boolean> {
  try {
    return (await stat(file)).size > 0;
  } catch {
    return false;
  }
}
