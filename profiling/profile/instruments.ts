/**
 * The instruments, each as one function: it records the nodes while the load that it is given runs, writes its raw files,
 * and says what it measured. One at a time, in runs of their own: two together would measure each other.
 */
import type { ResolveFrame } from '../attribution/stack-tree.ts';
import { measureAllocation, measureCollections, measureCpu, measurePromises } from '../capture/measure.ts';
import { measurePerf, recordPerfOfNodes } from '../capture/perf-recording.ts';
import type { ProfileTarget } from '../capture/profile-client.ts';
import {
  recordCpu,
  recordGc,
  recordHeap,
  recordPromises,
  type NodeRecording,
  type RecordOptions,
} from '../capture/record.ts';
import { writePerfFiles, writeRecordingFiles } from '../capture/recording-files.ts';
import type { InstrumentName, ProfileFile, ProfileRun } from '../result/profile.ts';
import type { BenchResult } from '../load/result.ts';
import { recordLocks } from '../locks/record.ts';
import { recordWaits, sampleEvery } from '../waits/record.ts';
import { waitTable } from '../waits/table.ts';

export interface ProfiledNode extends ProfileTarget {
  /** Null where the node is no process of this machine. */
  readonly pid: number | null;
}

export interface InstrumentContext {
  readonly nodes: readonly ProfiledNode[];
  readonly op: string;
  readonly rate: number;
  /** How long the load takes, its warm-up included. */
  readonly loadMs: number;
  readonly directory: string;
  readonly resolve: ResolveFrame;
  /** Puts the load on; the recording ends with it. */
  readonly load: () => Promise<BenchResult>;
}

export interface Instrumented {
  readonly bench: BenchResult;
  readonly measured: Partial<ProfileRun>;
  readonly files: readonly ProfileFile[];
}

type Instrument = (context: InstrumentContext) => Promise<Instrumented>;

export const instruments: Readonly<Record<InstrumentName, Instrument>> = {
  cpu: (context) => profiled(context, recordCpu, (recordings) => ({ cpu: measureCpu(recordings, context.resolve) })),
  allocation: (context) =>
    profiled(context, recordHeap, (recordings) => ({ allocation: measureAllocation(recordings, context.resolve) })),
  collections: (context) =>
    profiled(context, recordGc, (recordings) => ({ collections: measureCollections(recordings) })),
  promises: (context) => profiled(context, recordPromises, (recordings) => ({ promises: measurePromises(recordings) })),
  waits: recordedWaits,
  perf: recordedPerf,
  locks: recordedLocks,
};

/** The load takes some time to begin and to end besides. */
const slackMs = 30_000;

async function profiled(
  context: InstrumentContext,
  record: (targets: readonly ProfileTarget[], options: RecordOptions) => Promise<NodeRecording[]>,
  measure: (recordings: readonly NodeRecording[]) => Partial<ProfileRun>,
): Promise<Instrumented> {
  const { recorded, bench } = await whileRecording(context, (options) => record(context.nodes, options));
  return { bench, measured: measure(recorded), files: writeRecordingFiles(recorded, context) };
}

async function recordedPerf(context: InstrumentContext): Promise<Instrumented> {
  const { nodes, resolve } = context;
  const { recorded, bench } = await whileRecording(context, (options) =>
    recordPerfOfNodes(nodes, { ...options, resolve }),
  );
  return { bench, measured: { perf: measurePerf(recorded) }, files: writePerfFiles(recorded.threads, context) };
}

async function recordedWaits(context: InstrumentContext): Promise<Instrumented> {
  const { nodes, rate, loadMs } = context;
  const every = sampleEvery(rate, loadMs);
  const { recorded, bench } = await whileRecording(context, (options) => recordWaits(nodes, { ...options, every }));
  return { bench, measured: { waits: waitTable(recorded) }, files: [] };
}

async function recordedLocks(context: InstrumentContext): Promise<Instrumented> {
  const processes = context.nodes.flatMap(({ name, pid }) => (pid === null ? [] : [{ name, pid }]));
  const { recorded, bench } = await whileRecording(context, (options) => recordLocks(processes, options));
  return { bench, measured: { locks: recorded }, files: [] };
}

/** The recording begins before the load and ends when the load has. */
async function whileRecording<T>(
  { loadMs, load }: InstrumentContext,
  record: (options: RecordOptions) => Promise<T>,
): Promise<{ recorded: T; bench: BenchResult }> {
  const stop = new AbortController();
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const recording = record({ durationMs: loadMs + slackMs, signal: stop.signal, onRecording: begin });
  // Where it fails to begin, it says why when it is awaited.
  await Promise.race([begun, recording.then(begin, begin)]);
  try {
    const bench = await load();
    stop.abort();
    return { recorded: await recording, bench };
  } finally {
    stop.abort();
    await recording.catch(() => {});
  }
}
