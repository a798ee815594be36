/**
 * A recording of waits in a running node: takes hold of the main thread and the workers at the start, lets go of all of
 * them at the end, and puts their parts together.
 */
import type { WaitPoints, WaitRecording } from '../../src/waits/wait-recording.ts';
import { joinRecordings } from '../../src/waits/wait-recording.ts';
import { MainWaits } from './main-waits.ts';
import { systemThreadId } from './thread-waits.ts';

/** Sampled operations of one recording: some 400 bytes each in memory, 250 as JSON. */
const operationsMax = 20_000;
/** What workers load; named by its address, since workers know nothing of profiling; by a path that leads there from the node's bundle, too. */
const workerModule = new URL('../../profiling/inside/worker-waits.js', import.meta.url).href;

/** Starts recording one operation in `every`; resolves to what ends it. */
export async function startWaits(points: WaitPoints, every: number): Promise<() => Promise<WaitRecording>> {
  const options = { every, operationsMax };
  const startedAt = new Date().toISOString();
  const startedMs = performance.now();
  // Workers first: what the main thread marks then has marks of a worker too.
  await points.startWorkers(options, workerModule);
  const main = new MainWaits(options);
  points.setHooks(main);
  return async () => {
    points.setHooks(undefined);
    const durationMs = performance.now() - startedMs;
    const workers = await points.stopWorkers();
    const ids = [systemThreadId(), ...workers.map((worker) => worker.systemThreadId)];
    const recording = main.stop(new Set(ids.filter((id) => id !== undefined)));
    const { url, mode, durability } = points;
    return joinRecordings(recording, workers, { url, mode, durability, startedAt, durationMs, options });
  };
}
