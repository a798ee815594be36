/**
 * `clinic` on a node of a running cluster: starts three nodes, one of them under clinic, puts that one under load, stops
 * it, has clinic draw what it collected, and looks at the page.
 *
 * Clinic records one isolate. flame, doctor and heapprofiler therefore show the main thread of a node that runs as it
 * always does; bubbleprof, which worker threads crash, gets a node in inline mode. No timing is taken under clinic: flame
 * costs a third of the throughput, bubbleprof nine tenths.
 *
 * Whatever goes wrong is a result, not an exception, so that a profile goes on with its other parts: clinic is another's
 * tool, and each of its steps has been seen to fail.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { holdsMainThread } from './flame-samples.ts';
import { checkGraph, type GraphCheck } from './graph-check.ts';
import { clinicInstall, findClinic, type ClinicInstallation } from './installation.ts';
import { planCluster, type ObservedCluster } from './observed-cluster.ts';
import { Step } from './step.ts';
import { toolTraits, type ClinicTool } from './tools.ts';
import { visualize } from './visualize.ts';

/**
 * Loads the node at `url` for so long, with no more than `ratePerSecondMax` requests a second, which is infinite where the
 * tool can take it. Failed requests are the load's own affair.
 */
export type ClinicLoad = (url: string, durationMs: number, ratePerSecondMax: number) => Promise<void>;

export interface ClinicOptions {
  /** Where the pages go, and beside each what it was drawn from. */
  readonly directory: string;
  readonly load: ClinicLoad;
  /** How long the load lasts; the tool's own default where it is not given. Cut to what the tool can take. */
  readonly durationMs?: number;
  /** Flags of `kvorum serve` for every node. */
  readonly flags?: readonly string[];
  /** Whether to open the page in Chromium; default true. */
  readonly check?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (text: string) => void;
  /** For tests; found where it is not given. */
  readonly installation?: ClinicInstallation | null;
}

export type ClinicResult =
  | {
      readonly kind: 'done';
      readonly tool: ClinicTool;
      readonly html: string;
      /** What clinic collected: a directory, for heapprofiler a file. `clinic TOOL --visualize-only` draws it again. */
      readonly data: string;
      /** How often it had to be collected. */
      readonly attempts: number;
      readonly check: GraphCheck;
    }
  | { readonly kind: 'not-installed'; readonly tool: ClinicTool; readonly install: string }
  | { readonly kind: 'failed'; readonly tool: ClinicTool; readonly reason: string };

/** In 4 of 48 starts clinic flame takes a worker's log for the main thread's; three in a row are one in 1,700. */
const attemptsMax = 3;
/** Under clinic a node takes 5 s to start, and 13 s on a loaded machine. */
const startMsMax = 60_000;
const collectMsMax = 60_000;

/** Runs one tool. Throws only where `signal` aborts. */
export async function runClinic(tool: ClinicTool, options: ClinicOptions): Promise<ClinicResult> {
  const installation = options.installation === undefined ? findClinic() : options.installation;
  if (installation === undefined || installation === null)
    return { kind: 'not-installed', tool, install: clinicInstall };
  try {
    return await new ClinicRun(tool, installation, options).run();
  } catch (error) {
    options.signal?.throwIfAborted();
    if (codeOf(error) === undefined) throw error;
    return { kind: 'failed', tool, reason: messageOf(error) };
  }
}

class ClinicRun {
  readonly #tool: ClinicTool;
  readonly #program: string;
  readonly #options: ClinicOptions;

  constructor(tool: ClinicTool, { program }: ClinicInstallation, options: ClinicOptions) {
    this.#tool = tool;
    this.#program = program;
    this.#options = options;
  }

  async run(): Promise<ClinicResult> {
    const tool = this.#tool;
    const { data, attempts } = await this.#collectUntilSound();
    this.#say('draws its page');
    const html = await visualize({ tool, program: this.#program, data, signal: this.#options.signal });
    const check: GraphCheck =
      this.#options.check === false ? { kind: 'skipped', reason: 'not asked for' } : await checkGraph(html, tool);
    if (check.kind === 'failed') return { kind: 'failed', tool, reason: `${html} holds no graph: ${check.reason}` };
    return { kind: 'done', tool, html, data, attempts, check };
  }

  async #collectUntilSound(): Promise<{ data: string; attempts: number }> {
    for (let attempts = 1; attempts <= attemptsMax; attempts++) {
      const data = await this.#collect();
      if (this.#tool !== 'flame' || holdsMainThread(data)) return { data, attempts };
      this.#say(`took a worker's log for the main thread's (attempt ${attempts} of ${attemptsMax})`);
      rmSync(data, { recursive: true, force: true });
    }
    throw new KvorumError(
      'profile-failed',
      `clinic flame caught no sample of the main thread in ${attemptsMax} attempts`,
    );
  }

  /** One recording. Resolves to what clinic collected, moved into the caller's directory. */
  async #collect(): Promise<string> {
    const { flags = [], signal } = this.#options;
    const { nodeFlags, suffix } = toolTraits[this.#tool];
    // A new directory each time: clinic takes what lies about for its own.
    const directory = mkdtempSync(join(tmpdir(), 'kvorum-clinic-'));
    try {
      this.#keepOffThreads(directory);
      await using cluster = await planCluster({ count: 3, directory, flags, observedFlags: nodeFlags });
      const args = [this.#program, this.#tool, '--collect-only', '--', process.execPath, ...cluster.observedArgs];
      const step = new Step({ name: `clinic ${this.#tool}`, args, directory, signal });
      try {
        cluster.startOthers();
        await this.#observe(step, cluster);
      } finally {
        await step.end();
      }
      return this.#keep(join(directory, '.clinic'), suffix, step);
    } finally {
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  async #observe(step: Step, cluster: ObservedCluster): Promise<void> {
    const { load, signal } = this.#options;
    const { interruptsAll, durationMsDefault, durationMsMax, ratePerSecondMax } = toolTraits[this.#tool];
    const durationMs = Math.min(this.#options.durationMs ?? durationMsDefault, durationMsMax);
    await Promise.race([cluster.ready(startMsMax, signal), step.ended]);
    if (!step.isRunning) throw step.failure('it ended before its node served');
    this.#say(`observes node ${cluster.url} for ${durationMs / 1000} s`);
    await load(cluster.url, durationMs, ratePerSecondMax);
    signal?.throwIfAborted();
    if (!step.isRunning) throw step.failure('it ended under load');
    this.#say('collects');
    if (interruptsAll) step.interruptAll();
    else step.interrupt();
    await step.finish(collectMsMax);
  }

  /**
   * Node looks for what `-r` names in the working directory's packages first, and there it finds a module that loads
   * clinic's on the main thread only.
   */
  #keepOffThreads(directory: string): void {
    const { mainThreadOnly } = toolTraits[this.#tool];
    if (mainThreadOnly === undefined) return;
    const path = createRequire(this.#program).resolve(mainThreadOnly.module);
    const code = `if (require('node:worker_threads').isMainThread) require(${JSON.stringify(path)});\n`;
    mkdirSync(join(directory, 'node_modules'));
    writeFileSync(join(directory, 'node_modules', mainThreadOnly.name), code);
  }

  #keep(collected: string, suffix: string, step: Step): string {
    const names = existsSync(collected) ? readdirSync(collected) : [];
    const name = names.find((one) => one.endsWith(suffix));
    if (name === undefined) throw step.failure('it ended well and left no data');
    const to = resolve(this.#options.directory, name);
    cpSync(join(collected, name), to, { recursive: true });
    return to;
  }

  #say(text: string): void {
    this.#options.onProgress?.(`clinic ${this.#tool} ${text}`);
  }
}
