/**
 * The client port: accepts connections, routes their requests, and ends connections that idle or are too slow.
 *
 * No `Date` field in answers: RFC 9110 section 6.6.1 asks for one, but no client of a key-value store reads it and each
 * answer would pay for it.
 */
import { Buffer } from 'node:buffer';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers';
import { setImmediate as endOfTurn, setTimeout } from 'node:timers/promises';
import { KvorumError } from '../diagnostics/errors.ts';
import { TurnShare } from '../domain/turn-share.ts';
import { TlsGate } from '../tls/gate.ts';
import type { TlsMaterial } from '../tls/material.ts';
import { ReadBuffer } from './accepted-socket.ts';
import type { AnswerBytes } from './answer-bytes.ts';
import { adminRoutes, type NodeView } from './admin.ts';
import { waitMsMax } from './connection-states.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { Connection } from './connection.ts';
import { isSafe, type Arrivals, type Request } from './request.ts';
import type { EntityHandler } from './entity.ts';
import type { RequestHead } from './head.ts';
import type { HostGuard } from './host-guard.ts';
import { backupPaths, type BackupHandler } from './backup.ts';
import type { InspectHandler } from './inspect.ts';
import { otherMethod } from './methods.ts';
import { problemResponse } from './problem.ts';
import { profilePaths, type ProfileHandler } from './profile.ts';
import { isOfferedProof } from './secret-guard.ts';
import { repairPaths, type RepairHandler } from './repair.ts';
import type { RangeHandler } from './range.ts';
import { encodeHead, Reply, type Response } from './reply.ts';
import { scopeOf, type TokenGuard } from './token-guard.ts';

export interface ClientServerOptions {
  readonly host: string | undefined;
  readonly port: number;
  /** How long a connection may idle between requests. */
  readonly keepAliveMs: number;
  readonly bodyBytesPerSecondMin: number;
  readonly connectionsMax: number;
  readonly hosts: HostGuard;
  readonly node: NodeView;
  readonly entity: EntityHandler;
  readonly range: RangeHandler;
  readonly inspect: InspectHandler;
  readonly backup: BackupHandler;
  readonly arrivals: Arrivals;
  readonly answerBytes: AnswerBytes;
  /** A connection was taken; at most `backlog` of them have waited in the kernel at any time. */
  readonly onAccepted: (backlog: number) => void;
  readonly profile: ProfileHandler;
  readonly repair: RepairHandler;
  readonly security: ClientSecurity;
}

/** Who may come in. */
export interface ClientSecurity {
  /** Undefined: the port speaks HTTP, and not HTTPS. */
  readonly tls: TlsMaterial | undefined;
  /** Undefined: whoever reaches the port may do all. */
  readonly tokens: TokenGuard | undefined;
  /** A connection was ended before it said anything in the port's language. */
  readonly noteStranger: (reason: string) => void;
}

const ENTITY_PATH = '/v0/entity';
const RANGE_PATH = '/v0/entities';
const INSPECT_PATH = '/v0/inspect';
const SWEEP_MS = 1000;
/**
 * How long connections that idle are kept, at least, once the node takes no new ones, milliseconds: a request that their
 * clients send just then is still answered.
 */
const IDLE_MS_MIN = 100;
/** How long a client may read too slowly where the room for answers is scarce, milliseconds. */
const SCARCE_GRACE_MS = 10_000;
/**
 * Pipelined requests that are begun in one turn, of all connections together: a few milliseconds of answers. A turn takes
 * one new connection from the kernel (libuv 1.46), so where turns are long, new clients wait: behind 450 others that
 * pipelined 1,000 GETs of 16 KiB each `/livez` came after 17 s. In turns that take one an eighth is begun: behind 450 that
 * pipelined 600, it came after 1 s instead of 8.
 */
const TURN_PIPELINED_MAX = 64;
/** Connections that the kernel has taken for this process, and this has not. */
const BACKLOG = 1024;
const BUSY_POLL_MS = 20;
/** Whole, for clients that speak HTTP where HTTPS is spoken. */
const speaksTls = problemResponse('bad-request', 'This port speaks HTTPS, and not HTTP: ask it by https://');
const plainAnswer = wholeAnswer(speaksTls);
const unknownHost = problemResponse('unknown-host', 'This node has another name; --allowed-hosts gives it more');
const foreignOrigin = problemResponse('forbidden', 'Pages of another origin may not write; --allowed-hosts names some');
/** Those that some path knows: what `OPTIONS *` asks for. */
const serverMethods = ['GET', 'HEAD', 'PUT', 'DELETE', 'POST'];
const adminMethods = ['GET', 'HEAD'];
/** Those that a proof of the cluster secret opens, too, on a node that asks clients for tokens. */
const provenPaths: ReadonlySet<string> = new Set([...profilePaths, ...backupPaths, ...repairPaths]);

export class ClientServer {
  readonly #options: ClientServerOptions;
  readonly #server: Server;
  readonly #readBuffer = new ReadBuffer();
  readonly #gate: TlsGate | undefined;
  readonly #connections = new Set<Connection>();
  readonly #pipelined = new TurnShare(TURN_PIPELINED_MAX, setImmediate);
  readonly #connectionOptions: ConnectionOptions;
  /** Connections so far. */
  #accepted = 0;
  #isLeaving = false;
  readonly #sweepTimer: NodeJS.Timeout;
  /** A coarse clock, moved by the sweep, so that noting a time costs nothing. */
  #now = performance.now();

  private constructor(options: ClientServerOptions) {
    this.#options = options;
    this.#connectionOptions = {
      onRequest: (request) => this.#route(request),
      now: () => this.#now,
      onTlsHello: () => options.security.noteStranger('what came is TLS, and this port speaks HTTP'),
      arrivals: options.arrivals,
      keepAliveMs: options.keepAliveMs,
      bodyBytesPerSecondMin: options.bodyBytesPerSecondMin,
      answerBytes: options.answerBytes,
      pipelined: this.#pipelined,
      readerGraceMs: () => (options.answerBytes.isScarce ? SCARCE_GRACE_MS : waitMsMax['rest-of-request']),
    };
    this.#gate = gateOf(options.security);
    const socketOptions = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    this.#server = createServer(socketOptions, (socket) => this.#accept(socket));
    this.#server.maxConnections = options.connectionsMax;
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweepTimer.unref();
  }

  /** Listens on the client port. Throws `listen-failed`. */
  static async listen(options: ClientServerOptions): Promise<ClientServer> {
    const server = new ClientServer(options);
    await listen(server.#server, options);
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open, and all so far. */
  get connections(): { readonly open: number; readonly accepted: number } {
    return { open: this.#connections.size, accepted: this.#accepted };
  }

  /**
   * Takes no new connections. Each of the others ends with the next answer behind which none waits, those that idle last;
   * what is left is cut off when `cut` resolves.
   *
   * Listener and idle connections are closed at the end of a turn of the event loop, which has taken all that the kernel
   * had for this process: a connection that is closed on data that nobody has read is reset, and its client loses a
   * request. Answers say `connection: close` only once nobody listens: a client that came back at once would meet the end
   * of the listener, in whose queue connections are reset.
   */
  async close(cut: Promise<void>): Promise<void> {
    await this.#acceptAll();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#isLeaving = true;
    for (const connection of this.#connections) connection.leave();
    await Promise.race([this.#finish(), cut]);
    this.#gate?.destroyPending();
    for (const connection of this.#connections) connection.closeWhenIdle();
    await Promise.race([closed, cut]);
    for (const connection of this.#connections) connection.destroy();
    clearInterval(this.#sweepTimer);
    await closed;
  }

  /** Another certificate for connections from now on. */
  useTls(material: TlsMaterial): void {
    this.#gate?.use(material);
  }

  /** Takes what the kernel has accepted: a turn takes one connection. Ends at the end of a turn. */
  async #acceptAll(): Promise<void> {
    for (let turn = 0, accepted = -1; turn < BACKLOG && accepted !== this.#accepted; turn++) {
      accepted = this.#accepted;
      await endOfTurn();
    }
  }

  /** Resolves when no request is under way, at the end of a turn. */
  async #finish(): Promise<void> {
    await setTimeout(IDLE_MS_MIN);
    for (;;) {
      const busy = [...this.#connections].filter((connection) => connection.isBusy);
      for (const connection of busy) connection.closeWhenIdle();
      if (busy.length === 0) break;
      await setTimeout(BUSY_POLL_MS);
    }
    await endOfTurn();
  }

  #accept(accepted: Socket): void {
    this.#accepted++;
    this.#pipelined.shortenNext();
    this.#options.onAccepted(BACKLOG);
    if (this.#gate !== undefined) return void this.#acceptTls(accepted, this.#gate);
    const socket = this.#readBuffer.read(accepted, (bytes) => connection.take(bytes));
    const connection = this.#connect(socket);
    return undefined;
  }

  async #acceptTls(accepted: Socket, gate: TlsGate): Promise<void> {
    const socket = await gate.accept(accepted);
    if (socket === undefined) return;
    const connection = this.#connect(socket);
    const resume = (): void => connection.resume();
    this.#readBuffer.readRecords(socket, (bytes) => connection.take(bytes), resume);
  }

  #connect(socket: Socket): Connection {
    const connection = new Connection(socket, this.#connectionOptions);
    this.#connections.add(connection);
    socket.on('close', () => this.#connections.delete(connection));
    if (this.#isLeaving) connection.leave();
    return connection;
  }

  #route(request: Request): void {
    const { head, reply } = request;
    const { hosts } = this.#options;
    if (!hosts.answersTo(head.authority)) return reply.send(unknownHost);
    if (head.origin !== '' && !isSafe(head.method) && !hosts.mayWrite(head.origin, head.authority)) {
      return reply.send(foreignOrigin);
    }
    const { target } = head;
    const question = target.indexOf('?');
    const path = question < 0 ? target : target.slice(0, question);
    const query = question < 0 ? '' : target.slice(question + 1);
    const { tokens } = this.#options.security;
    const scope = tokens === undefined || isProven(path, head) ? undefined : scopeOf(path, head.method);
    const refusal = scope === undefined ? undefined : tokens?.refusal(request, scope);
    if (refusal !== undefined) return reply.send(refusal);
    if (path === ENTITY_PATH) this.#options.entity.handle(request, query);
    else if (path === RANGE_PATH) this.#options.range.handle(request, query);
    else if (path === INSPECT_PATH) this.#options.inspect.handle(request, query);
    else if (backupPaths.includes(path)) this.#options.backup.handle(request, path, query, scope === 'admin');
    else if (profilePaths.includes(path)) this.#options.profile.handle(request, path, query, scope === 'admin');
    else if (repairPaths.includes(path)) this.#options.repair.handle(request, path, query, scope === 'admin');
    else this.#routeAdmin(request, path, query);
    return undefined;
  }

  #routeAdmin({ head, reply }: Request, path: string, query: string): void {
    if (path === '*' && head.method === 'OPTIONS') return reply.send(otherMethod(serverMethods, head.method));
    const answer = Object.hasOwn(adminRoutes, path) ? adminRoutes[path] : undefined;
    if (answer === undefined) return reply.send(problemResponse('unknown-path', 'No such path'));
    if (!adminMethods.includes(head.method)) return reply.send(otherMethod(adminMethods, head.method));
    Promise.resolve(answer(this.#options.node, query, head.authorization)).then(
      (response) => reply.send(response),
      () => reply.send(problemResponse('failed', 'The node could not answer')),
    );
    return undefined;
  }

  #sweep(): void {
    this.#now = performance.now();
    for (const connection of this.#connections) connection.sweep();
  }
}

function gateOf({ tls, noteStranger }: ClientSecurity): TlsGate | undefined {
  if (tls === undefined) return undefined;
  return new TlsGate({ material: tls, needsCertificate: false, plainAnswer, onRefused: noteStranger });
}

function wholeAnswer(response: Response): Buffer {
  const reply = new Reply({ method: 'GET', keepAlive: false, isHttp10: false }, () => {});
  return Buffer.concat([Buffer.from(encodeHead(response, reply)), response.body ?? Buffer.alloc(0)]);
}

/** Whether a request is let in by a proof of the cluster secret, which its handler asks for. */
function isProven(path: string, head: RequestHead): boolean {
  return provenPaths.has(path) && isOfferedProof(head);
}

function listen(server: Server, { port, host }: ClientServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'it is in use' : error.message;
      reject(new KvorumError('listen-failed', `Cannot listen on port ${port}: ${reason}`, { cause: error }));
    });
    server.listen({ port, host, backlog: BACKLOG }, resolve);
  });
}
