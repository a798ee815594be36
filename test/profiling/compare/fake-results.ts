/** Results of runs that never took place, as far as comparisons look at them. */
import { LatencyHistogram } from '../../../profiling/load/histogram.ts';
import {
  benchSchema,
  type BenchEnvironment,
  type BenchResult,
  type NodeObservation,
  type ThreadObservation,
  type Verdict,
  type Workload,
} from '../../../profiling/load/result.ts';

export interface FakeRun {
  readonly op?: Workload['op'];
  readonly rate?: number;
  /** Default: the rate. */
  readonly achieved?: number;
  readonly latencyUs?: number;
  readonly verdict?: Verdict['kind'];
  readonly cutShort?: boolean;
  readonly mode?: string;
  readonly nodes?: readonly NodeObservation[];
  readonly search?: BenchResult['search'];
}

const seconds = 10;

export function fakeResult(run: FakeRun = {}): BenchResult {
  const { op = 'put', rate = 1000, achieved = rate, latencyUs = 1000, mode = 'batched', nodes = [] } = run;
  const kind = run.verdict ?? (achieved >= rate * 0.98 ? 'held' : 'missed');
  const latency = new LatencyHistogram();
  for (let index = 0; index < 10; index++) latency.record(latencyUs);
  return {
    schema: benchSchema,
    startedAt: '2026-01-01T00:00:00.000Z',
    command: 'kvorum bench',
    label: `${mode} ${op}`,
    workload: fakeWorkload(op, rate),
    verdict: { kind, sentence: kind.toUpperCase() },
    cutShort: run.cutShort ?? false,
    totals: {
      due: rate * seconds,
      completed: achieved * seconds,
      failed: 0,
      unanswered: 0,
      lateStarts: 0,
      pendingMax: 0,
      seconds,
      rate: achieved,
    },
    latency: latency.snapshot(),
    service: null,
    statuses: [],
    targets: [],
    seconds: [],
    generator: {
      engine: 'built-in',
      version: '0',
      cpuSeconds: null,
      utilization: null,
      delayMsP99: null,
      delayMsMax: null,
    },
    nodes,
    environment: fakeEnvironment(mode),
    ...(run.search !== undefined && { search: run.search }),
  };
}

export function fakeEnvironment(mode: string): BenchEnvironment {
  return {
    machine: 'test',
    cores: 2,
    memoryBytes: 1,
    kernel: 'Linux',
    node: 'v20',
    kvorum: '0',
    commit: 'abc1234',
    cluster: { mode },
    nodeCount: 3,
  };
}

/** `cpuUs` each of a node's two threads. */
export function fakeNode(cpuUs: number, changes: Partial<NodeObservation> = {}): NodeObservation {
  const thread = (name: string): ThreadObservation => ({
    thread: name,
    cpuUs,
    runQueueUs: cpuUs / 2,
    voluntarySwitches: 10_000,
    involuntarySwitches: 5000,
  });
  return {
    url: 'http://localhost',
    pid: 1,
    threads: [thread('main'), thread('worker 1')],
    residentBytesMax: 1024,
    peerBytesSent: 500_000,
    peerBytesReceived: 250_000,
    series: [],
    ...changes,
  };
}

function fakeWorkload(op: Workload['op'], rate: number): Workload {
  return {
    op,
    rate,
    readShare: 0.5,
    arrival: 'constant',
    connections: 64,
    durationMs: seconds * 1000,
    warmupMs: 0,
    keys: 100,
    distribution: 'uniform',
    valueBytes: 64,
    ack: null,
    from: null,
    targets: ['http://localhost'],
    seed: 1,
  };
}
