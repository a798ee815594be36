/**
 * How long one request is waited for: its signal is aborted when the time is over or the caller gives up, and tells the two
 * apart. The caller's signal may live for as long as the process, and many requests may share it: it gets one listener, since
 * Node warns above ten.
 */
const givers = new WeakMap<AbortSignal, Set<() => void>>();

export class Patience {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #end: 'timeout' | 'aborted' | undefined;
  readonly #giveUp = (): void => this.#abort('aborted');

  constructor(timeoutMs: number, caller: AbortSignal | undefined) {
    this.#caller = caller;
    if (caller?.aborted === true) {
      this.#giveUp();
    } else {
      if (caller !== undefined) giversOf(caller).add(this.#giveUp);
      this.wait(timeoutMs);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the request was ended; undefined if it was not. */
  get end(): 'timeout' | 'aborted' | undefined {
    return this.#end;
  }

  /** Waits for so long from now, whatever was left. */
  wait(timeoutMs: number): void {
    this.pause();
    if (this.#end === undefined) this.#timer = setTimeout(() => this.#abort('timeout'), timeoutMs);
  }

  /** The next step is the caller's, who may take any time. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  /** Nothing is waited for any more. */
  release(): void {
    this.pause();
    if (this.#caller !== undefined) givers.get(this.#caller)?.delete(this.#giveUp);
  }

  #abort(end: 'timeout' | 'aborted'): void {
    this.#end ??= end;
    this.release();
    this.#controller.abort();
  }
}

/** What is called when `signal` is aborted. */
function giversOf(signal: AbortSignal): Set<() => void> {
  const known = givers.get(signal);
  if (known !== undefined) return known;
  const all = new Set<() => void>();
  givers.set(signal, all);
  signal.addEventListener('abort', () => all.forEach((giveUp) => giveUp()), { once: true });
  return all;
}

/** Resolves after `ms`, or at once when `signal` is aborted. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const patience = new Patience(ms, signal);
    if (patience.end !== undefined) return resolve();
    patience.signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
