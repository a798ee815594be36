/**
 * What a thread waits for besides its operations, measured from within: how late its event loop is, how long it was ready
 * to run and had no core, and the garbage collector's pauses.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import {
  constants,
  monitorEventLoopDelay,
  PerformanceObserver,
  type IntervalHistogram,
  type PerformanceEntry,
} from 'node:perf_hooks';
import { addStretch, addTotal, noGrowth, noStretches } from '../../src/waits/wait-intervals.ts';
import type { GcPauses, LoopDelay, ThreadWaits } from '../../src/waits/wait-recording.ts';

/** Milliseconds between two ticks of the event-loop monitor: 200 a second. */
const resolutionMs = 5;
/** Between two looks at the run queue, milliseconds: a look costs some 20 us. */
const lookMs = 20;
/** Looks that are kept: 20 minutes of them. */
const looksMax = 60_000;
/** Pauses that are kept one by one; a busy thread has some tens a second. */
const pausesMax = 20_000;
const microsPerNanosecond = 1e-3;

/** What `/proc` says of a thread: nanoseconds on a core, nanoseconds ready and without a core, and how often it ran. */
interface Scheduled {
  readonly cpuNs: number;
  readonly runQueueNs: number;
  readonly timeslices: number;
}

/** Node's types do not know the detail of entries of type `gc`. */
type GcEntry = PerformanceEntry & { readonly detail?: { readonly kind?: number } };

const gcKinds: ReadonlyMap<number | undefined, GcPauses['kind']> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'scavenge'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'mark-sweep'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak-callbacks'],
]);

export class ThreadWatch {
  /** Pauses of the collector by this thread's clock. */
  readonly pauses = noStretches();
  /** Time without a core, milliseconds by this thread's clock; empty where the system does not tell. */
  readonly runQueue = noGrowth();
  readonly #thread: string;
  readonly #before = scheduled('/proc/thread-self/schedstat');
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #gc = new Map<GcPauses['kind'], { count: number; totalUs: number; maxUs: number }>();
  readonly #observer: PerformanceObserver;
  readonly #timer: NodeJS.Timeout;

  constructor(thread: string) {
    this.#thread = thread;
    this.#observer = new PerformanceObserver((list) => this.#takePauses(list.getEntries()));
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#delay.enable();
    this.#look();
    this.#timer = setInterval(() => this.#look(), lookMs).unref();
  }

  stop(): ThreadWaits {
    this.#takePauses(this.#observer.takeRecords());
    this.#observer.disconnect();
    clearInterval(this.#timer);
    this.#look();
    this.#delay.disable();
    const gc = [...this.#gc].map(([kind, pauses]) => ({ kind, ...pauses }));
    return {
      thread: this.#thread,
      loopDelay: loopDelay(this.#delay),
      ...difference(this.#before, scheduled('/proc/thread-self/schedstat')),
      gc,
    };
  }

  #look(): void {
    const now = scheduled('/proc/thread-self/schedstat');
    if (now === undefined || this.runQueue.at.length >= looksMax) return;
    addTotal(this.runQueue, performance.now(), now.runQueueNs / 1e6);
  }

  #takePauses(entries: readonly GcEntry[]): void {
    for (const { startTime, duration, detail } of entries) {
      addStretch(this.pauses, startTime, startTime + duration, pausesMax);
      const kind = gcKinds.get(detail?.kind) ?? 'other';
      const sum = this.#gc.get(kind) ?? { count: 0, totalUs: 0, maxUs: 0 };
      sum.count++;
      sum.totalUs += duration * 1000;
      sum.maxUs = Math.max(sum.maxUs, duration * 1000);
      this.#gc.set(kind, sum);
    }
  }
}

/** All threads of the process but those that run JavaScript; undefined where there is no `/proc`. */
export class NativeWatch {
  readonly #before = tasks();

  /** `scripted` are the thread ids that run JavaScript. */
  stop(scripted: ReadonlySet<string>): ThreadWaits | undefined {
    if (this.#before.size === 0) return undefined;
    const sum = { cpuUs: 0, runQueueUs: 0, timeslices: 0 };
    for (const [id, after] of tasks()) {
      if (scripted.has(id)) continue;
      const part = difference(this.#before.get(id) ?? { cpuNs: 0, runQueueNs: 0, timeslices: 0 }, after);
      sum.cpuUs += part.cpuUs ?? 0;
      sum.runQueueUs += part.runQueueUs ?? 0;
      sum.timeslices += part.timeslices ?? 0;
    }
    return { thread: 'native', loopDelay: null, ...sum, gc: [] };
  }
}

/** The system's number of the calling thread; undefined where there is no `/proc`. */
export function systemThreadId(): string | undefined {
  try {
    return readlinkSync('/proc/thread-self').split('/').at(-1);
  } catch {
    return undefined;
  }
}

function tasks(): Map<string, Scheduled> {
  const found = new Map<string, Scheduled>();
  for (const id of taskIds()) {
    const one = scheduled(`/proc/self/task/${id}/schedstat`);
    if (one !== undefined) found.set(id, one);
  }
  return found;
}

function taskIds(): string[] {
  try {
    return readdirSync('/proc/self/task');
  } catch {
    return [];
  }
}

/** A thread may end between the listing and the reading, and other systems have no such files. */
function scheduled(path: string): Scheduled | undefined {
  try {
    const [cpuNs = 0, runQueueNs = 0, timeslices = 0] = readFileSync(path, 'utf8').trim().split(' ').map(Number);
    return { cpuNs, runQueueNs, timeslices };
  } catch {
    return undefined;
  }
}

function difference(
  before: Scheduled | undefined,
  after: Scheduled | undefined,
): Pick<ThreadWaits, 'cpuUs' | 'runQueueUs' | 'timeslices'> {
  if (before === undefined || after === undefined) return { cpuUs: null, runQueueUs: null, timeslices: null };
  return {
    cpuUs: (after.cpuNs - before.cpuNs) * microsPerNanosecond,
    runQueueUs: (after.runQueueNs - before.runQueueNs) * microsPerNanosecond,
    timeslices: after.timeslices - before.timeslices,
  };
}

/** The monitor records the time between two ticks; what is told is how late they were. */
function loopDelay(delay: IntervalHistogram): LoopDelay {
  const late = (nanoseconds: number): number =>
    Math.max(0, nanoseconds * microsPerNanosecond - resolutionMs * 1000) || 0;
  return {
    meanUs: late(delay.mean),
    p50Us: late(delay.percentile(50)),
    p99Us: late(delay.percentile(99)),
    maxUs: late(delay.max),
    percentiles: [...delay.percentiles].map(([percentile, nanoseconds]) => [percentile, late(nanoseconds)] as const),
    resolutionMs,
  };
}

const clockTries = 16;

/**
 * How far a thread's `performance.now()` stands from the machine's monotonic clock, which `process.hrtime` reads in every
 * thread and process: marks of several threads can then be put in one order.
 *
 * Milliseconds to add to `performance.now()`: of several readings the one that took the shortest.
 */
export function clockOriginMs(): number {
  let best = { widthMs: Infinity, originMs: 0 };
  for (let attempt = 0; attempt < clockTries; attempt++) {
    const before = performance.now();
    const monotonicMs = Number(process.hrtime.bigint()) / 1e6;
    const after = performance.now();
    const widthMs = after - before;
    if (widthMs < best.widthMs) best = { widthMs, originMs: monotonicMs - (before + after) / 2 };
  }
  return best.originMs;
}
