/**
 * Results as real runs leave them, made up from a seed: for tests of what reads results, which must not wait for loads or
 * depend on a machine's speed.
 */
import type { NodeObservation, NodeSample, ThreadObservation } from '../../profiling/cluster/observation.ts';
import { LatencyHistogram, percentileUs, sumOf, type LatencyCounts } from '../../profiling/load/histogram.ts';
import {
  benchSchema,
  type BenchResult,
  type SecondResult,
  type Totals,
  type Verdict,
  type Workload,
} from '../../profiling/load/result.ts';
import { seededRandom } from '../../profiling/load/random.ts';
import { workloadOf } from './load.ts';

/** A run for tests that look at a few figures: held, unless `achieved` says otherwise. */
export interface BareRun {
  readonly op?: Workload['op'];
  readonly rate?: number;
  /** Default: the rate. */
  readonly achieved?: number;
  readonly seconds?: number;
  /** Of every request. */
  readonly latencyUs?: number;
  readonly verdict?: Verdict['kind'];
  readonly cutShort?: boolean;
  readonly mode?: string;
  readonly nodes?: readonly NodeObservation[];
  readonly search?: BenchResult['search'];
  readonly totals?: Partial<Totals>;
}

export function bareRun(run: BareRun = {}): BenchResult {
  const { op = 'put', rate = 1000, achieved = rate, seconds = 10, latencyUs = 1000, mode = 'batched' } = run;
  const kind = run.verdict ?? (achieved >= rate * 0.98 ? 'held' : 'missed');
  const latency = new LatencyHistogram();
  for (let index = 0; index < 10; index++) latency.record(latencyUs);
  return {
    schema: benchSchema,
    startedAt: '2026-03-01T12:00:00.000Z',
    command: `kvorum bench --up 3 --mode ${mode} --op ${op} --rate ${rate} --duration ${seconds}s`,
    label: `${mode} ${op} ${rate}/s`,
    workload: workloadOf({ op, rate, durationMs: seconds * 1000, targets: ['http://127.0.0.1:8080'] }),
    bounds: {},
    verdict: { kind, sentence: kind.toUpperCase(), checks: [] },
    cutShort: run.cutShort ?? false,
    totals: {
      due: rate * seconds,
      completed: achieved * seconds,
      failed: 0,
      unanswered: 0,
      notSent: 0,
      cut: 0,
      lateStarts: 0,
      pendingMax: 0,
      seconds,
      rate: achieved,
      ...run.totals,
    },
    latency: latency.snapshot(),
    errorLatency: new LatencyHistogram().snapshot(),
    service: null,
    statuses: [],
    targets: [],
    seconds: [],
    generator: {
      engine: 'built-in',
      version: '0.1.0',
      cpuSeconds: 2.31,
      utilization: 0.21,
      delayMsP99: 1.2,
      delayMsMax: 6.4,
    },
    nodes: run.nodes ?? [],
    environment: {
      machine: 'AMD EPYC 7B13',
      cores: 2,
      memoryBytes: 8_326_328_320,
      kernel: 'Linux 6.1.0',
      node: 'v20.20.0',
      kvorum: '0.1.0',
      commit: '84f3c3c+',
      cluster: { mode, durability: 'fsync', workers: mode === 'sync' ? 3 : 1 },
      nodeCount: 3,
      store: { records: 90_000, loggedRecords: 10_000, bytes: 34_603_008, fileSystem: 'ext4' },
      changedSettings: { 'log-segment-bytes': '8MiB' },
    },
    ...(run.search !== undefined && { search: run.search }),
  };
}

/** `cpuUs` each of a node's two threads. */
export function bareNode(cpuUs: number, changes: Partial<NodeObservation> = {}): NodeObservation {
  const thread = (name: string): ThreadObservation => ({
    thread: name,
    cpuUs,
    runQueueUs: cpuUs / 2,
    voluntarySwitches: 10_000,
    involuntarySwitches: 5000,
  });
  return {
    url: 'http://127.0.0.1:8080',
    pid: 1,
    threads: [thread('main'), thread('worker 1')],
    residentBytesMax: 1024,
    peerBytesSent: 500_000,
    peerBytesReceived: 250_000,
    series: [],
    ...changes,
  };
}

export interface FixtureOptions {
  readonly seed?: number;
  readonly label?: string;
  readonly rate?: number;
  readonly seconds?: number;
  /** Of the typical request. */
  readonly latencyUs?: number;
  /** In this second everything stands still, and the backlog follows. */
  readonly stallSecond?: number;
  readonly mode?: string;
  readonly nodes?: number;
  /** Requests that got a 503 in each second. */
  readonly failedPerSecond?: number;
}

/** A run of three nodes that was held, with all that a real one has. */
export function heldRun(options: FixtureOptions = {}): BenchResult {
  const { rate = 2000, mode = 'batched', failedPerSecond = 0 } = options;
  const seconds = secondsOf(options);
  const run = bareRun({ rate, mode, seconds: seconds.length });
  const latency = sumOf(seconds.map((second) => second.latency));
  const due = seconds.reduce((sum, second) => sum + second.due, 0);
  const completed = seconds.reduce((sum, second) => sum + second.completed, 0);
  const failed = seconds.length * failedPerSecond;
  const pendingMax = Math.max(...seconds.map(({ pending }) => pending));
  const targets = ['http://127.0.0.1:8080', 'http://127.0.0.1:8081', 'http://127.0.0.1:8082'];
  return {
    ...run,
    label: options.label ?? run.label,
    workload: { ...run.workload, connections: 64, warmupMs: 5000, keys: 100_000, distribution: 'zipfian', targets },
    verdict: {
      kind: 'held',
      sentence: `HELD ${rate}/s: p99 ${(percentileUs(latency, 99) / 1000).toFixed(2)} ms, no errors`,
      checks: [{ asked: `at least 98% of ${rate}/s`, found: `${rate}/s answered (100%)`, reason: null }],
    },
    totals: { ...run.totals, due, completed, failed, lateStarts: 3, pendingMax, rate: completed / seconds.length },
    latency,
    service: shifted(latency, 0.8),
    statuses: [
      { status: '201', count: completed - failed },
      ...(failed === 0 ? [] : [{ status: '503', count: failed }]),
    ],
    targets: targets.map((url, index) => ({
      url,
      completed: Math.floor(completed / 3) + (index === 0 ? completed % 3 : 0),
      failed: index === 0 ? failed : 0,
      unanswered: 0,
      latency,
    })),
    seconds,
    nodes: Array.from({ length: options.nodes ?? 3 }, (_, index) => observation(index, options, completed)),
  };
}

export function withVerdict(result: BenchResult, kind: Verdict['kind'], sentence: string): BenchResult {
  return { ...result, verdict: { ...result.verdict, kind, sentence } };
}

/** The generator itself was the bottleneck. */
export function invalidRun(options: FixtureOptions = {}): BenchResult {
  const run = heldRun(options);
  const sentence = 'INVALID: generator saturated, its event loop was busy 99% of the time; 1,400/s of 2,000/s answered';
  return { ...withVerdict(run, 'invalid', sentence), generator: { ...run.generator, utilization: 0.99 } };
}

/** Interrupted after a third of its time. */
export function cutShortRun(): BenchResult {
  const run = heldRun({ seconds: 10 });
  return { ...run, cutShort: true, workload: { ...run.workload, durationMs: 30_000 } };
}

/** A run by wrk2 against nodes on other machines: little is known of it. */
export function sparseRun(): BenchResult {
  const run = heldRun({ label: 'remote put 2000/s' });
  return {
    ...run,
    service: null,
    seconds: [],
    generator: {
      engine: 'wrk2',
      version: 'wrk 4.0.0 [epoll]',
      cpuSeconds: null,
      utilization: null,
      delayMsP99: null,
      delayMsMax: null,
    },
    nodes: run.nodes.map((node) => ({
      ...node,
      pid: null,
      threads: null,
      residentBytesMax: null,
      peerBytesSent: null,
      peerBytesReceived: null,
      series: node.series.map((sample) => ({
        ...sample,
        poolQueue: null,
        gcMs: null,
        cpuUs: null,
        residentBytes: null,
      })),
    })),
    environment: { ...run.environment, commit: null },
  };
}

/** With the runs that a search tried. */
export function searchedRun(): BenchResult {
  const run = heldRun({ rate: 8000 });
  const step = (rate: number, p99Us: number, reason = ''): NonNullable<BenchResult['search']>[number] => {
    return {
      rate,
      achieved: reason === '' ? rate : rate * 0.9,
      p50Us: 800,
      p99Us,
      failed: 0,
      held: reason === '',
      reason,
    };
  };
  return {
    ...run,
    search: [
      step(1000, 2100),
      step(2000, 2300),
      step(4000, 3900),
      step(8000, 11_200),
      step(16_000, 890_000, 'achieved 90% of the rate'),
      step(12_000, 180_000, 'p99 180 ms over 50 ms'),
      step(10_000, 64_000, 'p99 64 ms over 50 ms'),
      step(8000, 12_100),
    ],
  };
}

function secondsOf(options: FixtureOptions): SecondResult[] {
  const { rate = 2000, seconds = 30, latencyUs = 900, stallSecond, failedPerSecond = 0 } = options;
  const random = seededRandom(options.seed ?? 1);
  return Array.from({ length: seconds }, (_, second) => {
    const isStalled = second === stallSecond;
    const isEcho = second - 1 === stallSecond;
    const completed = rate * (isStalled ? 0 : 1) + (isEcho ? rate : 0);
    const latency = new LatencyHistogram();
    for (let index = 0; index < completed; index++) {
      const waited = isEcho && index < rate ? 1e6 * (1 - index / rate) : 0;
      latency.record(waited + latencyOf(random, latencyUs));
    }
    return {
      second,
      due: rate,
      completed,
      failed: failedPerSecond,
      unanswered: 0,
      pending: isStalled ? rate : Math.floor(random() * 8),
      latency: latency.snapshot(),
      generatorDelayMsMax: 1 + random(),
    };
  });
}

/** Log-normal around the typical one, and one in fifty much slower. */
function latencyOf(random: () => number, typicalUs: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return typicalUs * Math.exp(0.35 * normal) * (random() < 0.02 ? 6 : 1);
}

function shifted(counts: LatencyCounts, factor: number): LatencyCounts {
  const histogram = new LatencyHistogram();
  for (let at = 0; at < counts.buckets.length; at += 2) {
    for (let n = counts.buckets[at + 1] ?? 0; n > 0; n--) histogram.record((counts.buckets[at] ?? 0) * factor);
  }
  return histogram.snapshot();
}

function observation(index: number, options: FixtureOptions, completed: number): NodeObservation {
  const { seconds = 30, stallSecond, mode = 'batched' } = options;
  const random = seededRandom((options.seed ?? 1) + 100 + index);
  const workers = mode === 'sync' ? ['worker 1', 'worker 2', 'worker 3'] : ['worker 1'];
  const series = Array.from({ length: seconds }, (_, second): NodeSample => {
    const isStalled = second === stallSecond;
    return {
      second: second + 1,
      operationsInFlight: isStalled ? 640 : Math.floor(random() * 20),
      poolQueue: isStalled ? 12 : 0,
      utilization: {
        main: 0.2 + random() * 0.05,
        ...Object.fromEntries(workers.map((name) => [name, isStalled ? 0.02 : 0.35 + random() * 0.1])),
      },
      gcMs: random() < 0.3 ? random() * 9 : 0.4,
      commits: isStalled ? 0 : 600 + Math.floor(random() * 60),
      commitMsMean: isStalled ? 980 : 0.3 + random() * 0.2,
      cpuUs: 160_000 + random() * 30_000,
      residentBytes: 120e6 + second * 4e5,
    };
  });
  return {
    url: `http://127.0.0.1:${8080 + index}`,
    pid: 4000 + index,
    threads: ['main', ...workers, 'native'].map((thread, at) => ({
      thread,
      cpuUs: completed * (28 + at * 7 + random() * 4),
      runQueueUs: completed * (3 + random()),
      voluntarySwitches: Math.floor(completed * 0.7),
      involuntarySwitches: Math.floor(completed * 0.02),
    })),
    residentBytesMax: 131e6 + index * 1e6,
    peerBytesSent: completed * 412,
    peerBytesReceived: completed * 396,
    series,
  };
}
