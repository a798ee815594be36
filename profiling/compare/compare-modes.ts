/**
 * Compares the modes: a cluster for each, all of them up and filled from the start to the end, so that runs can go from
 * one to the other without a pause and each finds its cluster as warm as the others find theirs.
 *
 * That costs memory (about 100 MB a node) and a little CPU: what idle clusters take is measured before the first run and
 * stands in the result, so that a reader can judge it. Starting each cluster anew for each run would cost more: seconds a
 * run, and code that V8 has not compiled yet, which is slower than warm code by more than the modes differ in part.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { startLocalCluster, type LocalCluster } from '../cluster/local-cluster.ts';
import { observeNodes } from '../cluster/observer.ts';
import { peerEnvironment, runBench } from '../load/bench.ts';
import type { Peer } from '../load/peer.ts';
import { benchEnvironment } from '../load/environment.ts';
import { fillLineMs, type FillProgress } from '../load/fill-progress.ts';
import { fillKeys } from '../load/fill.ts';
import type { BenchEnvironment, Workload } from '../load/result.ts';
import { perSecond } from '../load/verdict.ts';
import { runComparison, type CompareEvent, type Measured, type RunFailure, type RunOrder } from './comparison.ts';
import { compareSchema, type CompareResult, type CompareSettings, type Subject } from '../result/compare.ts';
import { compareSteps, neighbours, summarise } from './summary.ts';

export interface CompareModesOptions {
  readonly modes: readonly string[];
  /** Other stores, which run already; their keys are written over. */
  readonly peers?: readonly Peer[];
  readonly settings: CompareSettings;
  /** Where the clusters keep their data until the end; undefined: the system's temporary directory. */
  readonly dataDirectory: string | undefined;
  /** A cluster that accepts nothing for so long while it is filled is left out. */
  readonly fillTimeoutMs: number;
  readonly command: string;
  /** Default: real nodes. */
  readonly startCluster?: typeof startLocalCluster;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ModesEvent) => void;
  /** Called with the clusters while they still run, unless the comparison ended early. */
  readonly afterwards?: (clusters: readonly ComparedCluster[], result: CompareResult) => Promise<CompareResult>;
}

/** A cluster that was compared, warm and filled. */
export interface ComparedCluster {
  readonly mode: string;
  readonly cluster: LocalCluster;
}

export type ModesEvent =
  | CompareEvent
  | { readonly kind: 'started'; readonly mode: string }
  | { readonly kind: 'filling'; readonly mode: string; readonly progress: FillProgress }
  | { readonly kind: 'left-out'; readonly reason: string }
  | { readonly kind: 'idle'; readonly subjects: readonly Subject[] };

export interface Compared {
  readonly result: CompareResult;
  /** The first run or profile that failed, or what kept a mode out; undefined where nothing did. */
  readonly failure: unknown;
}

const idleMs = 2000;

interface Contender {
  readonly name: string;
  readonly urls: readonly string[];
  readonly environment: BenchEnvironment;
  /** A cluster of ours, or another store. */
  readonly runs: LocalCluster | Peer;
}

/** A mode that does not start or cannot be filled is left out. Throws `KvorumError` where that leaves none. */
export async function compareModes(options: CompareModesOptions): Promise<Compared> {
  const startedAt = new Date().toISOString();
  const directory = makeDirectory(options.dataDirectory ?? tmpdir());
  const contenders: Contender[] = [];
  try {
    const leftOut = await startAll(options, directory, contenders);
    if (contenders.length === 0 && leftOut.length > 0) throw leftOut[0];
    const subjects = await idleSubjects(contenders, options.signal);
    options.onEvent?.({ kind: 'idle', subjects });
    const measured = await runComparison({
      ...options,
      subjects: subjects.map(({ name }) => name),
      measure: (order) => measureRun(order, contenders, options),
    });
    const failures = [...leftOut, ...measured.failures.map(namingRun)];
    const result = resultOf(measured, { ...options, startedAt, subjects, failures: failures.map(messageOf) });
    return await finished({ result, failure: failures[0] }, contenders, options);
  } finally {
    await Promise.all(clustersOf(contenders).map(({ cluster }) => cluster[Symbol.asyncDispose]()));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What is to come after a whole comparison; where that fails, the comparison is still there. */
async function finished(
  compared: Compared,
  contenders: readonly Contender[],
  { afterwards }: CompareModesOptions,
): Promise<Compared> {
  const { result, failure } = compared;
  if (result.cutShort || afterwards === undefined) return compared;
  const told = await afterwards(clustersOf(contenders), result).catch((error: unknown) => withFailure(result, error));
  const news = (told.failures ?? []).slice(result.failures?.length ?? 0);
  return { result: told, failure: failure ?? news.map((text) => new KvorumError('profile-failed', text))[0] };
}

/** Adds each cluster that is up and filled to `contenders`; the result says why the others are not. */
async function startAll(options: CompareModesOptions, directory: string, contenders: Contender[]): Promise<unknown[]> {
  const leftOut: unknown[] = [];
  for (const mode of options.modes) {
    if (options.signal?.aborted === true) break;
    try {
      contenders.push(await startOne(mode, options, join(directory, mode)));
    } catch (error) {
      // One shared disk may be full: what cannot be compared takes no room from the others.
      rmSync(join(directory, mode), { recursive: true, force: true });
      const named = namingMode(mode, error);
      leftOut.push(named);
      options.onEvent?.({ kind: 'left-out', reason: messageOf(named) });
    }
  }
  for (const peer of options.peers ?? []) {
    if (options.signal?.aborted === true) break;
    // A peer that is not there would be compared with nothing: better told now than after half an hour.
    contenders.push(await openPeer(peer, options));
  }
  return leftOut;
}

async function openPeer(peer: Peer, options: CompareModesOptions): Promise<Contender> {
  const name = peer.protocol.kind;
  try {
    const environment = await peerEnvironment(peer);
    options.onEvent?.({ kind: 'started', mode: name });
    await fill(name, { targets: [peer.url], protocol: peer.protocol }, options);
    return { name, urls: [peer.url], environment, runs: peer };
  } catch (error) {
    throw namingMode(name, error);
  }
}

function clustersOf(contenders: readonly Contender[]): ComparedCluster[] {
  return contenders.flatMap(({ name, runs }) => ('nodes' in runs ? [{ mode: name, cluster: runs }] : []));
}

async function fill(
  mode: string,
  to: Pick<Workload, 'targets' | 'protocol'>,
  { settings, signal, fillTimeoutMs: timeoutMs, onEvent }: CompareModesOptions,
): Promise<void> {
  const { connections, keys, valueBytes, ack, from } = settings;
  await fillKeys(
    { ...to, connections, keys, valueBytes, ack, from, seed: 0 },
    {
      ...(signal && { signal }),
      timeoutMs,
      progressMs: fillLineMs,
      onProgress: (progress) => onEvent?.({ kind: 'filling', mode, progress }),
    },
  );
}

async function startOne(mode: string, options: CompareModesOptions, directory: string): Promise<Contender> {
  const { settings, startCluster = startLocalCluster, onEvent } = options;
  const flags = ['--mode', mode, '--durability', settings.durability];
  const cluster = await startCluster({ count: settings.nodes, flags, directory });
  try {
    onEvent?.({ kind: 'started', mode });
    const urls = cluster.nodes.map(({ url }) => url);
    await fill(mode, { targets: urls }, options);
    return { name: mode, urls, environment: await benchEnvironment(urls[0] ?? ''), runs: cluster };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

function namingRun({ order: { subject, op, rate }, error }: RunFailure): KvorumError {
  return namingMode(`${subject}, ${op} at ${perSecond(rate)}`, error);
}

function namingMode(mode: string, error: unknown): KvorumError {
  const code = error instanceof KvorumError ? error.code : 'worker-failed';
  return new KvorumError(code, `${mode}: ${messageOf(error)}`, { cause: error });
}

/** What every cluster takes while nobody asks it anything; all of them at the same time. */
async function idleSubjects(contenders: readonly Contender[], signal: AbortSignal | undefined): Promise<Subject[]> {
  const observers = await Promise.all(contenders.map(({ urls, runs }) => observeNodes('nodes' in runs ? urls : [])));
  const startedMs = performance.now();
  await Promise.all(observers.map((observer) => observer.begin()));
  const isWhole = await setTimeout(idleMs, true, { ...(signal && { signal }) }).catch(() => false);
  const observations = await Promise.all(observers.map((observer) => observer.end()));
  const seconds = (performance.now() - startedMs) / 1000;
  return contenders.map(({ name, environment, runs }, index) => {
    const threads = (observations[index] ?? []).map((node) => node.threads);
    const cpuUs = threads.flatMap((all) => all ?? []).reduce((sum, thread) => sum + thread.cpuUs, 0);
    const isKnown = isWhole && threads.length > 0 && !threads.includes(null);
    const source = 'nodes' in runs ? name : runs.url;
    return { name, source, environment, idleCpuMsPerSecond: isKnown ? cpuUs / 1000 / seconds : null };
  });
}

/** What the settings say of every load that is put on a cluster. */
export function commonLoad(
  settings: CompareSettings,
): Omit<Workload, 'op' | 'rate' | 'durationMs' | 'targets' | 'seed'> {
  const { readShare, arrival, connections, warmupMs, keys, distribution, valueBytes, ack, from } = settings;
  return { readShare, arrival, connections, warmupMs, keys, distribution, valueBytes, ack, from };
}

/** Of a cluster's URLs, those that get the load. */
export function targetsOf({ targets }: CompareSettings, urls: readonly string[]): readonly string[] {
  return targets === 'one' ? urls.slice(0, 1) : urls;
}

async function measureRun(order: RunOrder, contenders: readonly Contender[], options: CompareModesOptions) {
  const { settings, signal, command } = options;
  const { subject, op, rate } = order;
  const { urls = [], runs } = contenders.find(({ name }) => name === subject) ?? {};
  const { durationMs, seed } = order;
  const targets = targetsOf(settings, urls);
  const protocol = runs !== undefined && 'protocol' in runs ? { protocol: runs.protocol } : {};
  const workload = { ...commonLoad(settings), op, rate, durationMs, targets, seed, ...protocol };
  return runBench(workload, { label: `${subject} ${op} ${perSecond(rate)}`, command, ...(signal && { signal }) });
}

function withFailure(result: CompareResult, error: unknown): CompareResult {
  return { ...result, failures: [...(result.failures ?? []), messageOf(error)] };
}

function resultOf(
  { searches, runs, cutShort }: Measured,
  made: CompareModesOptions & Pick<CompareResult, 'startedAt' | 'subjects'> & { readonly failures: readonly string[] },
): CompareResult {
  const { startedAt, command, settings, subjects, failures } = made;
  const summary = summarise(runs);
  return {
    schema: compareSchema,
    startedAt,
    command,
    cutShort,
    ...(failures.length > 0 && { failures }),
    settings,
    subjects,
    searches,
    runs,
    summary,
    steps: compareSteps(pairsOf(made), summary, searches),
  };
}

/** Each mode with the one before it, and each peer with the last mode. */
function pairsOf({ subjects, peers = [] }: Pick<CompareModesOptions, 'peers'> & Pick<CompareResult, 'subjects'>) {
  const isPeer = (name: string): boolean => peers.some(({ protocol }) => protocol.kind === name);
  const names = subjects.map(({ name }) => name);
  const own = names.filter((name) => !isPeer(name));
  const last = own.at(-1);
  return [
    ...neighbours(own),
    ...names.filter(isPeer).flatMap((name) => (last === undefined ? [] : [[last, name] as const])),
  ];
}

/** The directory goes when the clusters are gone. */
function makeDirectory(parent: string): string {
  try {
    return mkdtempSync(join(parent, 'kvorum-compare-'));
  } catch (error) {
    const message = `Cannot make a directory in "${parent}": ${messageOf(error)}`;
    throw new KvorumError('store-unusable', message, { cause: error });
  }
}
