/**
 * A program whose threads contend for LMDB's writer lock, for a profiler to find: each of two workers holds it most of the
 * time. Prints `ready` when both have had it.
 */
import { Buffer } from 'node:buffer';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { open } from 'lmdb';

const holdMs = 5;

if (isMainThread) {
  const workers = [1, 2].map(() => new Worker(fileURLToPath(import.meta.url), { workerData: process.argv[2] }));
  let ready = 0;
  for (const worker of workers)
    worker.on('message', () => ++ready === workers.length && process.stdout.write('ready\n'));
} else {
  const store = open<Buffer, Buffer>({ path: workerData as string, noSync: true, encoding: 'binary' });
  const key = Buffer.from('key');
  for (let round = 0; ; round++) {
    store.transactionSync(() => {
      store.putSync(key, key);
      const until = performance.now() + holdMs;
      while (performance.now() < until);
    });
    if (round === 0) parentPort?.postMessage('had');
  }
}
