/**
 * One event-loop turn as the unit of batching: whatever asks for it during a turn is run once, together, when the turn
 * has taken all its input.
 *
 * `setImmediate` runs after the poll phase, so it collects 20 or more operations at 64 busy connections; a microtask
 * would collect one, since each socket read is a callback of its own.
 */
export class Turn {
  readonly #run: () => void;
  #scheduled = false;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** Runs at the end of this turn; calling it again before then changes nothing. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#run();
    });
  }
}
