/**
 * How long a client may take over a body, whatever its size: as long as it makes progress. It is looked at after a grace,
 * and then again each time that as long has passed, since what the kernel's buffers take comes in steps of a megabyte.
 */

export interface Pace {
  readonly graceMs: number;
  readonly bytesPerSecondMin: number;
}

export interface Progress {
  /** When it was looked at last, milliseconds. */
  readonly since: number;
  /** Bytes that had moved by then. */
  readonly bytes: number;
}

/** The progress to compare with from now on, or undefined if the client is too slow. */
export function keepsPace(last: Progress, now: Progress, pace: Pace): Progress | undefined {
  const waitedMs = now.since - last.since;
  if (waitedMs <= pace.graceMs) return last;
  return now.bytes - last.bytes >= (waitedMs / 1000) * pace.bytesPerSecondMin ? now : undefined;
}
