/**
 * Preloaded into a node (`NODE_OPTIONS=--import`): its first worker reads from the FIFO that `STUCK_FIFO` names, to which nobody
 * writes. A thread does not end before the system has answered what it asked for.
 */
import { constants, openSync, read } from 'node:fs';
import { threadId } from 'node:worker_threads';

const fifo = process.env['STUCK_FIFO'];

// Open for both, or the opening would wait.
if (threadId === 1 && fifo !== undefined) {
  read(openSync(fifo, constants.O_RDWR), new Uint8Array(1), () => {});
}
