/**
 * The replica port: takes operation frames from peers' workers straight into this worker thread, so that replica traffic
 * never passes through the main thread.
 *
 * Every connection proves the cluster secret first (`peer-gate.ts`). A frame that does not parse is refused whole, an entry that is not as a client's
 * must be fails (`peer-entry.ts`), and whatever else goes wrong with what a peer sends ends its connection. Frames come in requests of their
 * own, or over a link that a request was upgraded to (RFC 9110 section 7.8; `replica-link.ts`). The port knows the paths of
 * `replicaPaths` only and is never reachable through the client port.
 */
import { Buffer } from 'node:buffer';
import { createServer, STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { parseClaim } from '../../src/domain/claim.ts';
import { pagesInFlight } from '../../src/domain/range.ts';
import { waitsField } from '../../src/waits/wait-marks.ts';
import { decodeBounds } from '../../src/formats/range-bounds.ts';
import type { Version } from '../../src/formats/record.ts';
import type { Claim } from '../../src/domain/node-claim.ts';
import type { TlsMaterial } from '../../src/tls/material.ts';
import { digestQuestionBytesMax } from '../../src/formats/digest-messages.ts';
import { parseJson } from '../../src/formats/foreign-json.ts';
import { formatSender, parseSender } from '../../src/formats/sender.ts';
import {
  floorField,
  formatClockAnswer,
  linkProtocol,
  lossField,
  replicaPaths,
  seenField,
} from '../../src/protocol/nodes.ts';
import { executeFrame, type FrameTarget } from './frame-execution.ts';
import { peerGate, type PeerGate } from './peer-gate.ts';
import { acceptLink } from './replica-link.ts';
import type { SeenVersions } from '../ground/seen-versions.ts';
import type { Standing } from '../ground/standing.ts';
import type { ClusterMember } from '../peers/handshake.ts';
import { INTRODUCTION_BYTES_MAX } from '../peers/introduction.ts';
import type { PeerRefusals } from '../peers/peer-refusals.ts';
import type { RangeScans } from '../ranges/scans.ts';
import { wholePage } from '../ranges/page.ts';

export interface ReplicaListenerOptions extends FrameTarget {
  readonly host: string | undefined;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly self: ClusterMember;
  /** Undefined: peers speak without TLS. */
  readonly tls: TlsMaterial | undefined;
  /** Connections of peers; past it new ones are closed. */
  readonly connectionsMax: number;
  /** Bound of one frame, bytes. */
  readonly frameBytesMax: number;
  readonly ranges: RangeScans;
  readonly standing: Pick<Standing, 'isWhole'>;
  /** A node tells of its store; resolves to what this one says, or to why the node is refused. */
  readonly onIntroduction: (claim: Claim) => Promise<Claim | string>;
  /** A node asks for digests of what it shares with this one; resolves to the answer, or to why there is none. */
  readonly onDigests: (question: Buffer) => Promise<Buffer | string>;
  /** Resolves to the node's purge floor under the list of now; 0 where it has none. */
  readonly purgeFloor: () => Promise<Version>;
  readonly versions: Pick<SeenVersions, 'see' | 'newest'>;
  /** This machine's time, microseconds. */
  readonly wallMicros: () => number;
  /**
   * A peer has started, with this number (`Sender.start`), and asks to be probed; resolves to whether it is up here then,
   * undefined where there is no such peer.
   */
  readonly onHello: (url: string, start: number) => Promise<boolean | undefined>;
  /** A node that has started wants what is kept for it; resolves when it has that. */
  readonly onHintsWanted: (url: string) => Promise<void>;
  /** A node that stops gives hints for another one; resolves to whether they are kept here. */
  readonly onHintsGiven: (body: Buffer) => Promise<boolean>;
}

export interface ReplicaListener {
  readonly port: number;
  /** How many connections of peers there are. */
  readonly connections: () => number;
  /** Another certificate, for connections from now on. */
  readonly useTls: (material: TlsMaterial) => void;
  close(): Promise<void>;
}

/** Longer than undici keeps idle sockets (`peer-client.ts`), or idle peers would lose writes on dead sockets. */
const KEEP_ALIVE_MS = 120_000;
/** The longest URL that a node can have, and its start. */
const HELLO_BODY_BYTES_MAX = 2048;
/** A version. */
const CLOCK_BODY_BYTES_MAX = 16;
/** Two keys in base64. */
const RANGE_BODY_BYTES_MAX = 8192;

/** Listens on the replica port. Throws `listen-failed`. */
export async function listenForPeers(options: ReplicaListenerOptions): Promise<ReplicaListener> {
  const http = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    if (request.method !== 'POST') return refuse(response, 405, 'only POST');
    if (request.url === replicaPaths.operations) return receiveOperations(request, response, options);
    if (request.url === replicaPaths.hello) return receiveHello(request, response, options);
    if (request.url === replicaPaths.introduction) return receiveIntroduction(request, response, options);
    if (request.url === replicaPaths.clock) return receiveClock(request, response, options);
    if (request.url === replicaPaths.hints) return receiveHintsWish(request, response, options);
    if (request.url === replicaPaths.keepHints) return receiveHints(request, response, options);
    if (request.url === replicaPaths.range) return receiveRange(request, response, options);
    if (request.url === replicaPaths.digests) return receiveDigests(request, response, options);
    return refuse(response, 404, 'no such path');
  });
  http.setTimeout(0).on('clientError', (_error, socket) => socket.destroy());
  http.on('upgrade', (request, socket, head) => {
    if (request.url !== replicaPaths.link) return refuseUpgrade(socket, 404, 'no such path');
    if (request.headers.upgrade !== linkProtocol) return refuseUpgrade(socket, 400, `only to ${linkProtocol}`);
    return acceptLink(socket, head, options);
  });
  const gate = peerGate(http, options);
  const port = await listen(gate.server, options);
  const { connections, useTls } = gate;
  return { port, connections, useTls, close: () => close(gate) };
}

function receiveOperations(request: IncomingMessage, response: ServerResponse, options: ReplicaListenerOptions): void {
  // A peer that records waits asks how long each part of this takes here.
  const receivedAt = request.headers[waitsField] === undefined ? undefined : performance.now();
  const { sender, refusals, frameBytesMax } = options;
  const asker = parseSender(String(request.headers[seenField]));
  if (asker === undefined) return refuse(response, 400, `the field ${seenField} is missing, or says nothing`);
  sender.see(asker.newest);
  return receiveBody(request, response, { bytesMax: frameBytesMax, refusals }, (body) => {
    const refused = executeFrame(options, body, receivedAt, (replies, durations) => {
      const fields = ['content-length', String(replies.length), seenField, formatSender(sender)];
      if (durations !== '') fields.push(waitsField, durations);
      response.writeHead(200, fields);
      response.end(replies);
    });
    if (refused !== undefined) refuse(response, 400, refused);
  });
}

function receiveHello(request: IncomingMessage, response: ServerResponse, options: ReplicaListenerOptions): void {
  receiveBody(request, response, { bytesMax: HELLO_BODY_BYTES_MAX, refusals: options.refusals }, (body) => {
    const [url = '', start] = body.toString('utf8').split(' ');
    options.onHello(url, Number(start)).then(
      (isUp) => (isUp === false ? refuse(response, 503, 'not yet') : response.writeHead(204).end()),
      () => refuse(response, 500, 'the probe failed'),
    );
  });
}

function receiveHintsWish(request: IncomingMessage, response: ServerResponse, options: ReplicaListenerOptions): void {
  receiveBody(request, response, { bytesMax: HELLO_BODY_BYTES_MAX, refusals: options.refusals }, (body) => {
    void options.onHintsWanted(body.toString('utf8')).then(() => response.writeHead(204).end());
  });
}

function receiveHints(request: IncomingMessage, response: ServerResponse, options: ReplicaListenerOptions): void {
  const { frameBytesMax, refusals, onHintsGiven } = options;
  receiveBody(request, response, { bytesMax: frameBytesMax, refusals }, (body) => {
    onHintsGiven(body).then(
      (areKept) => (areKept ? response.writeHead(204).end() : refuse(response, 503, 'they are not kept here')),
      (error: unknown) => refuse(response, 400, messageOf(error)),
    );
  });
}

function receiveIntroduction(
  request: IncomingMessage,
  response: ServerResponse,
  { refusals, onIntroduction }: ReplicaListenerOptions,
): void {
  receiveBody(request, response, { bytesMax: INTRODUCTION_BYTES_MAX, refusals }, (body) => {
    const claim = parseClaim(parseJson(body.toString('utf8')));
    if (claim === undefined) return refuse(response, 400, 'not what a node says of itself');
    onIntroduction(claim).then(
      (answer) => (typeof answer === 'string' ? refuse(response, 409, answer) : respondJson(response, answer)),
      (error: unknown) => refuse(response, 500, messageOf(error)),
    );
    return undefined;
  });
}

function respondJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** Tells this node's time, and exchanges the newest versions seen. */
function receiveClock(request: IncomingMessage, response: ServerResponse, options: ReplicaListenerOptions): void {
  const { versions, wallMicros, refusals } = options;
  const receivedAt = wallMicros();
  receiveBody(request, response, { bytesMax: CLOCK_BODY_BYTES_MAX, refusals }, (body) => {
    versions.see(Number(body.toString('latin1')));
    const answer = formatClockAnswer({ receivedAt, answeredAt: wallMicros(), newest: versions.newest });
    response.writeHead(200, ['content-length', String(answer.length)]).end(answer);
  });
}

/** Streams a range as fast as the peer takes it. Only a range that was read to its end ends the answer properly. */
function receiveRange(request: IncomingMessage, response: ServerResponse, options: ReplicaListenerOptions): void {
  const { ranges, refusals, standing } = options;
  receiveBody(request, response, { bytesMax: RANGE_BODY_BYTES_MAX, refusals }, (body) => {
    const bounds = decodeBounds(body, options.bounds.keyBytesMax);
    if (bounds === undefined) return refuse(response, 400, 'not the bounds of a range');
    const begin = (floor: Version): void => {
      if (response.destroyed) return undefined;
      // Before the scan, whose records may come when the standing is another one.
      const loss = standing.isWhole ? {} : { [lossField]: '1' };
      const scan = ranges.startForPeer(bounds, pagesInFlight, {
        onPage: (bytes) => response.write(bytes, () => scan?.giveBack(wholePage(bytes))),
        onEnd: (end) => (end.kind === 'complete' ? response.end() : response.destroy()),
      });
      if (scan === undefined) return refuse(response, 503, 'too many ranges are being read');
      response.on('close', () => scan.cancel());
      response.writeHead(200, floor === 0 ? loss : { ...loss, [floorField]: String(floor) }).flushHeaders();
      return undefined;
    };
    // The floor of before the first record: what is removed while the asker reads is missing to it for no reason that this says.
    if (bounds.tellsDamaged === true) void options.purgeFloor().then(begin);
    else begin(0);
    return undefined;
  });
}

function receiveDigests(request: IncomingMessage, response: ServerResponse, options: ReplicaListenerOptions): void {
  const { refusals, onDigests } = options;
  receiveBody(request, response, { bytesMax: digestQuestionBytesMax, refusals }, (body) => {
    onDigests(body).then(
      (answer) => {
        if (typeof answer === 'string') return refuse(response, 503, answer);
        return response.writeHead(200, ['content-length', String(answer.length)]).end(answer);
      },
      (error: unknown) => refuse(response, 500, messageOf(error)),
    );
  });
}

interface BodyOptions {
  readonly bytesMax: number;
  readonly refusals: PeerRefusals;
}

/**
 * Collects a body of known length; one that came in a single chunk, as most frames do, is not copied. What it leads to ends
 * this connection at most.
 */
function receiveBody(
  request: IncomingMessage,
  response: ServerResponse,
  { bytesMax, refusals }: BodyOptions,
  use: (body: Buffer) => void,
): void {
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  if (!(length <= bytesMax)) {
    refusals.note('request', `${request.url} with a body over ${bytesMax} bytes`);
    return refuse(response, 413, `content-length must be at most ${bytesMax}`);
  }
  const guard = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      refusals.note('request', `${request.url}: ${messageOf(error)}`);
      response.destroy();
    }
  };
  let whole: Buffer | undefined;
  let received = 0;
  const take = (chunk: Buffer): void => {
    if (chunk.length === length) {
      whole = chunk;
    } else {
      whole ??= Buffer.allocUnsafeSlow(length);
      whole.set(chunk, received);
    }
    received += chunk.length;
  };
  request.on('data', (chunk: Buffer) => guard(() => take(chunk)));
  request.on('end', () => {
    if (received === length) guard(() => use(whole ?? Buffer.alloc(0)));
  });
  return undefined;
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${reason}\n`);
}

function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.on('error', () => socket.destroy());
  const fields = `connection: close\r\ncontent-type: text/plain\r\ncontent-length: ${reason.length + 1}`;
  // The server looks after the socket no more: without this it would stay until the client closes its side, if ever.
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${fields}\r\n\r\n${reason}\n`, () => socket.destroy());
}

function listen(server: Server, { port, host }: ReplicaListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'it is in use; choose --replica-port' : error.message;
      reject(new KvorumError('listen-failed', `Cannot listen on replica port ${port}: ${reason}`));
    });
    server.listen({ port, host, backlog: 511 }, () => {
      server.removeAllListeners('error');
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function close({ server, destroyAll }: PeerGate): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    destroyAll();
  });
}
