/** Waiting without fixed sleeps: ask again until the answer is the wanted one, up to a deadline that only a failure reaches. */
import { setTimeout } from 'node:timers/promises';

const PAUSE_MS = 20;
/** Far above what any step takes on a loaded machine, so that no test depends on speed. */
export const patienceMs = 90_000;

/** Calls `attempt` until it resolves without throwing; throws its last error at the deadline. */
export async function eventually<T>(attempt: () => T | Promise<T>, deadlineMs = patienceMs): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await setTimeout(PAUSE_MS);
  }
}

/** Rejects with `what` if `promise` does not settle in time. */
export async function within<T>(promise: Promise<T>, what: string, deadlineMs = patienceMs): Promise<T> {
  const stop = new AbortController();
  const late = setTimeout(deadlineMs, undefined, { signal: stop.signal }).then(
    () => Promise.reject(new Error(`${what} did not happen within ${deadlineMs} ms`)),
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
  }
}
