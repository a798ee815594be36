/**
 * Notices that the process stood still: it was stopped, its machine slept or was moved, or a turn of its event loop took
 * that long. What its kernel has taken meanwhile may have been given up by those who sent it, and others may have acted on
 * that: a write that is begun only now would replace what they have written since.
 *
 * A timer notes the time; whoever is about to begin something compares. After a pause the process is `resuming` for some
 * turns of the event loop, which bring what waits in the kernel: connections, then their requests, then that they ended.
 */
import { setImmediate as endOfTurn, setTimeout } from 'node:timers/promises';

/** How often the time is noted, milliseconds. */
const BEAT_MS = 250;
/** Later beats than these are no pause but a busy process. */
const PAUSE_MS_MIN = 2 * BEAT_MS;
/** What waits in the kernel is here after this, milliseconds and turns. */
const RESUME_MS = 50;
const RESUME_TURNS = 4;

export interface PulseOptions {
  /** A pause that is longer is told of. */
  readonly pauseMs: number;
  readonly onPause: (ms: number) => void;
}

export class Pulse {
  readonly #options: PulseOptions;
  readonly #timer: NodeJS.Timeout;
  #beatAt = performance.now();
  /** When the process went on after its last pause. */
  #resumedAt = 0;
  #isResuming = false;

  constructor(options: PulseOptions) {
    this.#options = { ...options, pauseMs: Math.max(options.pauseMs, PAUSE_MS_MIN) };
    this.#timer = setInterval(() => this.#beat(performance.now()), BEAT_MS);
    this.#timer.unref();
  }

  /** Whether what comes now, at `performance.now()`, may have waited for as long as the process stood still. */
  isResuming(now: number): boolean {
    if (now - this.#beatAt > this.#options.pauseMs) this.#beat(now);
    return this.#isResuming;
  }

  /** Whether the process has stood still since `time`, of `performance.now()`. */
  hasPausedSince(time: number): boolean {
    return time < this.#resumedAt;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #beat(now: number): void {
    const passedMs = now - this.#beatAt;
    this.#beatAt = now;
    if (passedMs <= this.#options.pauseMs) return;
    this.#resumedAt = now;
    this.#options.onPause(passedMs);
    if (!this.#isResuming) void this.#resume();
  }

  async #resume(): Promise<void> {
    this.#isResuming = true;
    // Another pause may come while this one is got over.
    for (let seen = 0; seen !== this.#resumedAt;) {
      seen = this.#resumedAt;
      await setTimeout(RESUME_MS);
      for (let turn = 0; turn < RESUME_TURNS; turn++) await endOfTurn();
    }
    this.#isResuming = false;
  }
}
