/**
 * Long computations as generators that yield where they may pause, so that the owner of an event loop decides when they
 * go on.
 */

/** Runs `steps` to its end; awaits `pause` after each step. */
export async function runInSteps<Result>(
  steps: Generator<void, Result>,
  pause: () => Promise<unknown>,
): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await pause();
  }
}
