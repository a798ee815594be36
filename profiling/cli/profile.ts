/**
 * `kvorum profile`: where the CPU, the allocation and the waiting of a cluster go. The measuring is done by
 * profiling/profile; here are flags, progress, files and exit codes.
 */
import { join } from 'node:path';
import type { InstrumentName, ProfileResult } from '../result/profile.ts';
import type { ProfiledNode } from '../profile/instruments.ts';
import type { ProfileEvent } from '../profile/run-profile.ts';
import { finder, type SettingSources } from '../../src/settings/sources.ts';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { nodeName } from '../../src/domain/topology.ts';
import type { Command, Invocation } from '../../src/cli/command.ts';
import { exitCodes, type ExitCode } from '../../src/cli/exit-codes.ts';
import { fitted, printable, writeNotice, writeResult } from '../../src/cli/output.ts';
import type { OutputFormat } from './output-files.ts';
import { profileProgress } from './profile-progress.ts';
import { assertWritable, writeFile } from './output-files.ts';
import { planProfile, profileOptions, type ProfilePlan } from './profile-options.ts';
import { stopSignal } from '../../src/cli/signals.ts';
import { plain } from '../result/quantity.ts';

export const profileCommand: Command = {
  name: 'profile',
  summary: 'Say where the CPU, the allocation and the waiting of a cluster go',
  usage: '[--op LIST] [--up N | --url URL,...] [--out DIR] [options] | --follow [--url URL,...] [--out DIR]',
  details:
    'Puts a constant load on a warm cluster and records it with one instrument at a time, each in a run of its own: ' +
    "V8's CPU and heap profilers in every thread, collections, promises, the waits of sampled operations, and where " +
    'they are permitted perf and futex waits. DIR gets a report with flame graphs (report.html), the tables ' +
    '(profile.md), all figures (profile.json) and the raw files, which Chrome DevTools and speedscope open. The other ' +
    'options are for the nodes of --up.',
  positionals: { min: 0, max: 0 },
  options: profileOptions,
  examples: [
    'kvorum profile --up 3 --out profile',
    'kvorum profile --up 3 --mode async --op put --rate 2000 --out async --baseline profile',
    'kvorum profile --url http://localhost:8080 --secret-file data/cluster-secret --no-fill --out live',
    'kvorum profile --up 3 --rate 2000 --out profile --junit profile.xml',
    'kvorum profile --up 3 --clinic flame,bubbleprof --out clinic',
    'kvorum profile --follow --url http://localhost:8080 --secret-file data/cluster-secret --out ring',
  ],
  run: profile,
};

/** For pages by clinic alone: what its slowest tool can take. */
const clinicRateDefault = 200;

async function profile({ flags, environment }: Invocation): Promise<ExitCode> {
  const plan = planProfile(flags, environment);
  // Loaded here, since the other commands need no part of it.
  const files = await import('../profile/profile-files.ts');
  const baseline = plan.baseline === undefined ? undefined : files.readBaseline(plan.baseline);
  const instruments = plan.follow === undefined ? await usableInstruments(plan) : [];
  const clinicProgram = await clinicOf(plan);
  const secret = await secretOf(plan, { flags, environment });
  files.makeProfileDirectory(plan.directory);
  assertWritable({ pprof: plan.pprofFile, junit: plan.junitFile });
  const stop = new AbortController();
  void stopSignal().then(() => {
    writeNotice('Stopping; what was measured is kept');
    stop.abort();
  });
  if (plan.follow !== undefined) return follow({ ...plan, ...plan.follow }, secret ?? '', stop.signal);
  const result = await measure({ ...plan, instruments, secret, clinicProgram }, stop.signal);
  const written = await files.writeProfile(plan.directory, result, baseline);
  for (const path of written) writeNotice(printable(`Wrote ${path}`));
  if (plan.pprofFile !== undefined) await writePprof(plan.pprofFile, plan.directory, result);
  if (plan.junitFile !== undefined) {
    const { profileJunit } = await import('../report/junit.ts');
    writeFile('junit', plan.junitFile, profileJunit(result));
  }
  await writeResult(await textOf(plan.output, result));
  return exitCodeOf(result);
}

async function textOf(output: OutputFormat, result: ProfileResult): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify(result)}\n`;
    case 'markdown':
      return (await import('../report/profile-report.ts')).profileMarkdown(result);
    case 'table':
      return summaryLines((await import('../report/profile-summary.ts')).profileSummary(result));
    default:
      return output satisfies never;
  }
}

/** Sentences keep the indent that they have where the terminal wraps them. */
function summaryLines(summary: string): string {
  const lines = printable(summary).trimEnd().split('\n');
  return lines.map((line) => fitted([line.trimStart()], line.startsWith(' ') ? '  ' : '')).join('');
}

/** Until it is stopped, which is its good end. */
async function follow(
  plan: ProfilePlan & { readonly sliceMs: number; readonly slicesMax: number },
  secret: string,
  signal: AbortSignal,
): Promise<ExitCode> {
  const [{ followCluster }, { sliceText, slowSlices }] = await Promise.all([
    import('../profile/follow.ts'),
    import('../report/follow-report.ts'),
  ]);
  if (plan.cluster.kind !== 'running')
    throw new KvorumError('bad-setting', '--follow records a cluster that runs: --url');
  const nodes = await runningNodes(plan.cluster.urls, secret);
  writeNotice(
    `Recording ${nodes.length} nodes in slices of ${plan.sliceMs / 1000} s into ${plan.directory}; Ctrl-C ends it`,
  );
  const slices = await followCluster({
    ...plan,
    nodes,
    signal,
    onSlice: (slice) => onProgress(plain(sliceText(slice))),
  });
  const slow = slowSlices(slices).map((slice) => `slow: ${plain(sliceText(slice))}, ${slice.directory}/report.html\n`);
  await writeResult(printable(`${slices.length} slices, ${join(plan.directory, 'index.html')}\n${slow.join('')}`));
  return exitCodes.ok;
}

async function writePprof(path: string, directory: string, { runs, startedAt }: ProfileResult): Promise<void> {
  const [{ pprofOf }, { readFlameSources }] = await Promise.all([
    import('../flame/pprof.ts'),
    import('../flame/flame-files.ts'),
  ]);
  const sources = runs.flatMap(({ op }) => readFlameSources(directory, op).map((source) => ({ ...source, op })));
  writeFile('pprof', path, pprofOf(sources, { startedMs: Date.parse(startedAt) }));
}

function exitCodeOf({ cutShort, runs, failures = [], clinic = [] }: ProfileResult): ExitCode {
  if (cutShort === true) return exitCodes.interrupted;
  const hasFailed =
    failures.length > 0 ||
    runs.some(({ failed = [] }) => failed.length > 0) ||
    clinic.some(({ path }) => path === null);
  return hasFailed ? exitCodes.failure : exitCodes.ok;
}

interface ReadyPlan extends ProfilePlan {
  /** Undefined where the nodes of --up keep one of their own. */
  readonly secret: string | undefined;
  /** Undefined where no page of clinic's is wanted. */
  readonly clinicProgram: string | undefined;
}

async function measure(plan: ReadyPlan, signal: AbortSignal): Promise<ProfileResult> {
  const { cluster, clinicProgram } = plan;
  if (cluster.kind === 'running')
    return measureNodes(plan, await runningNodes(cluster.urls, plan.secret ?? ''), signal);
  const result = await measureOwn(plan, cluster, signal);
  if (clinicProgram === undefined || result.cutShort === true) return result;
  const { clinicPages } = await import('../profile/clinic-pages.ts');
  const { clinic: tools, directory, workload, ops } = plan;
  const op = ops[0] ?? 'put';
  const rate = result.runs.find((run) => run.op === op)?.rateAsked ?? plan.rate ?? clinicRateDefault;
  const where = { program: clinicProgram, directory, nodeFlags: cluster.flags };
  const pages = await clinicPages({ ...where, tools, files: result.files, op, rate, workload, signal, onProgress });
  return { ...result, clinic: pages, cutShort: signal.aborted };
}

async function measureOwn(
  plan: ReadyPlan,
  cluster: Extract<ProfilePlan['cluster'], { kind: 'own' }>,
  signal: AbortSignal,
): Promise<ProfileResult> {
  const [{ startLocalCluster }, { clusterSecret }, perf] = await Promise.all([
    import('../cluster/local-cluster.ts'),
    import('../capture/profile-client.ts'),
    import('../capture/perf-recording.ts'),
  ]);
  writeNotice(`Starting ${cluster.count} nodes`);
  const environment = plan.instruments.includes('perf') ? { NODE_OPTIONS: perf.perfNodeOptions } : {};
  let leftBehind: readonly string[] = [];
  try {
    await using own = await startLocalCluster({ ...cluster, environment });
    const secret = plan.secret ?? clusterSecret({}, own.directory);
    const nodes = own.nodes.map(({ name, url, pid }) => ({ name, url, pid, secret }));
    leftBehind = perf.perfMaps(own.nodes.map(({ pid }) => pid));
    return await measureNodes(plan, nodes, signal);
  } finally {
    perf.removePerfMaps(leftBehind);
  }
}

/** All nodes of the cluster, whichever of them were named: each does its part of the work. */
async function runningNodes(urls: readonly string[], secret: string): Promise<ProfiledNode[]> {
  const [{ nodesOf }, { assertReady }, { localProcess }] = await Promise.all([
    import('../load/bench.ts'),
    import('../cluster/node-client.ts'),
    import('../cluster/local-process.ts'),
  ]);
  await assertReady(urls);
  const all = await nodesOf(urls);
  return Promise.all(
    all.map(async (url, index) => ({
      name: nodeName(index),
      url,
      secret,
      pid: (await localProcess(url))?.pid ?? null,
    })),
  );
}

async function measureNodes(
  plan: ReadyPlan,
  nodes: readonly ProfiledNode[],
  signal: AbortSignal,
): Promise<ProfileResult> {
  const [{ profileCluster }, { selectEngine }] = await Promise.all([
    import('../profile/run-profile.ts'),
    import('../load/select-engine.ts'),
  ]);
  const urls = nodes.map(({ url }) => url);
  const named = plan.cluster.kind === 'running' ? plan.cluster.urls : urls;
  return profileCluster({
    ...plan,
    rateOf: () => plan.rate,
    nodes,
    targets: plan.targets === 'one' ? named.slice(0, 1) : urls,
    // With no instrument there is nothing to measure: the pages of clinic come from nodes of its own.
    ops: plan.instruments.length === 0 ? [] : plan.ops,
    fillTimeoutMs: plan.instruments.length === 0 ? null : plan.fillTimeoutMs,
    engine: selectEngine(plan.engine),
    signal,
    onEvent: tell,
  });
}

/** Those asked for, or all that can be used here; says which cannot, and why. */
async function usableInstruments(plan: ProfilePlan): Promise<readonly InstrumentName[]> {
  const { instrumentObstacles } = await import('../profile/instrument-obstacles.ts');
  const obstacles = await instrumentObstacles(plan.instruments, plan.cluster.kind);
  for (const [name, reason] of obstacles) {
    if (plan.areNamed) throw new KvorumError('profile-failed', `Cannot use --instruments "${name}": ${reason}`);
    writeNotice(printable(`Without ${name}: ${reason}`));
  }
  return plan.instruments.filter((name) => !obstacles.has(name));
}

/** Before the nodes are measured: whoever waits minutes for a page must not learn at the end that there is none. */
async function clinicOf({ clinic }: ProfilePlan): Promise<string | undefined> {
  if (clinic.length === 0) return undefined;
  const { installedClinic } = await import('../clinic/installation.ts');
  return installedClinic({ onProgress });
}

function onProgress(text: string): void {
  writeNotice(printable(text));
}

async function secretOf({ cluster, secretFile }: ProfilePlan, sources: SettingSources): Promise<string | undefined> {
  const { clusterSecret, readSecretFile } = await import('../capture/profile-client.ts');
  if (secretFile !== undefined) return readSecretFile(secretFile);
  if (cluster.kind === 'running') return clusterSecret(sources.environment, undefined);
  return finder(sources)('clusterSecret')?.text;
}

function tell(event: ProfileEvent): void {
  onProgress(profileProgress(event));
}
