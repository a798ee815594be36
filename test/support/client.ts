/** A plain HTTP client for tests: one connection a request unless an agent is given, nothing retried. */
import { Buffer } from 'node:buffer';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: Readonly<Record<string, string | undefined>>;
}

export interface Ask {
  readonly method?: string;
  readonly body?: Buffer | string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent | undefined;
  readonly signal?: AbortSignal;
}

const oneShot = new Agent({ keepAlive: false });
const oneShotTls = new TlsAgent({ keepAlive: false });

/** Has `ask` trust nodes of https URLs whose certificates this authority has signed, and no others. */
export function trustAuthority(ca: string): void {
  oneShotTls.options.ca = ca;
}

/** Sends a request and collects its answer. `target` goes on the request line as it is. */
export function ask(origin: string, target: string, given: Ask = {}): Promise<Answer> {
  const { hostname, port, protocol } = new URL(origin);
  const isTls = protocol === 'https:';
  const { method = 'GET', body, headers = {}, agent = isTls ? oneShotTls : oneShot, signal } = given;
  const send = isTls ? tlsRequest : request;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const sent = send(
      { hostname, port, path: target, method, agent, headers: { ...length, ...headers }, ...(signal && { signal }) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0, statusMessage = '' } = response;
          resolve({
            status: statusCode,
            reason: statusMessage,
            headers: response.headers,
            body: Buffer.concat(chunks),
            trailers: response.trailers,
          });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

export interface EntityAsk {
  readonly ack?: number;
  readonly from?: number;
  readonly agent?: Agent;
}

/** The request target of an entity request; the key is percent-encoded. */
export function entityTarget(key: string, { ack, from }: EntityAsk = {}): string {
  const parts = [`id=${encodeURIComponent(key)}`];
  if (ack !== undefined) parts.push(`ack=${ack}`);
  if (from !== undefined) parts.push(`from=${from}`);
  return `/v0/entity?${parts.join('&')}`;
}

/** The stable code of an error answer. */
export function problemCode(answer: Answer): string {
  return (JSON.parse(answer.body.toString('utf8')) as { code: string }).code;
}
