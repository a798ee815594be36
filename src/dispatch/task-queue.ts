/**
 * The tasks of one worker: so many at a time under way, the others in a queue. The bound on what waits is one for the
 * whole node, whatever the number of workers: `TaskBounds`.
 *
 * Our own queue instead of Piscina's, since Piscina has one a pool and each worker is a pool of its own; and since it
 * refuses by an error that only its message tells from others, and does not say when it posts a task.
 */
import type { FrameTask } from '../protocol/frame-task.ts';
import { KvorumError } from '../diagnostics/errors.ts';
import { Histogram, latencyBounds } from '../metrics/metrics.ts';

/** How a task has ended. */
export type TaskOutcome<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  /** Too many tasks wait, or it was not wanted any more when its turn came; nothing was begun. */
  | { readonly kind: 'refused' }
  /** The worker died with it, or threw. */
  | { readonly kind: 'failed'; readonly error: unknown };

export interface Task extends FrameTask {
  /** Whether it is still to be begun; asked if it had to wait for its turn. */
  readonly isWanted: () => boolean;
  /** Called when the worker gets the frame. */
  readonly onPosted: (() => void) | undefined;
}

/** What all queues of a node share: the bounds, and how long tasks waited and ran. */
export class TaskBounds {
  readonly tasksPerWorkerMax: number;
  readonly waitSeconds = new Histogram(latencyBounds);
  readonly runSeconds = new Histogram(latencyBounds);
  completed = 0;
  /** Tasks that wait for a worker. */
  waiting = 0;
  readonly #queueMax: number;

  constructor(tasksPerWorkerMax: number, queueMax: number) {
    this.tasksPerWorkerMax = tasksPerWorkerMax;
    this.#queueMax = queueMax;
  }

  /** Whether one more task may wait. */
  get hasRoom(): boolean {
    return this.waiting < this.#queueMax;
  }
}

interface Waiting {
  /** False if it was not wanted any more. */
  readonly start: () => boolean;
  readonly cancel: () => void;
}

export class TaskQueue<Result> {
  readonly #bounds: TaskBounds;
  readonly #run: (task: Task) => Promise<Result>;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  /** `run` gives a task to the worker and resolves when it has ended. */
  constructor(bounds: TaskBounds, run: (task: Task) => Promise<Result>) {
    this.#bounds = bounds;
    this.#run = run;
  }

  /** Runs a task now or when its turn comes. Never rejects. */
  submit(task: Task): Promise<TaskOutcome<Result>> {
    const submittedAt = performance.now();
    if (this.#running < this.#bounds.tasksPerWorkerMax) return this.#start(task, submittedAt);
    if (!this.#bounds.hasRoom) return Promise.resolve({ kind: 'refused' });
    this.#bounds.waiting++;
    return new Promise((resolve) => {
      const start = (): boolean => {
        const isWanted = task.isWanted();
        resolve(isWanted ? this.#start(task, submittedAt) : { kind: 'refused' });
        return isWanted;
      };
      const cancel = (): void =>
        resolve({ kind: 'failed', error: new KvorumError('worker-failed', 'the pool is closed') });
      this.#waiting.push({ start, cancel });
    });
  }

  /** Fails what waits; what is under way ends with its worker. */
  close(): void {
    this.#bounds.waiting -= this.#waiting.length;
    for (const { cancel } of this.#waiting.splice(0)) cancel();
  }

  async #start(task: Task, submittedAt: number): Promise<TaskOutcome<Result>> {
    const startedAt = performance.now();
    this.#bounds.waitSeconds.observe((startedAt - submittedAt) / 1000);
    this.#running++;
    try {
      task.onPosted?.();
      return { kind: 'done', result: await this.#run(task) };
    } catch (error) {
      return { kind: 'failed', error };
    } finally {
      this.#bounds.runSeconds.observe((performance.now() - startedAt) / 1000);
      this.#bounds.completed++;
      this.#running--;
      this.#startNext();
    }
  }

  #startNext(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#bounds.waiting--;
      if (next.start()) return;
    }
  }
}
