/**
 * What the main thread and every worker say of themselves alike: how busy the event loop was, what garbage collection
 * took, and which thread of the operating system they are.
 *
 * Busy and idle time are counters, so that a reader gets the utilization over any interval; the share since the start
 * hides what happens now.
 */
import { family, type Labels, type MetricFamily, type MetricSample } from './metrics.ts';

/** What `performance.eventLoopUtilization()` gives, milliseconds. */
export interface LoopUtilization {
  readonly active: number;
  readonly idle: number;
  readonly utilization: number;
}

/** Busy and idle time since the loop started, and their share. */
export function loopFamilies({ active, idle, utilization }: LoopUtilization, labels: Labels): MetricFamily[] {
  const counter = (name: string, help: string, value: number): MetricFamily =>
    family('counter', name, help, value, labels);
  return [
    family(
      'gauge',
      'kvorum_event_loop_utilization',
      'Share of time that the event loop was busy, since it started',
      utilization,
      labels,
    ),
    counter('kvorum_event_loop_active_seconds_total', 'Time that the event loop was busy', active / 1000),
    counter('kvorum_event_loop_idle_seconds_total', 'Time that the event loop waited for events', idle / 1000),
  ];
}

/** `perf_hooks.constants.NODE_PERFORMANCE_GC_*`, by what they are called here. */
const pauseKinds: Readonly<Record<number, string>> = {
  1: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'weak-callbacks',
};
const otherKind = 'other';

/** Milliseconds; Node puts the kind into `detail`, which its types do not know. */
export interface PauseEntry {
  readonly duration: number;
}

/**
 * Garbage collections of one isolate. Seeing one costs about 0.15 ms (Node 20: a PerformanceObserver's entry and
 * callback); at 5,000 PUT/s they come 6 times a second in the main thread, so that is 0.1% of a core.
 */
export class CollectionPauses {
  readonly #byKind = new Map([...Object.values(pauseKinds), otherKind].map((kind) => [kind, { count: 0, seconds: 0 }]));

  /** Counts one pause: a `gc` entry of a PerformanceObserver. */
  observe(entry: PauseEntry): void {
    const pauses = this.#byKind.get(pauseKinds[kindOf(entry)] ?? otherKind);
    if (pauses === undefined) return;
    pauses.count++;
    pauses.seconds += entry.duration / 1000;
  }

  families(labels: Labels): MetricFamily[] {
    const each = (value: (pauses: { count: number; seconds: number }) => number): MetricSample[] =>
      [...this.#byKind].map(([kind, pauses]) => ({ labels: { ...labels, kind }, value: value(pauses) }));
    return [
      {
        type: 'counter',
        name: 'kvorum_gc_seconds_total',
        help: 'Time that garbage collection stopped the thread',
        samples: each(({ seconds }) => seconds),
      },
      {
        type: 'counter',
        name: 'kvorum_gc_pauses_total',
        help: 'Times that garbage collection stopped the thread',
        samples: each(({ count }) => count),
      },
    ];
  }
}

/**
 * The operating system's number of the calling thread, out of Linux's `/proc/thread-self`; null elsewhere. `readLink` is
 * `readlinkSync`: an asynchronous read would run on another thread.
 */
export function osThreadId(readLink: (path: string) => string): number | null {
  try {
    const [, id] = /^\d+\/task\/(\d+)$/.exec(readLink('/proc/thread-self')) ?? [];
    return id === undefined ? null : Number(id);
  } catch {
    return null;
  }
}

function kindOf(entry: PauseEntry): number {
  const detail: unknown = 'detail' in entry ? entry.detail : undefined;
  const hasKind = typeof detail === 'object' && detail !== null && 'kind' in detail;
  return hasKind && typeof detail.kind === 'number' ? detail.kind : 0;
}
