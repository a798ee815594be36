/**
 * Health, status and metrics: `/livez`, `/readyz`, `/v0/status`, `/v0/node`, `/metrics`. What they show comes from the
 * node through `NodeView`; this file only shapes it.
 */
import type { ServerResponse } from 'node:http';
import type { MetricFamily } from '../domain/metrics.ts';
import type { NodeDescription } from '../domain/worker-protocol.ts';
import { renderMetrics } from './prometheus.ts';
import { sendProblem } from './problem.ts';

/** Where a node is in its life. */
export type NodeState = 'starting' | 'ready' | 'draining';

/** What the client port may know of its node. */
export interface NodeView {
  state(): NodeState;
  describe(): NodeDescription;
  status(): Promise<Record<string, unknown>>;
  metrics(): Promise<readonly MetricFamily[]>;
}

type Answer = (response: ServerResponse, node: NodeView) => void | Promise<void>;

/** The admin paths; all take GET and HEAD. */
export const adminRoutes: Readonly<Record<string, Answer>> = {
  '/livez': (response) => sendText(response, 'live\n'),
  '/readyz': (response, node) => {
    const state = node.state();
    if (state === 'ready') sendText(response, 'ready\n');
    else sendProblem(response, state, `The node is ${state}`, ['retry-after', '1']);
  },
  '/v0/status': async (response, node) => {
    sendJson(response, node.state() === 'ready' ? 200 : 503, await node.status());
  },
  '/v0/node': (response, node) => sendJson(response, 200, node.describe()),
  '/metrics': async (response, node) => {
    sendText(response, renderMetrics(await node.metrics()), 'text/plain; version=0.0.4; charset=utf-8');
  },
};

function sendText(response: ServerResponse, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`;
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, headers).end(text);
}
