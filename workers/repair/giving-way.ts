/** Repair runs in the threads that serve clients: for half a millisecond at a time, with a pause between while they come. */
import { performance } from 'node:perf_hooks';

const SLICE_MS = 0.5;
/** While clients come: a tenth of the thread. */
const PAUSE_MS = 5;

export class GivingWay {
  readonly #operationsSoFar: () => number;
  #seen = 0;
  #sliceEndsAt = 0;

  /** `operationsSoFar` grows with what clients ask of this thread. */
  constructor(operationsSoFar: () => number) {
    this.#operationsSoFar = operationsSoFar;
  }

  /** Whether it is time to pause. */
  get isDue(): boolean {
    return performance.now() >= this.#sliceEndsAt;
  }

  /** Resolves when the next slice may begin. */
  async pause(): Promise<void> {
    const operations = this.#operationsSoFar();
    const isBusy = operations !== this.#seen;
    await new Promise<void>((resolve) => {
      if (isBusy) setTimeout(resolve, PAUSE_MS);
      else setImmediate(resolve);
    });
    this.#seen = operations;
    this.#sliceEndsAt = performance.now() + SLICE_MS;
  }

  /** Runs steps to their end. */
  async run<Result>(steps: Generator<void, Result>): Promise<Result> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (this.isDue) await this.pause();
    }
  }
}
