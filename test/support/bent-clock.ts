/** A machine's clocks as a test bends them: time passes when the test says so, and the wall clock is set. */
import type { ClockSource } from '../../src/dispatch/clock.ts';

export class BentClock implements ClockSource {
  readonly originMicros: number;
  #passedMicros = 0;
  #offMicros = 0;

  /** `offMs`: how far the wall clock is ahead of the truth from the start. */
  constructor(trueMs: number, offMs = 0) {
    this.originMicros = (trueMs + offMs) * 1000;
  }

  readonly monotonicMicros = (): number => this.#passedMicros;

  readonly wallMicros = (): number =>
    Math.floor((this.originMicros + this.#passedMicros + this.#offMicros) / 1000) * 1000;

  /** Lets time pass. */
  pass(ms: number): void {
    this.#passedMicros += ms * 1000;
  }

  /** Puts the wall clock forward, or back. */
  set(byMs: number): void {
    this.#offMicros += byMs * 1000;
  }
}
