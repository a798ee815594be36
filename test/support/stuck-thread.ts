/**
 * Preloaded into a node (`NODE_OPTIONS=--import`): a worker that has stopped is stuck from then on in a call of the system, reading
 * from the FIFO that `STUCK_FIFO` names, to which nobody writes. No thread can be ended in there.
 */
import { constants, openSync, readSync } from 'node:fs';
import { isMainThread, MessagePort } from 'node:worker_threads';

const fifo = process.env['STUCK_FIFO'];

if (!isMainThread && fifo !== undefined) {
  type Post = (this: MessagePort, message: unknown, ...rest: unknown[]) => void;
  const prototype = MessagePort.prototype as unknown as Record<'postMessage', Post>;
  const post: Post = prototype['postMessage'];
  prototype['postMessage'] = function (this: MessagePort, message: unknown, ...rest: unknown[]): void {
    post.call(this, message, ...rest);
    if ((message as { readonly kind?: unknown } | null)?.kind !== 'stopped') return;
    // Open for both, or the opening would wait.
    readSync(openSync(fifo, constants.O_RDWR), new Uint8Array(1));
  };
}
