/**
 * What `kvorum bench` does: load on a cluster at a given rate, or the highest rate that it holds. The measuring is done by
 * profiling/load; here are the terminal, the files and the exit code.
 */
import { startLocalCluster } from '../cluster/local-cluster.ts';
import { nodesOf, runBench } from '../load/bench.ts';
import type { LoadEngine } from '../load/engine.ts';
import { fillKeys } from '../load/fill.ts';
import { fillLineMs } from '../load/fill-progress.ts';
import { findMax } from '../load/find-max.ts';
import { assertReady } from '../load/node-client.ts';
import type { BenchResult, SearchStep, Workload } from '../load/result.ts';
import { selectEngine } from '../load/select-engine.ts';
import { perSecond } from '../load/verdict.ts';
import { wrk2Text } from '../load/wrk2-text.ts';
import { assertWritable, writeFiles } from './output-files.ts';
import { planBench, type BenchPlan } from './bench-flags.ts';
import { BenchProgress } from './bench-progress.ts';
import { searchSentence, stepsTable, warnings } from './bench-text.ts';
import type { Invocation } from '../../src/cli/command.ts';
import { exitCodes, type ExitCode } from '../../src/cli/exit-codes.ts';
import { printable, writeNotice, writeResult } from '../../src/cli/output.ts';
import { stopSignal } from '../../src/cli/signals.ts';

/** How close the found rate comes to the next one that is not held. */
const searchPrecision = 0.05;

export async function bench({ flags, environment }: Invocation): Promise<ExitCode> {
  const plan = planBench(flags, environment);
  assertWritable({ json: plan.jsonFile, report: plan.reportFile });
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
  const run = (rate: number): Promise<BenchResult> => measure({ ...workload, rate }, { plan, engine, signal });
  if (plan.search !== undefined) return search(plan, { run, startRate: workload.rate, ...plan.search });
  const result = await run(workload.rate);
  await writeFiles(plan, result);
  for (const warning of warnings(result)) writeNotice(`kvorum: ${warning}`);
  if (plan.output === 'json') await writeResult(`${JSON.stringify(result)}\n`);
  else await writeResult(`${printable(wrk2Text(result))}${verdictLine(result)}\n`);
  if (result.cutShort) return exitCodes.interrupted;
  return result.verdict.kind === 'held' ? exitCodes.ok : exitCodes.failure;
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
  { plan, engine, signal }: { readonly plan: BenchPlan; readonly engine: LoadEngine; readonly signal: AbortSignal },
): Promise<BenchResult> {
  const progress = new BenchProgress(workload, engine.name);
  try {
    return await runBench(workload, {
      engine,
      signal,
      command: plan.command,
      onProgress: (seen) => progress.show(seen),
    });
  } finally {
    progress.end();
  }
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

interface Search {
  readonly run: (rate: number) => Promise<BenchResult>;
  readonly startRate: number;
  readonly p99MsMax: number;
  readonly stepsMax: number;
}

async function search(plan: BenchPlan, { run, ...options }: Search): Promise<ExitCode> {
  const results: BenchResult[] = [];
  const { best, steps } = await findMax(run, {
    ...options,
    precision: searchPrecision,
    onStep: (step, result) => {
      results.push(result);
      writeNotice(stepNotice(step));
    },
  });
  const last = results.at(-1) as BenchResult;
  const shown = best ?? last;
  const isCut = last.cutShort;
  const result: BenchResult = { ...shown, search: steps, cutShort: isCut };
  await writeFiles(plan, result);
  for (const warning of warnings(result)) writeNotice(`kvorum: ${warning}`);
  if (plan.output === 'json') await writeResult(`${JSON.stringify(result)}\n`);
  else await writeResult(`${printable(wrk2Text(shown))}\n${stepsTable(steps)}${searchSentence(best, steps, isCut)}\n`);
  if (isCut) return exitCodes.interrupted;
  return best === undefined ? exitCodes.failure : exitCodes.ok;
}

function stepNotice({ rate, held, reason }: SearchStep): string {
  return `${perSecond(rate)}: ${held ? 'held' : `not held, ${reason}`}`;
}

function verdictLine({ verdict, cutShort, totals }: BenchResult): string {
  return cutShort ? `${verdict.sentence} (cut short after ${totals.seconds.toFixed(1)} s)` : verdict.sentence;
}
