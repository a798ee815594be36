/** How a node's process ends: at once, whatever its threads do. */
import { setTimeout } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { ExitCode } from './exit-codes.ts';
import { writeNotice } from './output.ts';

/** For threads to end, milliseconds; the pool of a node that stopped has waited for its own already. */
const THREAD_END_MS_MAX = 5000;

const threads = new Set<Worker>();

/** Keeps count of the threads that this process starts from now on. */
export function countThreads(): void {
  process.on('worker', (thread) => {
    threads.add(thread);
    thread.once('exit', () => threads.delete(thread));
  });
}

/**
 * Ends the process with this code. Node's own exit waits for all threads, for ever for one that is stuck in a call of the system
 * or in what Node cleans up; with such a thread the process kills itself, after it has said which code it would have had.
 */
export async function leave(code: ExitCode): Promise<never> {
  const ended = Promise.all([...threads].map((thread) => thread.terminate())).then(() => true);
  if (!(await Promise.race([ended, setTimeout(THREAD_END_MS_MAX, false)]))) {
    writeNotice(
      `kvorum: threads that do not end: ${threads.size}; the process kills itself, its exit code would be ${code}`,
    );
    process.kill(process.pid, 'SIGKILL');
  }
  process.exit(code);
}
