/**
 * From recordings to measurements: each thread's costs by parts, over the window in which requests were counted.
 */
import type { GcPause } from '../../src/waits/recording.ts';
import { allocationCosts, cpuCosts } from '../attribution/costs.ts';
import type { ResolveFrame } from '../attribution/stack-tree.ts';
import { requestsOf, type NodeRecording } from './record.ts';
import { treeOf } from './recording-files.ts';
import type {
  AllocationMeasurement,
  CollectionMeasurement,
  CpuMeasurement,
  FailedThread,
  PauseSummary,
  PromiseMeasurement,
  Window,
} from '../result/profile.ts';

export function measureCpu(recordings: readonly NodeRecording[], resolve: ResolveFrame): CpuMeasurement {
  const threads = recordings.flatMap(({ node, recording, windowMs, accounts }) =>
    recording.threads.flatMap((thread) => {
      const tree = treeOf(thread, resolve);
      if (tree === undefined) return [];
      const account = accounts?.get(thread.thread);
      const costs = cpuCosts(tree, { recordedMs: recording.durationMs, windowMs, account });
      return [{ node, thread: thread.thread, ...costs }];
    }),
  );
  const native = recordings.flatMap(({ node, accounts }) =>
    accounts === null ? [] : [{ node, cpuUs: accounts.get('native')?.cpuUs ?? 0 }],
  );
  const intervalUs = recordings[0]?.recording.interval ?? 0;
  const known = native.length === recordings.length ? native : null;
  return { ...windowOf(recordings), intervalUs, threads, native: known, failed: failedThreads(recordings) };
}

export function measureAllocation(recordings: readonly NodeRecording[], resolve: ResolveFrame): AllocationMeasurement {
  const threads = recordings.flatMap(({ node, recording, windowMs }) =>
    recording.threads.flatMap((thread) => {
      const tree = treeOf(thread, resolve);
      if (tree === undefined) return [];
      return [{ node, thread: thread.thread, ...allocationCosts(tree, recording.durationMs, windowMs) }];
    }),
  );
  const intervalBytes = recordings[0]?.recording.interval ?? 0;
  return { ...windowOf(recordings), intervalBytes, threads, failed: failedThreads(recordings) };
}

export function measureCollections(recordings: readonly NodeRecording[]): CollectionMeasurement {
  const threads = recordings.flatMap(({ node, recording, windowMs }) => {
    const scale = windowMs / recording.durationMs;
    return recording.threads.flatMap(({ thread, gc }) => {
      if (gc === undefined) return [];
      const { heapBytes, offHeapBytes, pauses } = gc;
      const scaled = { heapBytes: heapBytes * scale, offHeapBytes: offHeapBytes * scale };
      return [{ node, thread, ...scaled, pauses: summarizePauses(pauses) }];
    });
  });
  return { ...windowOf(recordings), threads, failed: failedThreads(recordings) };
}

export function measurePromises(recordings: readonly NodeRecording[]): PromiseMeasurement {
  const threads = recordings.flatMap(({ node, recording, windowMs }) =>
    recording.threads.flatMap(({ thread, promises }) =>
      promises === undefined ? [] : [{ node, thread, promises: promises.promises * (windowMs / recording.durationMs) }],
    ),
  );
  return { ...windowOf(recordings), threads, failed: failedThreads(recordings) };
}

/** By kind, the kind that took longest first. */
export function summarizePauses(pauses: readonly GcPause[]): PauseSummary[] {
  const byKind = new Map<string, number[]>();
  for (const { kind, durationUs } of pauses) {
    const all = byKind.get(kind);
    if (all === undefined) byKind.set(kind, [durationUs]);
    else all.push(durationUs);
  }
  return [...byKind]
    .map(([kind, all]) =>
      summarize(
        kind,
        all.toSorted((one, other) => one - other),
      ),
    )
    .sort((one, other) => other.totalUs - one.totalUs);
}

function summarize(kind: string, sorted: readonly number[]): PauseSummary {
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const totalUs = sorted.reduce((sum, us) => sum + us, 0);
  return { kind, count: sorted.length, totalUs, p50Us: at(0.5), p99Us: at(0.99), maxUs: at(1) };
}

function windowOf(recordings: readonly NodeRecording[]): Window {
  const seconds = recordings.reduce((sum, { windowMs }) => sum + windowMs, 0) / 1000 / (recordings.length || 1);
  return {
    startedAt: recordings[0]?.recording.startedAt ?? '',
    seconds,
    requests: requestsOf(recordings),
  };
}

function failedThreads(recordings: readonly NodeRecording[]): FailedThread[] {
  return recordings.flatMap(({ node, recording }) =>
    recording.threads.flatMap(({ thread, failure }) => (failure === undefined ? [] : [{ node, thread, failure }])),
  );
}
