/**
 * Health, status and metrics: `/livez`, `/readyz`, `/v0/status`, `/v0/node`, `/v0/openapi.json`, `/metrics`, and the page at
 * `/` with what it asks for. What they show comes from the node through `NodeView`; this file only shapes it.
 */
import { Buffer } from 'node:buffer';
import { consolePath } from '../console/bounds.ts';
import { consolePage } from '../console/page.ts';
import type { MetricFamily } from '../metrics/metrics.ts';
import type { NodeDescription } from '../protocol/nodes.ts';
import { openApiDocument } from './openapi.ts';
import { retryAfter } from './outcome.ts';
import { problemResponse } from './problem.ts';
import { renderMetrics } from '../metrics/prometheus.ts';
import type { Response } from './reply.ts';
import { parameterRefusal } from './query-parts.ts';

/** Where a node is in its life. */
export const nodeStates = ['starting', 'ready', 'draining', 'recovering', 'refused', 'clock-skew'] as const;
export type NodeState = (typeof nodeStates)[number];

/** What the client port may know of its node. */
export interface NodeView {
  state(): NodeState;
  /** Why the node is not ready, in words, where its state does not say it all. */
  whyNotReady(): string | undefined;
  describe(): NodeDescription;
  /** What the node's store is worth and why, in lines. */
  explain(): string;
  status(): Promise<Record<string, unknown>>;
  metrics(): Promise<readonly MetricFamily[]>;
  /** What the page asks for, as JSON (`src/console/console.ts`). */
  console(query: string, authorization: string): Promise<string>;
}

const pageFields = 'x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\ncache-control: no-cache\r\n';

type Answer = (node: NodeView, query: string, authorization: string) => Response | Promise<Response>;

/** The admin paths; all take GET and HEAD. */
export const adminRoutes: Readonly<Record<string, Answer>> = {
  '/livez': () => text('live\n'),
  '/readyz': (node, query) => {
    const state = node.state();
    if (new URLSearchParams(query).has('verbose')) {
      return { ...text(`${state}\n${node.explain()}`), status: state === 'ready' ? 200 : 503 };
    }
    return state === 'ready' ? text('ready\n') : notReady(node, state);
  },
  '/v0/status': async (node) => json(node.state() === 'ready' ? 200 : 503, await node.status()),
  '/v0/openapi.json': () => json(200, openApiDocument()),
  '/v0/node': (node) => json(200, node.describe()),
  '/': async (_node, query) => {
    const { html, policy } = await consolePage();
    // An absolute target without a path may have another path in its query.
    return (
      parameterRefusal(query) ?? {
        ...text(html),
        fields: `content-type: text/html; charset=utf-8\r\ncontent-security-policy: ${policy}\r\n${pageFields}`,
      }
    );
  },
  [consolePath]: async (node, query, authorization) =>
    text(await node.console(query, authorization), 'application/json'),
  '/metrics': async (node) => text(renderMetrics(await node.metrics()), 'text/plain; version=0.0.4; charset=utf-8'),
};

function notReady(node: NodeView, state: Exclude<NodeState, 'ready'>): Response {
  return problemResponse(state, node.whyNotReady() ?? `The node is ${state}`, retryAfter);
}

function text(body: string, type = 'text/plain; charset=utf-8'): Response {
  return { status: 200, fields: `content-type: ${type}\r\n`, body: Buffer.from(body) };
}

function json(status: number, value: unknown): Response {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  return { status, fields: 'content-type: application/json\r\n', body };
}
