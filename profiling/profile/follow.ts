/**
 * A running cluster recorded without end, slice after slice: V8's CPU profiler in every thread, and beside it what the
 * nodes count. Each slice is a directory like that of a profile, and the oldest goes when there are more than are kept: a
 * ring, so that the slow minute of the last hour can be looked at afterwards.
 *
 * No load of our own is put on. A slice that cannot be recorded, since a node was away, is told of and the next is tried.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../src/diagnostics/errors.ts';
import { frameResolver } from '../capture/source-frames.ts';
import { measureCpu } from '../capture/measure.ts';
import { pause, recordNodes } from '../capture/record.ts';
import { writeIndex, writeRecordingFiles } from '../capture/recording-files.ts';
import { AdminClient } from '../cluster/node-client.ts';
import { benchEnvironment } from '../load/environment.ts';
import { profileSchema, threadLabel, type CpuMeasurement, type ProfileResult } from '../result/profile.ts';
import { followPages } from '../report/follow-report.ts';
import { wholeCpuUs } from '../report/profile-sentences.ts';
import type { FollowedSlice } from '../result/follow.ts';
import type { ProfiledNode } from './instruments.ts';
import { writeProfile } from './profile-files.ts';
import { latenciesBetween, latencyCountsIn } from './follow-latency.ts';

export interface FollowOptions {
  readonly nodes: readonly ProfiledNode[];
  readonly directory: string;
  readonly sliceMs: number;
  /** Slices kept; older ones are removed. */
  readonly slicesMax: number;
  readonly command: string;
  /** Ends it; the slice that is going on is kept. */
  readonly signal: AbortSignal;
  readonly onSlice?: (slice: FollowedSlice) => void;
}

/** Coarser than that of a profile, and so cheaper: a minute has enough samples. */
const intervalUs = 5000;
const metricsMsMax = 5000;
/** After a slice that failed; at most as long as a slice. */
const retryMs = 5000;

/** Until the signal. Throws `profile-failed` where the very first slice cannot be recorded. */
export async function followCluster(options: FollowOptions): Promise<readonly FollowedSlice[]> {
  const { directory, sliceMs, slicesMax, signal } = options;
  let slices: readonly FollowedSlice[] = [];
  while (!signal.aborted) {
    const slice = await nextSlice(options, slices.length === 0);
    slices = [...slices, slice];
    for (const old of slices.slice(0, -slicesMax)) {
      if (old.directory !== null) rmSync(join(directory, old.directory), { recursive: true, force: true });
    }
    slices = slices.slice(-slicesMax);
    await writeRing(directory, slices);
    options.onSlice?.(slice);
    if (slice.failure !== null) await pause(Math.min(retryMs, sliceMs), signal);
  }
  return slices;
}

async function nextSlice(options: FollowOptions, isFirst: boolean): Promise<FollowedSlice> {
  const startedAt = new Date().toISOString();
  try {
    return await recordSlice(options, startedAt);
  } catch (error) {
    if (isFirst) throw error;
    const nothing = { seconds: 0, requests: 0, rate: null, p50Ms: null, p99Ms: null, cpuUs: null, busiest: null };
    return { startedAt, directory: null, failure: messageOf(error), ...nothing };
  }
}

async function recordSlice(options: FollowOptions, startedAt: string): Promise<FollowedSlice> {
  const { nodes, sliceMs: durationMs, signal } = options;
  const before = await countsOf(nodes);
  const recordings = await recordNodes(nodes, 'cpu', { durationMs, interval: intervalUs, signal });
  const latencies = latenciesBetween(before, await countsOf(nodes));
  const resolve = frameResolver();
  const cpu = measureCpu(recordings, resolve);
  const name = startedAt.slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  const place = join(options.directory, name);
  mkdirSync(place, { recursive: true });
  const files = writeRecordingFiles(recordings, { directory: place, op: 'mixed', resolve });
  writeIndex(place, files);
  const environment = await benchEnvironment(nodes[0]?.url ?? '');
  const label = String(environment.cluster['mode'] ?? 'cluster');
  const run = { op: 'mixed', mode: label, rateAsked: null, cpu } as const;
  const result: ProfileResult = {
    schema: profileSchema,
    startedAt,
    command: options.command,
    label: `${label} at ${startedAt}`,
    environment,
    runs: [run],
    files,
  };
  await writeProfile(place, result, undefined);
  const { seconds, requests } = cpu;
  return {
    startedAt,
    directory: name,
    failure: null,
    seconds,
    requests,
    rate: seconds === 0 ? null : requests / seconds,
    ...latencies,
    cpuUs: requests === 0 ? null : wholeCpuUs(cpu) / requests,
    busiest: busiestOf(cpu),
  };
}

/** The thread that used the most of a core. */
function busiestOf({ threads, seconds }: CpuMeasurement): FollowedSlice['busiest'] {
  const [first] = threads.toSorted((one, other) => other.cpuUs - one.cpuUs);
  return first === undefined || seconds === 0
    ? null
    : { thread: threadLabel(first), share: first.cpuUs / 1e6 / seconds };
}

async function countsOf(nodes: readonly ProfiledNode[]) {
  const texts = await Promise.all(
    nodes.map(async ({ url }) => {
      const client = new AdminClient(url);
      const text = await client.text('/metrics', metricsMsMax);
      client.close();
      return text ?? '';
    }),
  );
  return texts.map(latencyCountsIn);
}

async function writeRing(directory: string, slices: readonly FollowedSlice[]): Promise<void> {
  const pages = await followPages(slices);
  writeFileSync(join(directory, 'slices.json'), `${JSON.stringify(slices)}\n`);
  writeFileSync(join(directory, 'slices.md'), pages.markdown);
  writeFileSync(join(directory, 'index.html'), pages.html);
}
