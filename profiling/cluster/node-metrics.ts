/**
 * What a node's `/metrics` say, as the few figures that observations are made of, and what came to pass between two
 * such readings.
 *
 * Counters are read as differences: a figure since the start of the node would hide what happens now. Where a node was
 * started anew in between, or does not have a metric, the figure is null.
 */
/** One reading. Counters count from the start of the node; seconds and bytes as their names say. */
export interface MetricsReading {
  /** When it was taken, milliseconds of a monotonic clock. */
  readonly atMs: number;
  readonly operationsInFlight: number | null;
  readonly poolQueue: number | null;
  /** Event loops by thread: `main`, `worker-1`. */
  readonly loops: ReadonlyMap<string, LoopSeconds>;
  readonly gcSeconds: number | null;
  readonly commits: number | null;
  readonly commitSeconds: number | null;
  readonly peerBytesSent: number | null;
  readonly peerBytesReceived: number | null;
  readonly cpuSeconds: number | null;
  readonly residentBytes: number | null;
  /** Records in the store, and those that only the log has. */
  readonly storeRecords: number | null;
  readonly loggedRecords: number | null;
}

export interface LoopSeconds {
  readonly active: number;
  readonly idle: number;
}

/** Between two readings; counts and times are those of one second, however far apart the readings are. */
export interface MetricsInterval {
  readonly utilization: Readonly<Record<string, number>>;
  readonly gcMs: number | null;
  readonly commits: number | null;
  readonly commitMsMean: number | null;
  readonly cpuUs: number | null;
}

/** A line of Prometheus's text format. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** By the samples' names: of a histogram `x` there are `x_bucket`, `x_sum`, `x_count`. Other lines are passed over. */
export function samplesOf(text: string): ReadonlyMap<string, readonly Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (const [, name = '', list = '', value] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/gm)) {
    const labels: Record<string, string> = {};
    for (const [, label = '', written = ''] of list.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[label] = written;
    const sample = { labels, value: Number(value) };
    const known = samples.get(name);
    if (known === undefined) samples.set(name, [sample]);
    else known.push(sample);
  }
  return samples;
}

/** Null where the text is not that of a node's metrics. */
export function readMetrics(text: string, atMs: number): MetricsReading | null {
  const samples = samplesOf(text);
  if (samples.size === 0) return null;
  const total = (name: string): number | null => {
    const all = samples.get(name);
    return all === undefined ? null : all.reduce((sum, { value }) => sum + value, 0);
  };
  // All workers of a node share one store, and each tells of all of it.
  const stored = samples.get('kvorum_store_records')?.map(({ value }) => value) ?? [];
  const commit = 'kvorum_log_settle_seconds';
  return {
    atMs,
    operationsInFlight: total('kvorum_operations_in_flight'),
    poolQueue: total('kvorum_pool_queue_tasks'),
    loops: loopsOf(samples),
    gcSeconds: total('kvorum_gc_seconds_total'),
    commits: total(`${commit}_count`),
    commitSeconds: total(`${commit}_sum`),
    peerBytesSent: total('kvorum_peer_sent_bytes_total'),
    peerBytesReceived: total('kvorum_peer_received_bytes_total'),
    cpuSeconds: total('process_cpu_seconds_total'),
    residentBytes: total('process_resident_memory_bytes'),
    storeRecords: stored.length === 0 ? null : Math.max(...stored),
    loggedRecords: total('kvorum_memtable_records'),
  };
}

export function intervalBetween(before: MetricsReading, after: MetricsReading): MetricsInterval {
  const seconds = (after.atMs - before.atMs) / 1000;
  const perSecond = (was: number | null, is: number | null): number | null => {
    const growth = growthOf(was, is);
    return growth === null || seconds <= 0 ? null : growth / seconds;
  };
  const scaled = (value: number | null, factor: number): number | null => (value === null ? null : value * factor);
  const commits = growthOf(before.commits, after.commits);
  const commitSeconds = growthOf(before.commitSeconds, after.commitSeconds);
  const hasCommits = commits !== null && commits > 0 && commitSeconds !== null;
  return {
    utilization: utilizationBetween(before.loops, after.loops),
    gcMs: scaled(perSecond(before.gcSeconds, after.gcSeconds), 1000),
    commits: perSecond(before.commits, after.commits),
    commitMsMean: hasCommits ? (commitSeconds / commits) * 1000 : null,
    cpuUs: scaled(perSecond(before.cpuSeconds, after.cpuSeconds), 1e6),
  };
}

/** How far a counter went; null where it is not known or went back, which it does when its node is started anew. */
export function growthOf(before: number | null, after: number | null): number | null {
  if (before === null || after === null || after < before) return null;
  return after - before;
}

/** `worker-1` in labels is `worker 1` to people. */
export function threadName(label: string): string {
  return label.replace('-', ' ');
}

function loopsOf(samples: ReadonlyMap<string, readonly Sample[]>): Map<string, LoopSeconds> {
  const idle = byThread(samples.get('kvorum_event_loop_idle_seconds_total'));
  const loops = new Map<string, LoopSeconds>();
  for (const [thread, active] of byThread(samples.get('kvorum_event_loop_active_seconds_total'))) {
    loops.set(thread, { active, idle: idle.get(thread) ?? 0 });
  }
  return loops;
}

function byThread(samples: readonly Sample[] = []): Map<string, number> {
  return new Map(samples.map(({ labels, value }) => [labels['thread'] ?? '', value]));
}

function utilizationBetween(
  before: ReadonlyMap<string, LoopSeconds>,
  after: ReadonlyMap<string, LoopSeconds>,
): Record<string, number> {
  const utilization: Record<string, number> = {};
  for (const [thread, is] of after) {
    const was = before.get(thread);
    const active = growthOf(was?.active ?? null, is.active);
    const idle = growthOf(was?.idle ?? null, is.idle);
    if (active !== null && idle !== null && active + idle > 0) {
      utilization[threadName(thread)] = active / (active + idle);
    }
  }
  return utilization;
}
