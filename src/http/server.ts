/**
 * The client port: node:http, tuned for many small requests. Routes to the entity handler and the admin paths; what does
 * not even parse is answered here.
 *
 * No `Date` header: it would cost each response its share of a clock that no client of a key-value store reads
 * (RFC 9110 section 6.6.1 asks origin servers for one; docs/decisions says why not here).
 */
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { KvorumError } from '../domain/errors.ts';
import { adminRoutes, type NodeView } from './admin.ts';
import type { EntityHandler } from './entity.ts';
import { problemBody, problems, sendProblem, type ProblemCode } from './problem.ts';

export interface ClientServerOptions {
  readonly host: string | undefined;
  readonly port: number;
  readonly keepAliveMs: number;
  readonly connectionsMax: number;
  readonly node: NodeView;
  readonly entity: EntityHandler;
}

export interface ClientServer {
  readonly port: number;
  /** Stops accepting; connections end after the answer that they wait for, and all of them when `cut` resolves. */
  close(cut: Promise<void>): Promise<void>;
}

const ENTITY_PATH = '/v0/entity';
/** A client that does not finish its headers or body in this time is answered 408. */
const REQUEST_MS_MAX = 30_000;

/** Listens on the client port. Throws `listen-failed`. */
export async function listenForClients(options: ClientServerOptions): Promise<ClientServer> {
  const server = createServer({
    keepAliveTimeout: options.keepAliveMs,
    requestTimeout: REQUEST_MS_MAX,
    headersTimeout: REQUEST_MS_MAX,
    noDelay: true,
  });
  server.maxConnections = options.connectionsMax;
  server.on('request', (request, response) => route(request, response, options, false));
  server.on('checkContinue', (request, response) => route(request, response, options, true));
  server.on('clientError', answerMalformed);
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: (cut) => closeServer(server, cut),
  };
}

function route(
  request: IncomingMessage,
  response: ServerResponse,
  options: ClientServerOptions,
  expectsContinue: boolean,
): void {
  response.sendDate = false;
  if (options.node.state() === 'draining') response.shouldKeepAlive = false;
  const url = request.url ?? '/';
  const target = url.startsWith('/') ? url : relativeTarget(url);
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  if (path === ENTITY_PATH) {
    return options.entity.handle(request, response, question < 0 ? '' : target.slice(question + 1), expectsContinue);
  }
  return routeAdmin(request, response, options.node, path);
}

/** The absolute form, which proxies send (RFC 9112 section 3.2.2), without its origin. */
function relativeTarget(url: string): string {
  const slash = url.indexOf('/', url.indexOf('//') + 2);
  return slash < 0 ? '/' : url.slice(slash);
}

function routeAdmin(request: IncomingMessage, response: ServerResponse, node: NodeView, path: string): void {
  const answer = Object.hasOwn(adminRoutes, path) ? adminRoutes[path] : undefined;
  if (answer === undefined) return sendProblem(response, 'unknown-path', 'No such path');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return sendProblem(response, 'method-not-allowed', 'Only GET and HEAD are known here', ['allow', 'GET, HEAD']);
  }
  Promise.resolve(answer(response, node)).catch(() => {
    if (!response.headersSent) sendProblem(response, 'failed', 'The node could not answer');
  });
  return undefined;
}

/** Answers what is not HTTP, too large or too slow, and closes the connection. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = malformedCode(error.code);
  const { status } = problems[code];
  const body = problemBody(code, 'The request is not valid HTTP, or was not finished in time');
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body.toString('utf8')}`,
  );
}

function malformedCode(code: string | undefined): ProblemCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers-too-large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout';
  return 'bad-request';
}

function listen(server: Server, { port, host }: ClientServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'it is in use' : error.message;
      reject(new KvorumError('listen-failed', `Cannot listen on port ${port}: ${reason}`, { cause: error }));
    });
    server.listen({ port, host, backlog: 1024 }, resolve);
  });
}

async function closeServer(server: Server, cut: Promise<void>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await Promise.race([closed, cut]);
  server.closeAllConnections();
  await closed;
}
