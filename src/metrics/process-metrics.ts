/** The main thread's event loop and the process's memory and CPU, for `/metrics`. */
import { readlinkSync } from 'node:fs';
import { monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks';
import { delayResolutionMs, loopDelayFamily } from './loop-delay.ts';
import { family, type MetricFamily } from './metrics.ts';
import { residentFamily } from './resident-memory.ts';
import { CollectionPauses, loopFamilies, osThreadId } from './thread-metrics.ts';
import { version } from '../diagnostics/version.ts';

/** What the node holds for its clients. */
export interface BytesInFlight {
  /** Of requests. */
  readonly bodyBytes: number;
  /** Bodies that have not come whole. */
  readonly bodies: number;
  /** Of answers. */
  readonly answerBytes: number;
}

export class ProcessMetrics {
  readonly osThreadId = osThreadId(readlinkSync);
  readonly #delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  readonly #pauses = new CollectionPauses();
  readonly #pauseObserver = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) this.#pauses.observe(entry);
  });

  constructor() {
    this.#delay.enable();
    this.#pauseObserver.observe({ entryTypes: ['gc'] });
  }

  families({ bodyBytes, bodies, answerBytes }: BytesInFlight): MetricFamily[] {
    const cpu = process.cpuUsage();
    const memory = process.memoryUsage();
    const labels = { thread: 'main' };
    return [
      loopDelayFamily(this.#delay, labels),
      ...loopFamilies(performance.eventLoopUtilization(), labels),
      ...this.#pauses.families(labels),
      family(
        'gauge',
        'kvorum_body_bytes_in_flight',
        'Bytes of bodies received or waiting for their outcome',
        bodyBytes,
      ),
      family('gauge', 'kvorum_bodies_in_flight', 'Requests whose body has not come whole', bodies),
      family('gauge', 'kvorum_answer_bytes_in_flight', 'Bytes of answers that clients have not taken yet', answerBytes),
      family('counter', 'process_cpu_seconds_total', 'User and system CPU time', (cpu.user + cpu.system) / 1e6),
      family('gauge', 'process_resident_memory_bytes', 'Resident memory', memory.rss),
      residentFamily(),
      family('gauge', 'kvorum_heap_used_bytes', "V8 heap in use by the main thread's isolate", memory.heapUsed),
      family(
        'gauge',
        'kvorum_external_bytes',
        'Memory outside the V8 heap that JavaScript objects hold',
        memory.external,
      ),
      family('gauge', 'process_start_time_seconds', 'Start of the process since 1970', performance.timeOrigin / 1000),
      family('gauge', 'kvorum_build_info', 'Always 1', 1, { version, node: process.version }),
    ];
  }

  /** The node is ready: starting up does not count. */
  reset(): void {
    this.#delay.reset();
  }

  close(): void {
    this.#delay.disable();
    this.#pauseObserver.disconnect();
  }
}
