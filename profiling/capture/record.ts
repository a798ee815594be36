/**
 * Records all nodes of a cluster at once, and beside what their threads say of themselves what the system accounts to
 * them: V8 samples wall time of its own threads only, so how much of it was CPU, and what threads without JavaScript
 * used (libuv's, LMDB's, V8's helpers), is asked of `/proc/PID/task`.
 *
 * The window of the accounts and of the request counts lies within the recording's own, so that switching it on and off
 * counts for nothing.
 */
import { setTimeout } from 'node:timers/promises';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import type { ProfilerState, Recording, RecordingKind } from '../../src/waits/recording.ts';
import {
  accountBetween,
  isNodeProcess,
  readProcess,
  sumOfAccounts,
  type ProcessAccount,
  type ThreadAccount,
} from '../cluster/process-accounts.ts';
import {
  requestCounts,
  startRecording,
  stopRecording,
  type ProfileTarget,
  type RequestCounts,
} from './profile-client.ts';

export interface RecordOptions {
  readonly durationMs: number;
  /** Ends the recording early; what was recorded so far is the result. */
  readonly signal?: AbortSignal;
  /** All nodes record: the window has begun. */
  readonly onRecording?: () => void;
}

export interface NodeRecording {
  /** `n1`. */
  readonly node: string;
  readonly recording: Recording;
  /** Of the requests and accounts. */
  readonly windowMs: number;
  /** Requests that the node has answered in the window, by method. */
  readonly requests: RequestCounts;
  /** What the system accounts to `main`, `worker 1`, ... and `native`; null where the node runs elsewhere. */
  readonly accounts: ReadonlyMap<string, ThreadAccount> | null;
}

/** CPU profiles. The interval is microseconds; 1,000 where none is given. */
export function recordCpu(
  targets: readonly ProfileTarget[],
  { intervalUs, ...options }: RecordOptions & { readonly intervalUs?: number },
): Promise<NodeRecording[]> {
  return record(targets, 'cpu', { ...options, interval: intervalUs });
}

/** Allocation profiles. The interval is bytes; 131,072 where none is given. */
export function recordHeap(
  targets: readonly ProfileTarget[],
  { intervalBytes, ...options }: RecordOptions & { readonly intervalBytes?: number },
): Promise<NodeRecording[]> {
  return record(targets, 'heap', { ...options, interval: intervalBytes });
}

/** Collections, and bytes allocated on the heap and off it. */
export function recordGc(targets: readonly ProfileTarget[], options: RecordOptions): Promise<NodeRecording[]> {
  return record(targets, 'gc', { ...options, interval: undefined });
}

/** Promises made. In a run of its own: the hook costs. */
export function recordPromises(targets: readonly ProfileTarget[], options: RecordOptions): Promise<NodeRecording[]> {
  return record(targets, 'promises', { ...options, interval: undefined });
}

/** Entity requests of all nodes in their windows. */
export function requestsOf(recordings: readonly NodeRecording[]): number {
  return recordings.reduce((sum, { requests }) => sum + sumOf(Object.values(requests)), 0);
}

/** What one look at a node sees. */
interface Look {
  readonly atMs: number;
  readonly requests: RequestCounts;
  readonly account: ProcessAccount | null;
}

async function record(
  targets: readonly ProfileTarget[],
  kind: RecordingKind,
  options: RecordOptions & { readonly interval: number | undefined },
): Promise<NodeRecording[]> {
  const { durationMs, interval, signal, onRecording } = options;
  const states = await startAll(targets, kind, interval);
  const pids = states.map(({ pid }) => pid);
  let recordings: Recording[];
  let looks: [Look[], Look[]];
  try {
    assertShorter(durationMs, states);
    const before = await lookAll(targets, pids);
    onRecording?.();
    await pause(durationMs, signal);
    looks = [before, await lookAll(targets, pids)];
  } finally {
    // Also where a node fails in between: none is left recording.
    recordings = await stopAll(targets);
  }
  return recordings.map((recording, index) => {
    const [before, after] = [looks[0][index] as Look, looks[1][index] as Look];
    return {
      node: targets[index]?.name ?? '',
      recording,
      windowMs: after.atMs - before.atMs,
      requests: countsBetween(before.requests, after.requests),
      accounts: accountsOf(recording, before.account, after.account),
    };
  });
}

/** Starts on all nodes or on none: where one refuses, the others are stopped. */
export async function startAll(
  targets: readonly ProfileTarget[],
  kind: RecordingKind,
  interval?: number,
): Promise<ProfilerState[]> {
  const starts = await Promise.allSettled(targets.map((target) => startRecording(target, kind, interval)));
  const refused = starts.find((start) => start.status === 'rejected');
  if (refused === undefined) return starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const started = targets.filter((_, index) => starts[index]?.status === 'fulfilled');
  await Promise.allSettled(started.map(stopRecording));
  throw refused.reason;
}

/** A recording that outlasts the node's bound is thrown away there, so that is said before it begins. */
export function assertShorter(durationMs: number, states: readonly ProfilerState[]): void {
  const durationMsMax = Math.min(...states.map((state) => state.durationMsMax));
  if (durationMs < durationMsMax) return;
  const detail = `the nodes end recordings after ${durationMsMax} ms; raise their --profile-ms-max`;
  throw new KvorumError('profile-failed', `Cannot record for ${durationMs} ms: ${detail}`);
}

async function stopAll(targets: readonly ProfileTarget[]): Promise<Recording[]> {
  const stops = await Promise.allSettled(targets.map(stopRecording));
  return stops.map((stop) => {
    if (stop.status === 'rejected') throw stop.reason;
    return stop.value;
  });
}

function lookAll(targets: readonly ProfileTarget[], pids: readonly number[]): Promise<Look[]> {
  return Promise.all(
    targets.map(async (target, index) => {
      const requests = await requestCounts(target);
      return { atMs: performance.now(), requests, account: readProcess(pids[index] ?? 0) };
    }),
  );
}

export async function pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await setTimeout(durationMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

function countsBetween(before: RequestCounts, after: RequestCounts): RequestCounts {
  return Object.fromEntries(
    Object.entries(after).map(([method, count]) => [method, Math.max(0, count - (before[method] ?? 0))]),
  );
}

/** By thread; null where the process of that number is not the node's, as behind a forwarded port. */
function accountsOf(
  { pid, threads }: Recording,
  before: ProcessAccount | null,
  after: ProcessAccount | null,
): Map<string, ThreadAccount> | null {
  const names = new Map(threads.map(({ osThreadId, thread }) => [osThreadId ?? 0, thread]));
  if (before === null || after === null || !isNodeProcess(pid, [...names.keys()])) return null;
  const byName = new Map<string, ThreadAccount[]>([...names.values(), 'native'].map((name) => [name, []]));
  for (const [id, account] of after.threads) {
    byName.get(names.get(id) ?? 'native')?.push(accountBetween(before.threads.get(id), account));
  }
  return new Map([...byName].map(([name, accounts]) => [name, sumOfAccounts(accounts)]));
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
