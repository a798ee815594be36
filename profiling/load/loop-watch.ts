/**
 * How busy the generator's process and its event loop are, over the measured window.
 *
 * Utilization alone does not do: a process that is kept from a core by others reads as idle, since its loop is in the
 * system's call for events while it waits. The scheduler knows (`schedstat`, Linux).
 */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay, performance, type EventLoopUtilization, type IntervalHistogram } from 'node:perf_hooks';
import { delayResolutionMs } from '../../src/metrics/loop-delay.ts';
import { version } from '../../src/diagnostics/version.ts';
import type { GeneratorResult } from './result.ts';

export class LoopWatch {
  readonly #all: IntervalHistogram = monitorEventLoopDelay({ resolution: delayResolutionMs });
  readonly #perSecond: IntervalHistogram = monitorEventLoopDelay({ resolution: delayResolutionMs });
  #startMs = performance.now();
  #cpu = process.cpuUsage();
  #wantedMs = wantedCpuMs();
  #utilization: EventLoopUtilization = performance.eventLoopUtilization();
  /** Slept on purpose, which the loop's own accounts take for work. */
  #sleptMs = 0;
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  #result: GeneratorResult | undefined;

  constructor() {
    this.#all.enable();
    this.#perSecond.enable();
  }

  /** Stops the thread for a part of a millisecond. */
  sleep(delayMs: number): void {
    const startMs = performance.now();
    Atomics.wait(this.#sleeper, 0, 0, delayMs);
    this.#sleptMs += performance.now() - startMs;
  }

  begin(): void {
    this.#sleptMs = 0;
    this.#all.reset();
    this.#startMs = performance.now();
    this.#cpu = process.cpuUsage();
    this.#wantedMs = wantedCpuMs();
    this.#utilization = performance.eventLoopUtilization();
  }

  /** The longest delay since the last call. */
  takeSecond(): number {
    const delayMs = this.#perSecond.count > 0 ? lateMs(this.#perSecond.max) : 0;
    this.#perSecond.reset();
    return delayMs;
  }

  /** At the end of the window; further calls change nothing. */
  end(): void {
    if (this.#result !== undefined) return;
    const { user, system } = process.cpuUsage(this.#cpu);
    const wantedMs = wantedCpuMs();
    const wasWatched = wantedMs !== undefined && this.#wantedMs !== undefined;
    const elapsedMs = performance.now() - this.#startMs;
    this.#result = {
      engine: 'built-in',
      version,
      cpuSeconds: (user + system) / 1e6,
      utilization: this.#utilizationSince(),
      delayMsP99: this.#all.count > 0 ? lateMs(this.#all.percentile(99)) : null,
      delayMsMax: this.#all.count > 0 ? lateMs(this.#all.max) : null,
      ...(wasWatched && { wantedCpuShare: (wantedMs - (this.#wantedMs ?? 0)) / elapsedMs }),
    };
    this.#all.disable();
  }

  #utilizationSince(): number {
    const { active, idle } = performance.eventLoopUtilization(this.#utilization);
    return active + idle === 0 ? 0 : Math.max(0, active - this.#sleptMs) / (active + idle);
  }

  result(): GeneratorResult {
    this.end();
    this.#perSecond.disable();
    return this.#result as GeneratorResult;
  }
}

/** Node's monitor gives the time between two ticks. */
function lateMs(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - delayResolutionMs);
}

/** What the main thread ran and waited for a core so far; undefined where the system does not tell. */
function wantedCpuMs(): number | undefined {
  try {
    const [ran, waited] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ').map(Number);
    return ((ran ?? 0) + (waited ?? 0)) / 1e6;
  } catch {
    return undefined;
  }
}
