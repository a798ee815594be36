/** The main thread's event loop and the process's memory and CPU, for `/metrics`. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { family, type MetricFamily } from './domain/metrics.ts';
import { version } from './version.ts';

const DELAY_RESOLUTION_MS = 20;

export class ProcessMetrics {
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });

  constructor() {
    this.#delay.enable();
  }

  families(bodyBytes: number): MetricFamily[] {
    const cpu = process.cpuUsage();
    const memory = process.memoryUsage();
    return [
      this.#delayFamily(),
      family(
        'gauge',
        'kvorum_event_loop_utilization',
        'Share of time that the event loop was busy',
        performance.eventLoopUtilization().utilization,
        { thread: 'main' },
      ),
      family('gauge', 'kvorum_body_bytes_in_flight', 'Bytes of bodies received or waiting for their outcome', bodyBytes),
      family('counter', 'process_cpu_seconds_total', 'User and system CPU time', (cpu.user + cpu.system) / 1e6),
      family('gauge', 'process_resident_memory_bytes', 'Resident memory', memory.rss),
      family('gauge', 'kvorum_heap_used_bytes', "V8 heap in use by the main thread's isolate", memory.heapUsed),
      family('gauge', 'kvorum_external_bytes', 'Memory outside the V8 heap that JavaScript objects hold', memory.external),
      family('gauge', 'process_start_time_seconds', 'Start of the process since 1970', performance.timeOrigin / 1000),
      family('gauge', 'kvorum_build_info', 'Always 1', 1, { version, node: process.version }),
    ];
  }

  close(): void {
    this.#delay.disable();
  }

  #delayFamily(): MetricFamily {
    const delay = (value: number): number => (Number.isFinite(value) ? value / 1e9 : 0);
    const samples = [0.5, 0.99, 1].map((quantile) => ({
      labels: { thread: 'main', quantile: String(quantile) },
      value: delay(quantile === 1 ? this.#delay.max : this.#delay.percentile(quantile * 100)),
    }));
    return {
      type: 'gauge',
      name: 'kvorum_event_loop_delay_seconds',
      help: `Event-loop delay since start, sampled every ${DELAY_RESOLUTION_MS} ms; quantile 1 is the maximum`,
      samples,
    };
  }
}
