/**
 * What each thread of the Piscina pool runs: a worker that starts with the thread, and the pool's task.
 */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { move } from 'piscina';
import type { FrameTask } from '../src/protocol/frame-task.ts';
import { workerFailure } from '../src/protocol/workers.ts';
import type { WorkerData } from '../src/settings/settings.ts';
import { startWorker, type Worker } from './worker.ts';

const worker = await start(workerData as WorkerData).catch((error: unknown) => {
  parentPort?.postMessage(workerFailure(error));
  return undefined;
});

/** The pool's task, see `Worker.coordinate`. The outcomes' memory moves to the main thread. */
export async function coordinate(task: FrameTask): Promise<unknown> {
  if (worker === undefined) throw new Error('the worker did not start');
  const outcomes = await worker.coordinate(task);
  return outcomes === undefined ? undefined : move(outcomes);
}

async function start({ settings, index, isFirst }: WorkerData): Promise<Worker> {
  const started = await startWorker({ settings, threadId, index, isFirst });
  parentPort?.postMessage({ ...started.ready, control: started.control }, [started.control]);
  return started;
}
