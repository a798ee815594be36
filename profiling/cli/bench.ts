/**
 * What `kvorum bench` does: load on a cluster at a given rate, or the highest rate that it holds. The measuring is done by
 * profiling/load; here are the terminal, the files and the exit code.
 */
import { startLocalCluster } from '../cluster/local-cluster.ts';
import { nodesOf, runBench } from '../load/bench.ts';
import { benchMetrics } from '../load/bench-metrics.ts';
import type { LoadEngine, LoadProgress } from '../load/engine.ts';
import { fillKeys } from '../load/fill.ts';
import { fillLineMs } from '../load/fill-progress.ts';
import { findMax, searchVerdict } from '../load/find-max.ts';
import { LiveFigures } from '../load/live-figures.ts';
import { plannedRate } from '../load/load-shape.ts';
import { assertReady } from '../cluster/node-client.ts';
import type { BenchResult, SearchStep, Workload } from '../load/result.ts';
import { selectEngine } from '../load/select-engine.ts';
import { perSecond } from '../load/verdict.ts';
import { warnings } from '../load/warnings.ts';
import { assertWritable, writeBenchFiles } from './output-files.ts';
import { planBench, type BenchPlan } from './bench-flags.ts';
import { BenchProgress } from './bench-progress.ts';
import { benchText } from './bench-text.ts';
import { serveMetrics } from './metrics-server.ts';
import { messageOf } from '../../src/diagnostics/errors.ts';
import type { Invocation } from '../../src/cli/command.ts';
import { exitCodes, type ExitCode } from '../../src/cli/exit-codes.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { writeNotice, writeResult } from '../../src/cli/output.ts';
import { stopSignal } from '../../src/cli/signals.ts';

/** How close the found rate comes to the next one that is not held. */
const searchPrecision = 0.05;
const searchStepsMax = 40;

export async function bench({ flags, environment }: Invocation): Promise<ExitCode> {
  const plan = planBench(flags, environment);
  assertWritable(plan.files);
  const engine = selectEngine(plan.engine);
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  const { cluster } = plan;
  if (cluster.kind === 'running') return benchNodes(plan, { engine, urls: cluster.urls, signal: stop.signal });
  writeNotice(`Starting ${cluster.count} nodes`);
  await using own = await startLocalCluster(cluster);
  const urls = own.nodes.map(({ url }) => url);
  return await benchNodes(plan, { engine, urls, signal: stop.signal });
}

interface Bench {
  readonly engine: LoadEngine;
  readonly urls: readonly string[];
  readonly signal: AbortSignal;
}

async function benchNodes(plan: BenchPlan, { engine, urls, signal }: Bench): Promise<ExitCode> {
  await assertReady(urls);
  const workload: Workload = {
    ...plan.workload,
    targets: plan.targets === 'one' ? urls.slice(0, 1) : await allOf(urls),
  };
  if (plan.fillTimeoutMs !== null && !(await fill(workload, plan.fillTimeoutMs, signal))) return exitCodes.interrupted;
  if (signal.aborted) return exitCodes.interrupted;
  await using live = await liveMetrics(plan.metricsPort);
  const run = (rate: number): Promise<BenchResult> => measure({ ...workload, rate }, { plan, engine, signal, live });
  if (plan.isSearch) return await search(plan, run, workload.rate);
  const result = await run(workload.rate);
  await tellResult(plan, result);
  return exitCodeOf(result);
}

async function tellResult(plan: BenchPlan, result: BenchResult): Promise<void> {
  await writeBenchFiles(plan.files, result);
  for (const warning of warnings(result)) writeNotice(`kvorum: ${warning}`);
  await writeResult(await textOf(plan, result));
}

async function textOf({ output, hasSpectrum }: BenchPlan, result: BenchResult): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify(result)}\n`;
    case 'markdown':
      return (await import('../report/bench-report.ts')).benchMarkdown(result);
    case 'table':
      return benchText(result, { hasSpectrum });
    default:
      return output satisfies never;
  }
}

function exitCodeOf({ cutShort, verdict }: BenchResult): ExitCode {
  if (cutShort) return exitCodes.interrupted;
  return verdict.kind === 'held' ? exitCodes.ok : exitCodes.failure;
}

/** One URL stands for its cluster: `--targets all` means all of its nodes. */
async function allOf(urls: readonly string[]): Promise<readonly string[]> {
  if (urls.length > 1) return urls;
  const nodes = await nodesOf(urls);
  await assertReady(nodes);
  return nodes;
}

async function measure(
  workload: Workload,
  { plan, engine, signal, live }: Pick<Bench, 'engine' | 'signal'> & { readonly plan: BenchPlan; readonly live: Live },
): Promise<BenchResult> {
  const progress = new BenchProgress(workload, engine.name);
  try {
    return await runBench(workload, {
      engine,
      signal,
      command: plan.command,
      bounds: plan.bounds,
      onProgress: (seen) => {
        progress.show(seen);
        live.add(workload, seen);
      },
    });
  } finally {
    progress.end();
  }
}

interface Live extends AsyncDisposable {
  add(workload: Workload, progress: LoadProgress): void;
}

/** All runs of the command as one series of metrics. */
async function liveMetrics(port: number | undefined): Promise<Live> {
  const figures = new LiveFigures();
  let rate = 0;
  const server = port === undefined ? undefined : await serveMetrics(port, () => benchMetrics(figures, rate));
  return {
    add: (workload, progress) => {
      figures.add(progress);
      rate = plannedRate(workload, progress.second * 1e6);
    },
    [Symbol.asyncDispose]: async () => server?.[Symbol.asyncDispose](),
  };
}

async function fill(workload: Workload, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const progress = new BenchProgress(workload, 'built-in');
  try {
    return await fillKeys(workload, {
      signal,
      timeoutMs,
      progressMs: process.stderr.isTTY ? 100 : fillLineMs,
      onProgress: (seen) => progress.showFill(seen),
    });
  } finally {
    progress.end();
  }
}

/** A run that fails ends the search, and what was found before is told first. */
async function search(
  plan: BenchPlan,
  run: (rate: number) => Promise<BenchResult>,
  startRate: number,
): Promise<ExitCode> {
  const results: BenchResult[] = [];
  const { best, steps, failure } = await findMax(run, {
    startRate,
    bounds: plan.bounds,
    stepsMax: searchStepsMax,
    precision: searchPrecision,
    onStep: (step, result) => {
      results.push(result);
      writeNotice(stepNotice(step));
    },
  });
  const last = results.at(-1);
  if (last === undefined) throw failure ?? new Error('The search tried no rate');
  const { cutShort } = last;
  const shown = best ?? last;
  const result: BenchResult = {
    ...shown,
    verdict: searchVerdict(shown, steps, cutShort),
    search: steps,
    cutShort,
    ...(failure !== undefined && { failure: messageOf(failure) }),
  };
  await tellResult(plan, result);
  return failure === undefined ? exitCodeOf(result) : reportFailure(failure);
}

function stepNotice({ rate, held, reason }: SearchStep): string {
  return `${perSecond(rate)}: ${held ? 'held' : `not held, ${reason}`}`;
}
