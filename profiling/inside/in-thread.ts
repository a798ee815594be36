/**
 * Functions that run in a thread under observation. They get there as text, through the inspector's `Runtime.evaluate`,
 * so each stands alone: no imports, nothing from outside its own braces.
 *
 * What they return lives as long as the inspector session that evaluated them, so nothing stays behind in the thread,
 * not even a name.
 */
import type { GcRecord, PromiseRecord } from '../../src/waits/recording.ts';

/** Something that goes on in a thread until it is stopped. */
export interface Watch<Result> {
  stop(): Result;
}

/** The system's id of the calling thread, or null. */
export function osThreadId(): number | null {
  try {
    return Number(process.getBuiltinModule('node:fs').readlinkSync('/proc/thread-self').split('/').at(-1)) || null;
  } catch {
    return null;
  }
}

/** Watches garbage collections, the heap between them, and memory off the heap. */
export function watchCollections(): Watch<GcRecord> {
  const pausesKeptMax = 50_000;
  const v8 = process.getBuiltinModule('node:v8');
  const profiler = new v8.GCProfiler();
  const heapAtStart = v8.getHeapStatistics().used_heap_size;
  let offHeapBytes = 0;
  let external = v8.getHeapStatistics().external_memory;
  const look = (): void => {
    const now = v8.getHeapStatistics().external_memory;
    if (now > external) offHeapBytes += now - external;
    external = now;
  };
  const timer = setInterval(look, 1);
  timer.unref();
  profiler.start();
  return {
    stop() {
      clearInterval(timer);
      look();
      const heapAtEnd = v8.getHeapStatistics().used_heap_size;
      const { statistics } = profiler.stop();
      let heapBytes = 0;
      let heapBefore = heapAtStart;
      for (const { beforeGC, afterGC } of statistics) {
        heapBytes += Math.max(0, beforeGC.heapStatistics.usedHeapSize - heapBefore);
        heapBefore = afterGC.heapStatistics.usedHeapSize;
      }
      heapBytes += Math.max(0, heapAtEnd - heapBefore);
      const pauses = statistics.slice(0, pausesKeptMax).map(({ gcType, cost }) => ({ kind: gcType, durationUs: cost }));
      return { pauses, pausesSeen: statistics.length, heapBytes, offHeapBytes };
    },
  };
}

/** Counts the promises that the thread makes. */
export function watchPromises(): Watch<PromiseRecord> {
  let promises = 0;
  const unhook = process.getBuiltinModule('node:v8').promiseHooks.onInit(() => {
    promises++;
  }) as () => void;
  return {
    stop() {
      unhook();
      return { promises };
    },
  };
}
