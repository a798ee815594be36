/** What the main thread hands to a worker as a task of its pool. */

export interface FrameTask {
  readonly frame: Uint8Array;
  /** `threadTimeMs()` when the main thread let go of it. */
  readonly sentAt: number;
}

/** Milliseconds of a clock that all threads of a process share, which `performance.now()` is not. */
export function threadTimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
