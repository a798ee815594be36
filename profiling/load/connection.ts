/**
 * One connection of the load generator over node:net, kept alive, one request in flight and none pipelined. HTTP/1.1, or
 * whatever its parser reads. A connection that is lost is opened again, later each time that fails.
 *
 * Own code, since the generator shares the machine with the nodes that it measures. CPU of the client's process for a PUT
 * of 64 bytes: 11.0 us, against 36.1 us of undici's `dispatch` (3.3 times as much) and 95 us of node:http (8.7 times); by
 * `node scripts/http-clients.mjs --seconds 2` on 2 cores at 2.5 GHz, Node 20.20.
 */
import { Buffer } from 'node:buffer';
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type PeerCertificate } from 'node:tls';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { nodeAccess } from '../../src/tls/access.ts';
import { tlsProblem } from '../../src/tls/problems.ts';
import type { OperationKind } from './load-shape.ts';
import { ResponseParser, type AnswerEnd } from './response-parser.ts';

export interface ConnectionEvents {
  /** The connection can take a request. */
  onFree(connection: LoadConnection): void;
  onAnswer(connection: LoadConnection, status: number, retryAfterMs: number | null): void;
  /** The connection ended with a request in flight. */
  onLost(connection: LoadConnection, why: string): void;
  /** The connection ended while it was free; it opens again by itself. */
  onIdleLost(connection: LoadConnection): void;
}

/** Reads the answers of one connection. */
export interface AnswerParser {
  /** Takes the next bytes, which it does not keep; returns an answer if they end one. Throws on what is none. */
  take(bytes: Buffer, length: number): AnswerEnd | undefined;
  /** The connection has ended; returns the answer if that is how it ends. */
  close(): AnswerEnd | undefined;
}

export type ParserFor = (connection: LoadConnection) => AnswerParser;

export interface Address {
  readonly host: string;
  readonly port: number;
  /** With TLS: the name that the certificate must have. */
  readonly tlsName?: string;
}

const connectMsMax = 5000;
const backoffMsMin = 10;
const backoffMsMax = 1000;
/** Values from this size on go to the socket as they are, not copied behind each head. */
export const largeValueBytes = 8192;

/** All connections read into the same bytes: each read is parsed before the next one begins. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

const httpParser: ParserFor = () => new ResponseParser();

export class LoadConnection {
  readonly target: number;
  /** Of the request in flight. */
  intendedUs = 0;
  sentUs = 0;
  kind: OperationKind = 'get';
  key = 0;
  isRead = false;
  readonly #address: Address;
  readonly #events: ConnectionEvents;
  #socket: Socket | undefined;
  readonly #parserFor: ParserFor;
  #parser: AnswerParser;
  #isInFlight = false;
  #isClosed = false;
  #backoffMs = backoffMsMin;
  #retry: NodeJS.Timeout | undefined;

  constructor(target: number, address: Address, events: ConnectionEvents, parserFor: ParserFor = httpParser) {
    this.target = target;
    this.#parserFor = parserFor;
    this.#parser = parserFor(this);
    this.#address = address;
    this.#events = events;
    this.#open();
  }

  get isInFlight(): boolean {
    return this.#isInFlight;
  }

  /** Sends a request on a free connection: all of it in `text`, one byte a character, or the head and `value` behind it. */
  send(text: string, value?: Buffer): void {
    const socket = this.#socket as Socket;
    this.#isInFlight = true;
    if (value === undefined) {
      socket.write(text, 'latin1');
      return;
    }
    socket.cork();
    socket.write(text, 'latin1');
    socket.write(value);
    socket.uncork();
  }

  /** Gives the request in flight up, which counts as lost, and opens the connection again. */
  giveUp(why: string): void {
    this.#end(why);
  }

  /** For good; nothing is told of a request in flight. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  #open(): void {
    this.#parser = this.#parserFor(this);
    const onRead = (length: number): boolean => {
      if (this.#socket === socket) this.#take(length);
      return true;
    };
    const socket = open(this.#address, { buffer: readBuffer, callback: onRead });
    this.#socket = socket;
    let isConnected = false;
    socket.setTimeout(connectMsMax, () => socket.destroy());
    socket.once(openEvent(this.#address), () => {
      isConnected = true;
      socket.setTimeout(0);
      this.#backoffMs = backoffMsMin;
      this.#events.onFree(this);
    });
    // Every error is followed by the end of the connection, which says what there is to say.
    socket.on('error', () => {});
    socket.once('end', () => {
      const answer = this.#parser.close();
      if (answer !== undefined && this.#isInFlight) this.#answered(answer);
      else socket.destroy();
    });
    socket.once('close', () => {
      if (this.#socket !== socket || this.#isClosed) return;
      if (isConnected) this.#end('connection lost');
      else this.#reopen();
    });
  }

  #take(length: number): void {
    let answer: AnswerEnd | undefined;
    try {
      if (!this.#isInFlight) throw new Error('bytes that nobody asked for');
      answer = this.#parser.take(readBuffer, length);
    } catch {
      this.#end('not an answer');
      return;
    }
    if (answer !== undefined) this.#answered(answer);
  }

  #answered({ status, keepAlive, retryAfterMs, isBroken }: AnswerEnd): void {
    this.#isInFlight = false;
    if (isBroken === true) this.#events.onLost(this, 'range broken off');
    else this.#events.onAnswer(this, status, retryAfterMs);
    if (this.#isClosed) return;
    if (keepAlive) this.#events.onFree(this);
    else this.#reopen(0);
  }

  #end(why: string): void {
    const wasInFlight = this.#isInFlight;
    this.#isInFlight = false;
    if (wasInFlight) this.#events.onLost(this, why);
    else this.#events.onIdleLost(this);
    if (!this.#isClosed) this.#reopen();
  }

  /** `afterMs` is 0 only where the server closed in good order: it answered, so it is there. */
  #reopen(afterMs?: number): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#retry = setTimeout(() => this.#open(), afterMs ?? this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, backoffMsMax);
  }
}

/** A socket to an address; `onread` as `net.connect` takes it. With TLS the bytes are those inside. */
function open({ host, port, tlsName }: Address, onread?: OnReadOpts): Socket {
  const options = { host, port, ...(onread && { onread }) };
  if (tlsName === undefined) return connect({ ...options, noDelay: true });
  const { ca } = nodeAccess();
  const name = isIP(tlsName) === 0 ? { servername: tlsName } : {};
  const trust = { checkServerIdentity: (_: string, shown: PeerCertificate) => checkServerIdentity(tlsName, shown) };
  return connectTls({ ...options, ...name, ...trust, ...(ca !== undefined && { ca }) }).setNoDelay(true);
}

/** What a socket says when it can be written to. */
function openEvent({ tlsName }: Address): 'connect' | 'secureConnect' {
  return tlsName === undefined ? 'connect' : 'secureConnect';
}

/**
 * At which address a URL's name answers, before load is put on it: `localhost` has two, of which one may have no node.
 * Throws `node-unreachable`.
 */
export async function reach(url: string): Promise<Address> {
  const { hostname, protocol, port: given } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const isTls = protocol === 'https:';
  const port = Number(given || (isTls ? 443 : 80));
  const address: Address = { host, port, ...(isTls && { tlsName: host }) };
  const socket = open(address).setTimeout(connectMsMax);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once(openEvent(address), resolve).once('error', reject);
      socket.once('timeout', () => reject(new Error('no connection in time')));
    });
    return { ...address, host: socket.remoteAddress ?? host };
  } catch (error) {
    const words = codeOf(error) === 'ECONNREFUSED' ? 'connection refused' : tlsProblem(error);
    const reason = words ?? (messageOf(error) || codeOf(error));
    throw new KvorumError('node-unreachable', `Cannot reach ${url}: ${reason}`, { cause: error });
  } finally {
    socket.destroy();
  }
}
