/**
 * Notices that the process stood still: it was stopped, its machine slept or was moved, or a turn of its event loop took
 * that long. What its kernel has taken meanwhile may have been given up by those who sent it, and others may have acted on
 * that: a write that is begun only now would replace what they have written since.
 *
 * A timer notes the time; whoever is about to begin something compares. After a pause the process is `resuming` until what
 * waits in the kernel is here: new connections, of which a turn of the event loop takes one (libuv 1.46), then their
 * requests.
 */
import { setImmediate as endOfTurn, setTimeout } from 'node:timers/promises';

/** How often the time is noted, milliseconds. */
const BEAT_MS = 250;
/** Later beats than these are no pause but a busy process. */
const PAUSE_MS_MIN = 2 * BEAT_MS;
/** What waits in the kernel is here after so many milliseconds, and then so many turns that bring no new connection. */
const RESUME_MS = 50;
const QUIET_TURNS = 4;

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
  /** Turns since the last new connection, and connections since the process went on. */
  #quietTurns = 0;
  #accepted = 0;

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

  /**
   * A new connection was taken from the kernel. Those that waited there during the pause come first, and they are at most
   * `backlog`.
   */
  noteAccepted(backlog: number): void {
    if (this.#isResuming && ++this.#accepted <= backlog) this.#quietTurns = 0;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #beat(now: number): void {
    const passedMs = now - this.#beatAt;
    this.#beatAt = now;
    if (passedMs <= this.#options.pauseMs) return;
    this.#resumedAt = now;
    this.#accepted = 0;
    this.#options.onPause(passedMs);
    if (!this.#isResuming) void this.#resume();
  }

  async #resume(): Promise<void> {
    this.#isResuming = true;
    // Another pause may come while this one is got over.
    for (let seen = 0; seen !== this.#resumedAt;) {
      seen = this.#resumedAt;
      await setTimeout(RESUME_MS);
      for (this.#quietTurns = 0; this.#quietTurns < QUIET_TURNS; this.#quietTurns++) await endOfTurn();
    }
    this.#isResuming = false;
  }
}
