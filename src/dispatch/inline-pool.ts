/**
 * A pool without threads, for setting `dispatch` "inline": the worker is started on the main thread, and its task is
 * called there. It stands in for the part of Piscina that `WorkerPool` uses.
 *
 * It exists for profilers that see one isolate (clinic bubbleprof crashes on worker threads). Nothing else should use it.
 */
import { EventEmitter } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { KvorumError } from '../diagnostics/errors.ts';
import type { FrameTask } from '../protocol/frame-task.ts';
import { workerFailure, type WorkerReady } from '../protocol/workers.ts';
import type { WorkerSettings } from '../settings/settings.ts';

/** What `WorkerPool` needs of a pool of one worker: a part of Piscina's interface. */
export interface TaskPool {
  on(event: 'message' | 'error', listener: (message: unknown) => void): unknown;
  run(task: FrameTask, options: { transferList: ArrayBuffer[] }): Promise<Uint8Array | undefined>;
  destroy(): Promise<void>;
}

/** What `workers/inline.ts` exports. Nothing in src imports a worker, so it is known here by its shape. */
interface InlineWorkerModule {
  readonly startInline: (settings: WorkerSettings) => Promise<InlineWorker>;
}

interface InlineWorker {
  readonly ready: WorkerReady;
  readonly control: MessagePort;
  coordinate(task: FrameTask): Promise<Uint8Array | undefined>;
}

export class InlinePool extends EventEmitter implements TaskPool {
  #worker: InlineWorker | undefined;

  constructor(settings: WorkerSettings) {
    super();
    void this.#start(settings);
  }

  /** The memory stays where it is: there is no thread for it to move to. */
  async run(task: FrameTask): Promise<Uint8Array | undefined> {
    if (this.#worker === undefined) throw new KvorumError('worker-failed', 'the worker did not start');
    return this.#worker.coordinate(task);
  }

  destroy(): Promise<void> {
    this.#worker?.control.close();
    return Promise.resolve();
  }

  async #start(settings: WorkerSettings): Promise<void> {
    try {
      const path = new URL('../../workers/inline.js', import.meta.url).href;
      const { startInline } = (await import(path)) as InlineWorkerModule;
      this.#worker = await startInline(settings);
      this.emit('message', { ...this.#worker.ready, control: this.#worker.control });
    } catch (error) {
      this.emit('message', workerFailure(error));
    }
  }
}
