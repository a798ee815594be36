/**
 * What the thread that writes to LMDB does when nobody waits for it, a step at a time: after each it rests for several times as
 * long as the step took, or for as long as the work asks for.
 */
import { performance } from 'node:perf_hooks';

/** Yields how long to rest before the next step, at least, milliseconds. */
export type BackgroundWork = Generator<number, void>;

/** At most a fifth of a core. */
const REST_SHARE = 4;
const REST_MS_MIN = 5;

/** Does the work to its end; what is returned ends it before. Calls `onFailed` with what a step throws, and does no more. */
export function runInBackground(work: BackgroundWork, onFailed: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const step = (): void => {
    const started = performance.now();
    try {
      const { value, done } = work.next();
      if (done === true) return;
      timer = setTimeout(step, Math.max(value, REST_MS_MIN, REST_SHARE * (performance.now() - started)));
    } catch (error) {
      onFailed(error);
    }
  };
  timer = setTimeout(step, REST_MS_MIN);
  return () => clearTimeout(timer);
}
