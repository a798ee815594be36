/**
 * A pool without threads, for setting `dispatch` "inline": the worker is started on the main thread, and its task is
 * called there. It stands in for the part of Piscina that `WorkerPool` uses and keeps its promises: so many tasks at
 * once, a bounded queue, the same messages.
 *
 * It exists for profilers that see one isolate (clinic bubbleprof crashes on worker threads). Nothing else should use it.
 */
import { EventEmitter } from 'node:events';
import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import type { MessagePort } from 'node:worker_threads';
import { KvorumError } from '../diagnostics/errors.ts';
import { workerFailure, type WorkerReady } from '../protocol/workers.ts';
import type { WorkerSettings } from '../settings/settings.ts';

/** What `WorkerPool` needs of a pool: a part of Piscina's interface. */
export interface TaskPool {
  readonly queueSize: number;
  readonly completed: number;
  /** Milliseconds. */
  readonly histogram: { readonly waitTime: Summary; readonly runTime: Summary };
  on(event: 'message' | 'error', listener: (message: unknown) => void): unknown;
  run(frame: Uint8Array, options: { transferList: ArrayBuffer[] }): Promise<Uint8Array | undefined>;
  destroy(): Promise<void>;
}

export interface InlinePoolOptions {
  readonly settings: WorkerSettings;
  readonly tasksMax: number;
  readonly queueMax: number;
}

interface Summary {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What `workers/inline.ts` exports. Nothing in src imports a worker, so it is known here by its shape. */
interface InlineWorkerModule {
  readonly startInline: (settings: WorkerSettings) => Promise<InlineWorker>;
}

interface InlineWorker {
  readonly ready: WorkerReady;
  readonly control: MessagePort;
  coordinate(frame: Uint8Array): Promise<Uint8Array | undefined>;
}

interface Task {
  readonly submittedAt: number;
  readonly start: () => void;
  readonly cancel: () => void;
}

export class InlinePool extends EventEmitter implements TaskPool {
  completed = 0;
  readonly #options: InlinePoolOptions;
  readonly #queue: Task[] = [];
  readonly #waitUs = createHistogram();
  readonly #runUs = createHistogram();
  #running = 0;
  #worker: InlineWorker | undefined;

  constructor(options: InlinePoolOptions) {
    super();
    this.#options = options;
    void this.#start();
  }

  get queueSize(): number {
    return this.#queue.length;
  }

  get histogram(): TaskPool['histogram'] {
    return { waitTime: summaryMs(this.#waitUs), runTime: summaryMs(this.#runUs) };
  }

  /** The memory stays where it is: there is no thread for it to move to. */
  run(frame: Uint8Array, { transferList }: { transferList: ArrayBuffer[] }): Promise<Uint8Array | undefined> {
    if (this.#running >= this.#options.tasksMax && this.#queue.length >= this.#options.queueMax) {
      return Promise.reject(new Error('Task queue is at limit'));
    }
    return new Promise((resolve, reject) => {
      const start = (): void => {
        // Piscina reads the list when it posts a task, and callers may take that for the end of the wait.
        void transferList[0];
        void this.#call(frame).then(resolve, reject);
      };
      const cancel = (): void => reject(new KvorumError('worker-failed', 'the pool is closed'));
      this.#queue.push({ submittedAt: performance.now(), start, cancel });
      this.#startNext();
    });
  }

  destroy(): Promise<void> {
    this.#worker?.control.close();
    for (const task of this.#queue.splice(0)) task.cancel();
    return Promise.resolve();
  }

  async #start(): Promise<void> {
    try {
      const path = new URL('../../workers/inline.js', import.meta.url).href;
      const { startInline } = (await import(path)) as InlineWorkerModule;
      this.#worker = await startInline(this.#options.settings);
      this.emit('message', { ...this.#worker.ready, control: this.#worker.control });
    } catch (error) {
      this.emit('message', workerFailure(error));
    }
  }

  #startNext(): void {
    if (this.#running >= this.#options.tasksMax) return;
    const task = this.#queue.shift();
    if (task === undefined) return;
    this.#running++;
    record(this.#waitUs, task.submittedAt);
    task.start();
  }

  async #call(frame: Uint8Array): Promise<Uint8Array | undefined> {
    const startedAt = performance.now();
    try {
      if (this.#worker === undefined) throw new KvorumError('worker-failed', 'the worker did not start');
      return await this.#worker.coordinate(frame);
    } finally {
      record(this.#runUs, startedAt);
      this.completed++;
      this.#running--;
      this.#startNext();
    }
  }
}

/** In microseconds, at least one: a histogram takes no zero. */
function record(histogram: RecordableHistogram, since: number): void {
  histogram.record(Math.max(1, Math.round((performance.now() - since) * 1000)));
}

function summaryMs(histogram: RecordableHistogram): Summary {
  const inMs = (us: number): number => us / 1000;
  return { p50: inMs(histogram.percentile(50)), p99: inMs(histogram.percentile(99)), max: inMs(histogram.max) };
}
