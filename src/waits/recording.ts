/**
 * What a node records of itself, and the form of a recording: the contract between the code that records inside a node
 * (`profiling/inside`), the client port that starts and stops it, and the readers of recordings.
 *
 * The profiles are V8's own, as the Chrome DevTools Protocol describes them, so that a file of one opens in DevTools and
 * speedscope.
 */

import type { WaitRecording } from './wait-recording.ts';

export const recordingSchema = 'kvorum-recording/1';

/**
 * `cpu`: where each thread's time goes. `heap`: what each thread allocates on V8's heap. `gc`: pauses, and bytes
 * allocated on the heap and off it. `promises`: how many promises each thread makes. `waits`: through which stages
 * operations go on their way through all threads.
 */
/** What is recorded of each thread for itself. */
export const threadKinds = ['cpu', 'heap', 'gc', 'promises'] as const;
export const recordingKinds = [...threadKinds, 'waits'] as const;
export type RecordingKind = (typeof recordingKinds)[number];
export type ThreadKind = (typeof threadKinds)[number];

/** Microseconds between samples of `cpu`, bytes of `heap`, operations of `waits`; the others take none. */
export const intervals: Readonly<Record<RecordingKind, { default: number; min: number; max: number } | undefined>> = {
  // 1,000 us cost about 8% CPU per request, 250 us 20 to 55%.
  cpu: { default: 1000, min: 100, max: 1_000_000 },
  heap: { default: 131_072, min: 1024, max: 1_073_741_824 },
  gc: undefined,
  promises: undefined,
  waits: { default: 16, min: 1, max: 1_000_000 },
};

export interface CallFrame {
  readonly functionName: string;
  readonly scriptId: string;
  readonly url: string;
  /** From 0, as V8 counts; -1 if there is no source. */
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** A `.cpuprofile`. Times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly CpuProfileNode[];
  readonly startTime: number;
  readonly endTime: number;
  /** Node ids. */
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

export interface CpuProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly hitCount?: number;
  readonly children?: readonly number[];
}

/** A `.heapprofile`: bytes allocated, as estimated from the samples, by where they were allocated. */
export interface HeapProfile {
  readonly head: HeapProfileNode;
  readonly samples?: readonly unknown[];
}

export interface HeapProfileNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly HeapProfileNode[];
}

/** V8's names for what a collection does. */
export interface GcPause {
  readonly kind: string;
  readonly durationUs: number;
}

export interface GcRecord {
  /** The first `pausesKeptMax`; past it only the counts go on. */
  readonly pauses: readonly GcPause[];
  readonly pausesSeen: number;
  /** Exact: what V8's heap grew by between collections. */
  readonly heapBytes: number;
  /**
   * Memory of Buffers and ArrayBuffers that came to the thread, made by it or handed to it by another thread: the sum of
   * the rises of V8's external memory, read every millisecond. Memory that is given away or freed between two readings
   * is missed, so this is a lower bound: 96 to 99% of buffers of 200 B to 16 KiB that nobody gives away.
   */
  readonly offHeapBytes: number;
}

export interface PromiseRecord {
  readonly promises: number;
}

/** What was recorded of one thread. */
export interface ThreadRecording {
  /** `main`, `worker 1`, ... */
  readonly thread: string;
  readonly threadId: number;
  /** The system's id of the thread; null if the system does not tell. */
  readonly osThreadId: number | null;
  /** Why there is nothing of this thread. */
  readonly failure?: string;
  readonly cpu?: CpuProfile;
  readonly heap?: HeapProfile;
  readonly gc?: GcRecord;
  readonly promises?: PromiseRecord;
}

export interface Recording {
  readonly schema: typeof recordingSchema;
  readonly kind: RecordingKind;
  readonly url: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly interval: number | null;
  /** Empty for kind `waits`. */
  readonly threads: readonly ThreadRecording[];
  /** Of kind `waits` only. */
  readonly waits?: WaitRecording;
}

export type ProfilerPhase = 'off' | 'starting' | 'recording' | 'stopping';

/** `GET /v0/profile`. */
export interface ProfilerState {
  readonly state: ProfilerPhase;
  readonly kind: RecordingKind | null;
  readonly interval: number | null;
  readonly startedAt: string | null;
  /** A recording that nobody stops ends by itself after this. */
  readonly durationMsMax: number;
  readonly pid: number;
  /** Inspector sessions that the profiler holds: one per thread during a recording, else 0. */
  readonly sessions: number;
  /** Recordings that ended by themselves, since start. */
  readonly forgotten: number;
}
