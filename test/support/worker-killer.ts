/**
 * Ends a worker thread of a running node from outside, through the node's inspector: the main thread's session reaches
 * its workers through the NodeWorker domain of the inspector protocol.
 */
import { once } from 'node:events';
import { WebSocket } from 'undici';
import { eventually, within } from './eventually.ts';
import type { NodeProcess } from './node-process.ts';

/** The environment of a node whose workers can be ended. */
export const inspected = { NODE_OPTIONS: '--inspect=127.0.0.1:0' } as const;

interface InspectorMessage {
  readonly method?: string;
  readonly params?: { readonly sessionId?: string; readonly workerInfo?: { readonly title?: string } };
}

/** Makes one of the node's worker threads exit, as if it had crashed. Resolves when it was told to. */
export async function endWorker(node: NodeProcess): Promise<void> {
  const address = await eventually(() => {
    const [, found] = /Debugger listening on (ws:\S+)/.exec(node.stderr) ?? [];
    if (found === undefined) throw new Error(`node ${node.url} has no inspector: ${node.stderr}`);
    return found;
  });
  const socket = new WebSocket(address);
  await within(once(socket, 'open'), 'the connection to the inspector');
  const attached = new Promise<string>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      const { method, params } = JSON.parse(String(data)) as InspectorMessage;
      if (method !== 'NodeWorker.attachedToWorker' || params?.sessionId === undefined) return;
      // A worker has a thread of its own that writes to the store; where that one ends, the node does.
      if (params.workerInfo?.title?.includes('store writer') !== true) resolve(params.sessionId);
    });
  });
  socket.send(JSON.stringify({ id: 1, method: 'NodeWorker.enable', params: { waitForDebuggerOnStart: false } }));
  const sessionId = await within(attached, 'the session with the worker');
  const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: 'process.exit(7)' } });
  const params = { sessionId, message };
  socket.send(JSON.stringify({ id: 2, method: 'NodeWorker.sendMessageToWorker', params }));
  const closed = once(socket, 'close');
  // The session closes only after what was sent on it.
  socket.send(JSON.stringify({ id: 3, method: 'Runtime.evaluate', params: { expression: '1' } }));
  socket.close();
  await within(closed, 'the end of the inspector session');
}
