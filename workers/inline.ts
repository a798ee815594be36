/**
 * The worker on the main thread, for setting `dispatch` "inline": profilers that see one isolate then see the whole node.
 * Everything that a worker does holds up the client port here, so this is for looking at a node, not for running one.
 */
import { threadId } from 'node:worker_threads';
import type { WorkerSettings } from '../src/settings/settings.ts';
import { startWorker, type Worker } from './worker.ts';

/** Loaded by `src/dispatch/inline-pool.ts`, which knows this file by its path. */
export function startInline(settings: WorkerSettings): Promise<Worker> {
  return startWorker({ settings, threadId, index: 0, isFirst: true });
}
