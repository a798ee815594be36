/** Time as what runs in a worker sees it: an argument, so that a test or a simulation can pass its own. */

export interface Time {
  /** Milliseconds that never go back. */
  readonly now: () => number;
  /** Milliseconds since 1970, by the machine's clock. */
  readonly wallMs: () => number;
  /** Calls `run` once, after so many milliseconds; what it returns calls that off. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** The machine's monotonic clock and Node's timers. */
export const systemTime: Time = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
