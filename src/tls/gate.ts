/**
 * TLS on accepted connections. A connection is looked at before it gets there: what does not begin as TLS does is told so in
 * its own language, which a TLS server cannot do, and ends.
 *
 * Sockets come from a plain `net.Server`, so that who accepts, counts and bounds connections is the same with TLS and
 * without. The TLS server itself never listens; connections are given to it (as node:tls documents for its event
 * `connection`), and another certificate counts for those that come after it.
 */
import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { codeOf, messageOf } from '../diagnostics/errors.ts';
import type { TlsMaterial } from './material.ts';
import { tlsProblem, verifyProblem } from './problems.ts';

export interface TlsGateOptions {
  readonly material: TlsMaterial;
  /** Whether a client must show a certificate that the authority has signed. */
  readonly needsCertificate: boolean;
  /** What a client is answered that does not speak TLS, whole. */
  readonly plainAnswer: string | Uint8Array;
  /** A connection was ended before it was one. */
  readonly onRefused: (reason: string) => void;
}

/** From the first byte to the last one of the handshake, milliseconds. */
const HANDSHAKE_MS_MAX = 10_000;
/** How long a client gets to read that it was to speak TLS. */
const PLAIN_ANSWER_MS_MAX = 2000;
/** The first byte of a TLS connection: a record of the handshake. */
const HANDSHAKE_RECORD = 0x16;

/** A connection in the middle of its handshake. */
interface Pending {
  readonly raw: Socket;
  readonly give: (socket: TLSSocket | undefined) => void;
}

export class TlsGate {
  readonly #options: TlsGateOptions;
  readonly #server: Server;
  /** By the client's address and port, the one thing that a TLS socket shares with the socket below. */
  readonly #pending = new Map<string, Pending>();

  constructor(options: TlsGateOptions) {
    this.#options = options;
    const { material, needsCertificate } = options;
    this.#server = createServer({
      ...contextOf(material),
      // Whoever shows no good certificate gets no session ticket either, and could not come in by one.
      requestCert: needsCertificate,
      rejectUnauthorized: needsCertificate,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: HANDSHAKE_MS_MAX,
    });
    this.#server.on('secureConnection', (socket) => this.#give(socket));
    this.#server.on('tlsClientError', (error, socket) => {
      // Set where a certificate was shown and is not good; the error is then the end of the connection.
      const { authorizationError } = socket as { authorizationError?: unknown };
      const why = typeof authorizationError === 'string' ? verifyProblem(authorizationError) : undefined;
      // Who just leaves (a health check of TCP, say) is refused nothing.
      const hasLeft = why === undefined && codeOf(error) === 'ECONNRESET';
      if (!hasLeft) options.onRefused(why ?? tlsProblem(error) ?? `no TLS handshake: ${messageOf(error)}`);
      socket.destroy();
    });
  }

  /** Another certificate, for connections from now on; those that there are go on. */
  use(material: TlsMaterial): void {
    this.#server.setSecureContext(contextOf(material));
  }

  /**
   * Takes an accepted socket that nobody has read from; resolves to the one inside TLS, or to undefined if there is none: the
   * connection has ended then, or will.
   */
  accept(raw: Socket): Promise<TLSSocket | undefined> {
    return new Promise((give) => {
      const name = nameOf(raw);
      const timer = setTimeout(() => raw.destroy(), HANDSHAKE_MS_MAX);
      const end = (socket: TLSSocket | undefined): void => {
        clearTimeout(timer);
        if (this.#pending.get(name)?.raw === raw) this.#pending.delete(name);
        give(socket);
      };
      this.#pending.set(name, { raw, give: end });
      // What a broken socket means is decided at 'close', which follows.
      raw.on('error', () => {}).once('close', () => end(undefined));
      raw.once('readable', () => this.#look(raw));
    });
  }

  /** Ends the connections that are in the middle of their handshakes. */
  destroyPending(): void {
    for (const { raw } of this.#pending.values()) raw.destroy();
  }

  #look(raw: Socket): void {
    const first = raw.read() as Buffer | null;
    // The client has closed its side.
    if (first === null) return void raw.destroy();
    if (first[0] !== HANDSHAKE_RECORD) return this.#refusePlain(raw);
    raw.unshift(first);
    this.#server.emit('connection', raw);
    return undefined;
  }

  #refusePlain(raw: Socket): void {
    const { onRefused, plainAnswer } = this.#options;
    onRefused('what came is not TLS');
    const timer = setTimeout(() => raw.destroy(), PLAIN_ANSWER_MS_MAX);
    raw.once('close', () => clearTimeout(timer));
    // Read on: a socket that is closed on bytes that nobody has read resets, and the answer is lost.
    raw.once('end', () => raw.destroySoon()).resume();
    raw.end(plainAnswer);
  }

  #give(socket: TLSSocket): void {
    // Until its taker listens itself.
    socket.on('error', () => {});
    this.#pending.get(nameOf(socket))?.give(socket);
  }
}

function contextOf({ cert, key, ca }: TlsMaterial): { cert: string; key: string; ca: string } {
  return { cert, key, ca };
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
