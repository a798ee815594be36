/**
 * `perf` on running processes, where the system permits it, which takes root or a kernel that lets others trace: the CPU of
 * all threads, native ones and the kernel included, and (locks/record.ts) their calls into the kernel.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { readPerfScript, type PerfLost, type PerfSample } from './perf-script.ts';
import type { RecordOptions } from './record.ts';

/** What perf is to record. */
export interface PerfOrder {
  /** For refusals: `locks`. */
  readonly name: string;
  /** Arguments of `perf record`. */
  readonly events: readonly string[];
  /** What comes after that much is not recorded. */
  readonly fileSizeMax: string;
  /** What `perf script` is to print. */
  readonly fields: string;
}

/** What perf has recorded and nobody has read yet. */
export interface PerfData extends Disposable {
  /** To be read once; takes longer than recording. Throws `profile-failed`. */
  readonly events: AsyncIterable<PerfSample | PerfLost>;
}

/** `-N`: perf must not fill its cache in the home directory with copies of node. */
const quiet = ['-q', '-N'];
const durationMsMax = 120_000;
/** perf without an answer is perf that hangs: a trial takes well under a second, reading a full file some 20 s. */
const trialMsMax = 20_000;
const stopMsMax = 20_000;
const readMsMax = 180_000;

/** Why perf cannot record this here, in its own words where it is there; undefined where it can: found out by a trial. */
export async function perfObstacle(
  { events }: PerfOrder,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  if (process.platform !== 'linux') return `perf is of Linux, this is ${process.platform}`;
  const directory = mkdtempSync(join(tmpdir(), 'kvorum-perf-'));
  try {
    const args = ['record', '-o', join(directory, 'trial.data'), ...quiet, ...events, '--', 'true'];
    const perf = spawn('perf', args, { stdio: ['ignore', 'ignore', 'pipe'], env: environment, timeout: trialMsMax });
    const said = await saidBy(perf);
    return said.code === 0 ? undefined : reasonOf(said);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Records the processes. Throws `profile-failed`. Whoever calls disposes of the data. */
export async function recordPerf(order: PerfOrder, pids: readonly number[], options: RecordOptions): Promise<PerfData> {
  const directory = mkdtempSync(join(tmpdir(), 'kvorum-perf-'));
  const dispose = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    const file = join(directory, 'perf.data');
    await recordTo(file, order, pids, options);
    return { events: eventsOf(file, order), [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

async function recordTo(
  file: string,
  order: PerfOrder,
  pids: readonly number[],
  { durationMs, signal, onRecording }: RecordOptions,
): Promise<void> {
  const boundedMs = Math.min(durationMs, durationMsMax);
  const bounds = ['--max-size', order.fileSizeMax, '-m', '4M', '-p', pids.join(',')];
  // perf ends when the command that it is given ends.
  const until = ['--', 'sleep', String(boundedMs / 1000)];
  const perf = spawn('perf', ['record', '-o', file, ...quiet, ...bounds, ...order.events, ...until], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: boundedMs + stopMsMax,
  });
  const ended = saidBy(perf);
  const stop = (): void => void perf.kill('SIGINT');
  signal?.addEventListener('abort', stop);
  try {
    if (!(await begun(file, ended))) throw failed(order, await ended);
    if (signal?.aborted === true) stop();
    onRecording?.();
    const said = await ended;
    if (!hasData(file)) throw failed(order, said);
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
    await ended;
  }
}

/** perf writes the head of its file once it has opened its events. False where it ends before. */
async function begun(file: string, ended: Promise<Said>): Promise<boolean> {
  let isOver = false;
  const over = ended.then(() => (isOver = true));
  while (!isOver && !hasData(file)) await Promise.race([over, setTimeout(20)]);
  return !isOver;
}

async function* eventsOf(file: string, order: PerfOrder): AsyncGenerator<PerfSample | PerfLost> {
  const args = ['script', '-i', file, '--ns', '--show-lost-events', '--no-inline', '-F', order.fields];
  const perf = spawn('perf', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: readMsMax });
  const ended = saidBy(perf);
  yield* readPerfScript(createInterface({ input: perf.stdout, crlfDelay: Infinity }));
  const said = await ended;
  if (said.code !== 0) throw failed(order, said);
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

function failed({ name }: PerfOrder, said: Said): KvorumError {
  return new KvorumError('profile-failed', `Cannot record ${name} with perf: ${reasonOf(said)}`);
}

function hasData(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
