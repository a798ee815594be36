/**
 * When undici writes a request to a socket: its diagnostics channel says so of every request, and a request of ours is
 * recognised by its body. Subscribed to only while somebody records waits. What goes over a link is written when it is
 * given to it, and needs none of this.
 *
 * The wait for a socket is counted from the call of `dispatch`, not from `undici:request:create`: a request that finds
 * all of a pool's sockets busy waits before it is created.
 */
import { Buffer } from 'node:buffer';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { BatchMarks } from '../../src/waits/wait-marks.ts';

/** undici publishes `{ request, headers, socket }` there. */
export const sendingChannel = 'undici:client:sendHeaders';

const waiting = new WeakMap<Buffer, BatchMarks>();

/** Has the sending of a body marked; the body that must be sent, since another peer may be sent the same bytes. */
export function awaitSending(body: Buffer, marks: BatchMarks): Buffer {
  const own = body.subarray();
  waiting.set(own, marks);
  return own;
}

/** Marks bodies as they are sent; returns what ends it. */
export function watchSending(): () => void {
  subscribe(sendingChannel, onSending);
  return () => void unsubscribe(sendingChannel, onSending);
}

function onSending(message: unknown): void {
  const { body } = (message as { readonly request: { readonly body: unknown } }).request;
  const marks = body instanceof Buffer ? waiting.get(body) : undefined;
  if (marks !== undefined) marks.headersAt = performance.now();
}
