/**
 * The sockets to one peer's replica port. With peer-transport.ts what makes undici's clients
 * (undici.ts).
 *
 * With peer protocol `link` one request is upgraded to a link, over which all small frames then travel (peer-link.ts);
 * large frames, and all frames with protocol `http`, are requests of their own (`Route`). Those go through `dispatch`,
 * undici's callback interface: a promise and a stream per request would cost more than the rest of the round trip. Idle
 * sockets close here before they close at the peer (see `replica-listener.ts`).
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { buildConnector } from 'undici';
import { messageOf } from '../../src/diagnostics/errors.ts';
import type { Version } from '../../src/formats/record.ts';
import { answerBytesMax, batchAnswerBytesMax } from '../../src/formats/peer-entry.ts';
import { linkProtocol, parseClockAnswer, replicaPaths, seenField, type ClockAnswer } from '../../src/protocol/nodes.ts';
import type { PeerProtocol } from '../../src/domain/modes.ts';
import { formatSender } from '../../src/formats/sender.ts';
import { waitsField } from '../../src/waits/wait-marks.ts';
import type { FrameSender } from '../ground/frame-sender.ts';
import { FrameExchange, StreamExchange } from './exchange.ts';
import { proveToListener } from './handshake.ts';
import { introduce, type Introducer } from './introduction.ts';
import { PeerLink } from './peer-link.ts';
import { awaitSending } from './peer-sending.ts';
import { peerProblem } from './peer-transport.ts';
import { probe, PROBE_MS_MAX, type Acquaintance, type FoundPeer } from './probe.ts';
import type { FrameSize, PeerQuestion, PeerStream, PeerStreamHandler, Question } from './question.ts';
import { Client, Pool } from './undici.ts';

export interface PeerConnectionOptions extends Acquaintance {
  /** What goes with each frame, and what sees what comes with answers. */
  readonly sender: FrameSender;
  /** Whom the peer is told of; none where nodes need not know each other's stores. */
  readonly introducer?: Introducer;
  /** Which of the peer's replica ports to prefer. */
  readonly workerIndex: number;
  readonly connectionsMax: number;
  readonly protocol: PeerProtocol;
  /** Bound of one frame, bytes; what an answer to it may be follows (`answerBytesMax`). */
  readonly frameBytesMax: number;
  /** A socket closed though nobody asked it to: the peer stopped or restarted. */
  readonly onLost: (connection: PeerConnection, error: Error) => void;
}

/** How a frame travels, and why. */
type Route =
  /** Small frames share the link, in any order. */
  | { readonly by: 'link'; readonly link: PeerLink }
  /** Peer protocol `http`, or the link is not there yet: a small frame has a request of its own. */
  | { readonly by: 'http'; readonly why: 'no-link' }
  /** On the link it would hold up small ones. */
  | { readonly by: 'http'; readonly why: 'large' };

const noLink: Route = { by: 'http', why: 'no-link' };
const large: Route = { by: 'http', why: 'large' };

const KEEP_ALIVE_MS = 60_000;
/** How long a starting node waits for a peer that it has reached to have it up: a probe, and the pauses of a busy machine. */
const HELLO_MS_MAX = 5000;
const HELLO_PAUSE_MS = 50;
/** An answer takes as long as the peer's thread is busy; one that takes longer than this measures nothing. */
const CLOCK_MS_MAX = 1000;
/** Looks for the peer and connects to it; resolves to why it cannot be used where that fails. */
export async function connectToPeer(options: PeerConnectionOptions): Promise<PeerConnection | string> {
  const found = await probe(options);
  if (typeof found === 'string') return found;
  const connection = new PeerConnection(options, found);
  const refused = await connection.open();
  if (refused === undefined) return connection;
  options.introducer?.left(options.identity.url);
  await connection.destroy(new Error(refused));
  return refused;
}

export class PeerConnection {
  readonly #options: PeerConnectionOptions;
  readonly #peer: FoundPeer;
  readonly #pool: Pool;
  /** Sockets of their own for ranges: a range that is broken off closes its socket, which says nothing of the peer. */
  readonly #streams: Pool;
  readonly #connect: buildConnector.connector;
  /** Of small frames. */
  #route: Route = noLink;
  /** Start times of the small frames under way, oldest first. */
  readonly #starts = new Set<{ readonly at: number }>();

  constructor(options: PeerConnectionOptions, peer: FoundPeer) {
    this.#options = options;
    this.#peer = peer;
    const ports = peer.replicaPorts;
    const port = ports[options.workerIndex % ports.length] as number;
    this.#connect = provingConnector(options);
    const origin = originAt(options.identity.url, port);
    const poolOptions = {
      connections: options.connectionsMax,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: this.#connect,
    };
    this.#pool = new Pool(origin, { ...poolOptions, maxResponseSize: answerBytesMax(options.frameBytesMax) });
    // `rangesMax` bounds them: a range that waited for another one's socket would look like a peer that is silent.
    this.#streams = new Pool(origin, { ...poolOptions, connections: null });
    this.#pool.on('disconnect', (_origin, _targets, error) => {
      // Idle sockets that undici closes by itself carry UND_ERR_INFO.
      if (error.code !== 'UND_ERR_INFO') options.onLost(this, error);
    });
  }

  /**
   * Whether this connection leads to the peer as it is: to the process that says that it has this start, or else to what a
   * probe finds.
   */
  async isCurrent(start?: number): Promise<boolean> {
    if (start !== undefined && start === this.#peer.start) return true;
    const found = await probe(this.#options);
    if (typeof found === 'string') return false;
    return found.start === this.#peer.start && found.replicaPorts.join() === this.#peer.replicaPorts.join();
  }

  /** Sends a frame. A small one counts for `oldestStart` until it is answered. */
  post(question: Question, size: FrameSize): void {
    const route = size === 'large' ? large : this.#route;
    const start = { at: performance.now() };
    if (size === 'small') this.#starts.add(start);
    let isEnded = false;
    const end = (): boolean => {
      this.#starts.delete(start);
      const isFirst = !isEnded;
      isEnded = true;
      return isFirst;
    };
    const once: Question = {
      body: question.body,
      marks: question.marks,
      onReply: (bytes, from) => {
        if (end()) question.onReply(bytes, from);
      },
      onError: (error) => {
        if (end()) question.onError(error);
      },
    };
    if (route.by === 'link') route.link.ask(once);
    else this.#request(once);
  }

  #request(question: Question): void {
    const { marks } = question;
    const body = marks === undefined ? question.body : awaitSending(question.body, marks);
    const { sender, frameBytesMax } = this.#options;
    const headers = [seenField, formatSender(sender)];
    if (marks !== undefined) headers.push(waitsField, '1');
    const exchange = new FrameExchange(question, sender, answerBytesMax(frameBytesMax));
    this.#pool.dispatch({ path: replicaPaths.operations, method: 'POST', headers, body }, exchange);
  }

  /** Makes the connection fit for frames; resolves to why the peer refuses it, or undefined where it does not. */
  async open(): Promise<string | undefined> {
    const refused = (await this.#check()) ?? (await this.introduce());
    if (refused !== undefined || this.#options.protocol === 'http') return refused;
    try {
      const { socket } = await this.#pool.upgrade({
        path: replicaPaths.link,
        protocol: linkProtocol,
        signal: AbortSignal.timeout(PROBE_MS_MAX),
      });
      const { frameBytesMax, sender, onLost } = this.#options;
      const link = new PeerLink(socket, {
        answerBytesMax: batchAnswerBytesMax(frameBytesMax),
        sender,
        onLost: (error) => onLost(this, error),
      });
      this.#route = { by: 'link', link };
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Tells the peer of this node's store, and hears of its; resolves to why it cannot be used, or undefined where it can. */
  async introduce(): Promise<string | undefined> {
    const { introducer, identity } = this.#options;
    return introducer === undefined ? undefined : introduce(this.#pool, identity.url, introducer);
  }

  /** Sends an empty frame; resolves to why the peer refuses it (a wrong secret), or undefined where it does not. */
  #check(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve('no reply'), PROBE_MS_MAX);
      const done = (refused: string | undefined): void => {
        clearTimeout(timer);
        resolve(refused);
      };
      const onError = (error: Error): void => done(peerProblem(error));
      this.post({ body: Buffer.alloc(0), onReply: () => done(undefined), onError }, 'small');
    });
  }

  /** When the oldest small frame under way started (`performance.now()`), or `now` where there is none. */
  oldestStart(now: number): number {
    for (const start of this.#starts) return start.at;
    return now;
  }

  /** Tells every worker of the peer that this node has started; resolves to whether all have it up, after a bounded wait. */
  async hello(selfUrl: string): Promise<boolean> {
    const signal = AbortSignal.timeout(HELLO_MS_MAX);
    const told = this.#peer.replicaPorts.map((port) => this.#sayHello(port, selfUrl, signal));
    return (await Promise.all(told)).every((isKnown) => isKnown);
  }

  /** Asks until the worker has this node up; one that answers anything else than "not yet" is asked no more. */
  async #sayHello(port: number, selfUrl: string, signal: AbortSignal): Promise<boolean> {
    const { identity, sender } = this.#options;
    const client = new Client(originAt(identity.url, port), { connect: this.#connect });
    const body = `${selfUrl} ${sender.start}`;
    try {
      for (;;) {
        const { statusCode, body: answer } = await client.request({
          method: 'POST',
          path: replicaPaths.hello,
          body,
          signal,
        });
        await answer.dump();
        if (statusCode !== 503) return statusCode === 204;
        await pause(HELLO_PAUSE_MS, undefined, { signal });
      }
    } catch {
      return false;
    } finally {
      await client.destroy();
    }
  }

  /** Asks the peer for its time, and tells it the newest version that this node has seen; undefined where it does not answer. */
  async askClock(newest: Version): Promise<ClockAnswer | undefined> {
    try {
      const { statusCode, body } = await this.#pool.request({
        path: replicaPaths.clock,
        method: 'POST',
        body: String(newest),
        signal: AbortSignal.timeout(CLOCK_MS_MAX),
      });
      const text = await body.text();
      return statusCode === 200 ? parseClockAnswer(text) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Resolves to whether each worker of the peer says, before the signal, that it keeps nothing for this node any more. */
  async hintsDelivered(selfUrl: string, signal: AbortSignal): Promise<boolean> {
    const { identity } = this.#options;
    const asked = this.#peer.replicaPorts.map(async (port) => {
      const client = new Client(originAt(identity.url, port), { connect: this.#connect });
      try {
        return await isTaken(client, replicaPaths.hints, { body: selfUrl, signal });
      } finally {
        await client.destroy();
      }
    });
    return (await Promise.all(asked)).every((isDone) => isDone);
  }

  /** Gives the peer hints for another node; resolves to whether it keeps them. */
  giveHints(body: Buffer, signal: AbortSignal): Promise<boolean> {
    return isTaken(this.#pool, replicaPaths.keepHints, { body, signal });
  }

  /**
   * Asks what has a path of its own and is answered whole; resolves to the answer, or to why there is none. On sockets of its
   * own: that it takes long, or is broken off, says nothing of the peer.
   */
  async ask({ path, body, bytesMax, msMax }: PeerQuestion): Promise<Buffer | string> {
    try {
      const signal = AbortSignal.timeout(msMax);
      const { statusCode, body: answer } = await this.#streams.request({ path, method: 'POST', body, signal });
      const pieces: Buffer[] = [];
      let length = 0;
      for await (const piece of answer) {
        length += (piece as Buffer).length;
        if (length > bytesMax) return `answers ${path} with more than ${bytesMax} bytes`;
        pieces.push(piece as Buffer);
      }
      const bytes = Buffer.concat(pieces);
      return statusCode === 200 ? bytes : bytes.toString('utf8', 0, 200).trim();
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Asks for a range; its entries come as they are read. Exactly one of `onEnd` and `onError` is called, later. */
  stream(body: string, handler: PeerStreamHandler): PeerStream {
    const exchange = new StreamExchange(handler);
    this.#streams.dispatch({ path: replicaPaths.range, method: 'POST', body }, exchange);
    return exchange;
  }

  /** Ends every request under way with `error`; resolves when all sockets are closed. */
  async destroy(error: Error): Promise<void> {
    if (this.#route.by === 'link') this.#route.link.destroy(error);
    await Promise.all([this.#pool.destroy(error), this.#streams.destroy(error)]);
  }
}

/** Whether the peer answers 204; a peer that does not know the path, or cannot be asked, does not. */
async function isTaken(
  client: Client | Pool,
  path: string,
  { body, signal }: { readonly body: Buffer | string; readonly signal: AbortSignal },
): Promise<boolean> {
  try {
    const { statusCode, body: answer } = await client.request({ path, method: 'POST', body, signal });
    await answer.dump();
    return statusCode === 204;
  } catch {
    return false;
  }
}

/** Connects, and proves the cluster secret on the connection before undici gets it. */
function provingConnector({ identity, self, transport }: Acquaintance): buildConnector.connector {
  return (target, done) => {
    transport.connect(target, (...[error, socket]) => {
      if (error === null) void proveAndGive(socket);
      else done(error, null);
    });
    const proveAndGive = async (socket: Socket): Promise<void> => {
      const refused = await proveToListener(socket, self, identity.id).then(noError, asError);
      if (refused === undefined) done(null, socket);
      else done(refused, null);
    };
  };
}

function noError(): undefined {}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}

function originAt(url: string, port: number): string {
  const origin = new URL(url);
  origin.port = String(port);
  return origin.origin;
}
