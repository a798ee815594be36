/** A log line for what can happen often: written at most once in a while, with how often it happened since. */

/** Shortest time between two lines, milliseconds. */
const PAUSE_MS = 10_000;

export class SeldomLine {
  readonly #write: (reason: string, count: number) => void;
  #count = 0;
  #writtenAt = Number.NEGATIVE_INFINITY;

  /** `write` takes the last reason, and how many there were since the line before. */
  constructor(write: (reason: string, count: number) => void) {
    this.#write = write;
  }

  /** Notes that it happened at `now` (`performance.now()`). */
  note(reason: string, now = performance.now()): void {
    this.#count++;
    if (now - this.#writtenAt < PAUSE_MS) return;
    this.#write(reason, this.#count);
    this.#count = 0;
    this.#writtenAt = now;
  }
}
