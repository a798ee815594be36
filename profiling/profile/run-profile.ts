/**
 * Profiles a warm cluster under a constant load: for each operation a run without any instrument, one run with each, and
 * one without again, all at the same rate and in one session, so that what each instrument costs stands beside what it
 * found.
 */
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { frameResolver } from '../capture/source-frames.ts';
import { writeIndex } from '../capture/recording-files.ts';
import {
  profileSchema,
  type InstrumentName,
  type ObservedLoad,
  type ProfileFile,
  type ProfileResult,
  type ProfileRun,
} from '../result/profile.ts';
import { runBench } from '../load/bench.ts';
import type { LoadEngine } from '../load/engine.ts';
import { benchEnvironment } from '../load/environment.ts';
import { fillKeys } from '../load/fill.ts';
import { fillLineMs, type FillProgress } from '../load/fill-progress.ts';
import { findMax } from '../load/find-max.ts';
import type { BenchResult, LoadOperation, SearchStep, Workload } from '../load/result.ts';
import { instruments, type ProfiledNode } from './instruments.ts';
import { observedLoad, overheadOf, withoutInstrument } from './overhead.ts';

export interface ProfileOptions {
  readonly nodes: readonly ProfiledNode[];
  readonly ops: readonly LoadOperation[];
  /** Requests a second of each operation; null: `shareOfMaximum` of what the cluster holds, found first. */
  readonly rateOf: (op: LoadOperation) => number | null;
  /** Its warm-up goes before a rate that is given: V8 compiles the hot path in the first seconds of load. */
  readonly workload: Omit<Workload, 'op' | 'rate' | 'targets'>;
  /** Of the nodes, those that get the load. */
  readonly targets: readonly string[];
  readonly instruments: readonly InstrumentName[];
  readonly directory: string;
  readonly command: string;
  readonly engine: LoadEngine;
  /** The keys are put before, which gives up when nothing was accepted for so long; null: they are there. */
  readonly fillTimeoutMs: number | null;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ProfileEvent) => void;
}

export type ProfileEvent =
  | { readonly kind: 'filling'; readonly progress: FillProgress }
  | { readonly kind: 'warming'; readonly op: LoadOperation }
  | { readonly kind: 'step'; readonly op: LoadOperation; readonly step: SearchStep }
  | { readonly kind: 'rate'; readonly op: LoadOperation; readonly rate: number }
  | { readonly kind: 'run'; readonly op: LoadOperation; readonly instrument: string; readonly result: BenchResult }
  | { readonly kind: 'failed'; readonly op: LoadOperation; readonly instrument: string; readonly reason: string };

const shareOfMaximum = 0.7;
const searchMs = { durationMs: 3000, warmupMs: 1000 };
const search = { startRate: 500, bounds: { p99MsMax: 50 }, precision: 0.1, stepsMax: 24 };
/** Each run's own: connections, and whatever the instrument changed. */
const runWarmupMsMax = 1000;

/**
 * Throws `KvorumError` where nothing could be measured at all. An instrument that fails is left out and told of, and so is
 * what else of an operation fails.
 */
export async function profileCluster(options: ProfileOptions): Promise<ProfileResult> {
  const startedAt = new Date().toISOString();
  const files: ProfileFile[] = [];
  const runs: ProfileRun[] = [];
  const failures: unknown[] = [];
  const told: string[] = [];
  if (options.fillTimeoutMs !== null) await fill(options, options.fillTimeoutMs);
  const environment = await benchEnvironment(options.targets[0] ?? '');
  for (const op of options.ops) {
    if (options.signal?.aborted === true) break;
    const profile = new OperationProfile(options, op, String(environment.cluster['mode'] ?? ''));
    try {
      await profile.measure();
    } catch (error) {
      failures.push(error);
      told.push(`${op}: ${messageOf(error)}`);
    }
    if (profile.run === undefined) continue;
    runs.push(profile.run);
    files.push(...profile.files);
  }
  if (runs.length === 0 && failures.length > 0) throw failures[0];
  writeIndex(options.directory, files);
  return {
    schema: profileSchema,
    startedAt,
    command: options.command,
    label: String(environment.cluster['mode'] ?? 'cluster'),
    environment,
    cutShort: options.signal?.aborted === true,
    ...(told.length > 0 && { failures: told }),
    runs,
    files,
  };
}

async function fill({ workload, targets, signal, onEvent }: ProfileOptions, timeoutMs: number): Promise<void> {
  await fillKeys(
    { ...workload, targets },
    {
      ...(signal && { signal }),
      timeoutMs,
      progressMs: fillLineMs,
      onProgress: (progress) => onEvent?.({ kind: 'filling', progress }),
    },
  );
}

class OperationProfile {
  readonly files: ProfileFile[] = [];
  readonly #options: ProfileOptions;
  readonly #op: LoadOperation;
  readonly #mode: string;
  readonly #loads: ObservedLoad[] = [];
  readonly #failed: { instrument: string; reason: string }[] = [];
  readonly #measured: Partial<ProfileRun> = {};
  #bench: BenchResult | undefined;

  constructor(options: ProfileOptions, op: LoadOperation, mode: string) {
    this.#options = options;
    this.#op = op;
    this.#mode = mode;
  }

  /** What was measured until now; undefined where nothing was. */
  get run(): ProfileRun | undefined {
    const bench = this.#bench;
    if (bench === undefined) return undefined;
    const overhead = overheadOf(this.#loads);
    const { rate } = bench.workload;
    const known = { op: this.#op, mode: this.#mode, rateAsked: rate, bench, overhead, failed: this.#failed };
    return { ...known, ...this.#measured };
  }

  /** Throws what ends it; `run` has what was measured until then. */
  async measure(): Promise<void> {
    const rate = await this.#rate();
    if (this.#isStopped || rate === undefined) return;
    this.#bench = await this.#load(rate);
    this.#note(withoutInstrument, this.#bench);
    for (const instrument of this.#options.instruments) {
      if (this.#isStopped) return;
      const found = await this.#record(instrument, rate);
      if (found === undefined) continue;
      Object.assign(this.#measured, found.measured);
      this.files.push(...found.files);
    }
    if (!this.#isStopped) this.#note(withoutInstrument, await this.#load(rate));
  }

  get #isStopped(): boolean {
    return this.#options.signal?.aborted === true;
  }

  get #runWarmupMs(): number {
    return Math.min(this.#options.workload.warmupMs, runWarmupMsMax);
  }

  /** A given rate is met by a warm cluster too; the search for one warms it. */
  async #rate(): Promise<number | undefined> {
    const { rateOf, onEvent } = this.#options;
    const op = this.#op;
    const rate = rateOf(op);
    const { warmupMs } = this.#options.workload;
    if (rate !== null) {
      if (warmupMs === 0) return rate;
      onEvent?.({ kind: 'warming', op });
      await this.#load(rate, { durationMs: warmupMs, warmupMs: 0 });
      return rate;
    }
    const { best, steps, failure } = await findMax((tried) => this.#load(tried, searchMs), {
      ...search,
      onStep: (step) => onEvent?.({ kind: 'step', op, step }),
    });
    const held = steps.filter((step) => step.held).at(-1);
    if (this.#isStopped) return undefined;
    if (failure !== undefined) throw failure;
    if (best === undefined || held === undefined) {
      throw new KvorumError('profile-failed', `Cannot profile ${op}: no rate from ${search.startRate}/s on was held`);
    }
    const found = Math.max(1, Math.floor(best.workload.rate * shareOfMaximum));
    onEvent?.({ kind: 'rate', op, rate: found });
    return found;
  }

  #load(rate: number, times?: { readonly durationMs: number; readonly warmupMs: number }): Promise<BenchResult> {
    const { workload, targets, engine, signal, command } = this.#options;
    const whole = { ...workload, warmupMs: this.#runWarmupMs, ...times, op: this.#op, rate, targets };
    return runBench(whole, { engine, command, ...(signal && { signal }) });
  }

  async #record(instrument: InstrumentName, rate: number) {
    const { nodes, directory, workload } = this.#options;
    try {
      const found = await instruments[instrument]({
        nodes,
        op: this.#op,
        rate,
        loadMs: workload.durationMs + this.#runWarmupMs,
        directory,
        resolve: this.#resolve,
        load: () => this.#load(rate),
      });
      this.#note(instrument, found.bench);
      return found;
    } catch (error) {
      const reason = messageOf(error);
      this.#failed.push({ instrument, reason });
      this.#options.onEvent?.({ kind: 'failed', op: this.#op, instrument, reason });
      return undefined;
    }
  }

  readonly #resolve = frameResolver();

  #note(instrument: string, result: BenchResult): void {
    this.#loads.push(observedLoad(instrument, result));
    this.#options.onEvent?.({ kind: 'run', op: this.#op, instrument, result });
  }
}
