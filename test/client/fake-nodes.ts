/** Servers that answer as a test says, and note what they were asked. */
import { Buffer } from 'node:buffer';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { fakeNode } from '../cli/kvorum.ts';

export interface FakeNode {
  readonly url: string;
  /** `METHOD target` of each request, greetings left out. */
  readonly asked: string[];
  /** How often it was asked whether it is there. */
  greetings: number;
  /** Local ports of the connections that requests came by. */
  readonly connections: Set<number>;
}

export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export const foundFields = { etag: '"1764352800000001"', 'last-modified': 'Fri, 28 Nov 2025 18:00:00 GMT' };

/** A node whose process lives, and that answers all but greetings by `answer`; `count` from 0. */
export async function node(t: TestContext, answer: Answer): Promise<FakeNode> {
  const fake = { url: '', asked: [] as string[], greetings: 0, connections: new Set<number>() };
  const listener: RequestListener = (request, response) => {
    fake.connections.add(request.socket.remotePort ?? 0);
    if (request.url === '/livez') {
      fake.greetings++;
      response.end('live\n');
      return;
    }
    fake.asked.push(`${request.method} ${request.url}`);
    // The body is read, since a server that answers before may close the connection.
    request.resume().on('end', () => answer(request, response, fake.asked.length - 1));
  };
  fake.url = await fakeNode(t, listener);
  return fake;
}

export function value(text: string | Buffer): Answer {
  return (_, response) => void response.writeHead(200, foundFields).end(text);
}

export function status(code: number): Answer {
  return (_, response) => void response.writeHead(code).end();
}

export function problem(code: number, name: string, fields: Record<string, string> = {}): Answer {
  const body = Buffer.from(JSON.stringify({ status: code, code: name, title: name, detail: `said ${name}` }));
  return (_, response) =>
    void response.writeHead(code, { 'content-type': 'application/problem+json', ...fields }).end(body);
}

/** Ends the connection without an answer. */
export const reset: Answer = (request) => void request.socket.resetAndDestroy();

/** Never answers. */
export const silence: Answer = () => {};
