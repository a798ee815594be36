/**
 * How this worker connects to peers: plainly, or by TLS with what the node shows and trusts now. With TLS a peer must show a
 * certificate for the name in its URL that the authority has signed, and gets to see ours.
 */
import type * as undici from 'undici';
import { messageOf } from '../../src/diagnostics/errors.ts';
import type { TlsMaterial } from '../../src/tls/material.ts';
import { tlsProblem } from '../../src/tls/problems.ts';
import { Agent, buildConnector } from './undici.ts';

const CONNECT_MS_MAX = 500;
/** A handshake is two round trips more, and a millisecond of work at both ends, which may be busy. */
const TLS_CONNECT_MS_MAX = 2000;

export class PeerTransport {
  /** For requests to client ports. */
  readonly dispatcher: undici.Dispatcher;
  #connect: undici.buildConnector.connector;

  constructor(material: TlsMaterial | undefined) {
    this.#connect = connectorFor(material);
    this.dispatcher = new Agent(material === undefined ? {} : { connect: this.connect });
  }

  /** Opens a socket; with TLS, one whose other end has shown its certificate. */
  readonly connect: undici.buildConnector.connector = (target, done) => this.#connect(target, done);

  /** Another certificate, for connections from now on. */
  use(material: TlsMaterial): void {
    this.#connect = connectorFor(material);
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }
}

/** Why a peer cannot be used, in words. */
export function peerProblem(error: unknown): string {
  return tlsProblem(error) ?? messageOf(error);
}

function connectorFor(material: TlsMaterial | undefined): undici.buildConnector.connector {
  if (material === undefined) return buildConnector({ timeout: CONNECT_MS_MAX });
  const { cert, key, ca } = material;
  // Links stay for as long as nodes do: nothing is won by sessions that are taken up again, and with another certificate
  // they would go on under the former one.
  return buildConnector({ timeout: TLS_CONNECT_MS_MAX, maxCachedSessions: 0, cert, key, ca });
}
