/**
 * How far a thread's `performance.now()` stands from the machine's monotonic clock, which `process.hrtime` reads in every
 * thread and process: marks of several threads can then be put in one order.
 */

const tries = 16;

/** Milliseconds to add to `performance.now()`: of several readings the one that took the shortest. */
export function clockOriginMs(): number {
  let best = { widthMs: Infinity, originMs: 0 };
  for (let attempt = 0; attempt < tries; attempt++) {
    const before = performance.now();
    const monotonicMs = Number(process.hrtime.bigint()) / 1e6;
    const after = performance.now();
    const widthMs = after - before;
    if (widthMs < best.widthMs) best = { widthMs, originMs: monotonicMs - (before + after) / 2 };
  }
  return best.originMs;
}
