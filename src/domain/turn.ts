/**
 * One event-loop turn as the unit of batching: whatever asks for it during a turn is run once, together, when the turn
 * has taken all its input.
 *
 * The timer is `setImmediate`, which runs after the poll phase, so it collects 20 or more operations at 64 busy
 * connections; a microtask would collect one, since each socket read is a callback of its own.
 */
export class Turn {
  readonly #run: () => void;
  readonly #atEnd: (run: () => void) => void;
  #isScheduled = false;

  /** `atEnd` calls what it is given at the end of the turn: `setImmediate`. */
  constructor(run: () => void, atEnd: (run: () => void) => void) {
    this.#atEnd = atEnd;
    this.#run = () => {
      this.#isScheduled = false;
      run();
    };
  }

  /** Runs at the end of this turn; calling it again before then changes nothing. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#atEnd(this.#run);
  }
}
