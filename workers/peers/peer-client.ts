/**
 * One peer as this worker uses it: queues operations, sends them while the peer is up, and fails them while it is down.
 * The shell around `peer-state.ts`, which decides what a probe, a failure or a doubt means.
 *
 * Operations are queued as segments (runs of frame entries) and travel together as one batch. A segment above
 * `LARGE_BYTES`, or with an answer that is, goes in a request of its own beside the batches, so that nothing small waits
 * behind it.
 *
 * A peer that fails a request is down at once and probed with growing pauses; the probe reads `GET /v0/node` on its
 * client port, which names its replica ports. A peer that hangs is found by the first worker whose request is overdue;
 * that worker tells the others, so that a node waits once and not once per worker. A peer that starts asks the others to
 * probe it (`hello`), so it is not waited for.
 */
import type { Buffer } from 'node:buffer';
import { countBounds, Histogram, latencyBounds } from '../../src/metrics/metrics.ts';
import { readReplies, type Reply } from '../../src/formats/reply.ts';
import type { Version } from '../../src/formats/record.ts';
import type { ClockAnswer } from '../../src/protocol/nodes.ts';
import { batchMarks } from '../../src/waits/wait-marks.ts';
import type { PeerStatus } from '../../src/protocol/workers.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { PeerRefusals } from './peer-refusals.ts';
import { neverReached, next, statusOf, type PeerAction, type PeerEvent, type PeerState } from './peer-state.ts';
import type { PeerQuestion, PeerStream, PeerStreamHandler } from './question.ts';
import { SegmentQueue, type Segment, type SegmentBatch } from './segment-queue.ts';

/** What the client needs of a connection. */
export type Connection = Pick<
  PeerConnection,
  | 'post'
  | 'stream'
  | 'ask'
  | 'hello'
  | 'introduce'
  | 'askClock'
  | 'hintsDelivered'
  | 'giveHints'
  | 'isCurrent'
  | 'oldestStart'
  | 'destroy'
>;

export interface PeerClientOptions {
  readonly url: string;
  /**
   * Looks for the peer and connects to it; resolves to why the peer cannot be used where that fails. `onLost` is called
   * when a socket of the connection has closed though nobody asked it to.
   */
  readonly connect: (onLost: (connection: Connection, error: Error) => void) => Promise<Connection | string>;
  /** Batches under way at a time. */
  readonly batchesInFlightMax: number;
  /** Bytes of a batch, unless it is a single segment; 0: one segment a batch. */
  readonly batchBytesMax: number;
  readonly queueBytesMax: number;
  readonly refusals: Pick<PeerRefusals, 'note'>;
  readonly timeoutMs: number;
  readonly onStateChange: (status: PeerStatus, before: PeerStatus['state']) => void;
  /** The peer has been given up since it did not answer. */
  readonly onSilent: (url: string) => void;
}

/** Larger segments travel alone; 64 KiB is about what one socket write takes at once. */
const LARGE_BYTES = 64 * 1024;
/** Large requests under way beside the batches. */
const LARGE_IN_FLIGHT_MAX = 4;

export class PeerClient {
  readonly roundTripSeconds = new Histogram(latencyBounds);
  readonly batchOperations = new Histogram(countBounds);
  failures = 0;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #options: PeerClientOptions;
  readonly #small: SegmentQueue;
  readonly #large = new SegmentQueue({ size: 'large', inFlightMax: LARGE_IN_FLIGHT_MAX, batchBytesMax: 0 });
  #state: PeerState<Connection> = neverReached;
  /** Ends with the probe that began last. */
  #probing: Promise<void> = Promise.resolve();
  #probeTimer: NodeJS.Timeout | undefined;
  /** Resolves when the connection that ended last has closed its sockets. */
  #ending: Promise<void> = Promise.resolve();

  constructor(options: PeerClientOptions) {
    this.#options = options;
    const { batchesInFlightMax, batchBytesMax } = options;
    this.#small = new SegmentQueue({ size: 'small', inFlightMax: batchesInFlightMax, batchBytesMax });
  }

  get status(): PeerStatus {
    return { url: this.#options.url, ...statusOf(this.#state) };
  }

  get queuedBytes(): number {
    return this.#small.bytes + this.#large.bytes;
  }

  /** Queues a segment; `flush` sends it. Fails it at once where the peer is down or its queue is full. */
  submit(segment: Segment): void {
    const { kind } = this.#state;
    const { queuedBytes } = this;
    const overfull = queuedBytes > 0 && queuedBytes + segment.bytes.length > this.#options.queueBytesMax;
    if (kind === 'down' || kind === 'closed' || overfull) return segment.onFailed();
    const isLarge = segment.isLarge === true || segment.bytes.length > LARGE_BYTES;
    return (isLarge ? this.#large : this.#small).push(segment);
  }

  /** Asks for a range of the peer's store; undefined where the peer is not up. */
  stream(body: string, handler: PeerStreamHandler): PeerStream | undefined {
    return this.#state.kind === 'up' ? this.#state.connection.stream(body, handler) : undefined;
  }

  /** Asks what is answered whole; resolves to the answer, or to why there is none. */
  ask(question: PeerQuestion): Promise<Buffer | string> {
    return this.#state.kind === 'up' ? this.#state.connection.ask(question) : Promise.resolve('is down');
  }

  /** Sends what waits, as far as the bounds on requests under way allow. */
  flush(): void {
    if (this.#state.kind !== 'up') return;
    const { connection } = this.#state;
    this.#drain(this.#small, connection);
    this.#drain(this.#large, connection);
  }

  /** Probes now, unless the peer is up; resolves when that probe has ended, however it ends. */
  wake(): Promise<void> {
    this.#take({ kind: 'wake' });
    return this.#probing;
  }

  /**
   * The peer says that it has started, with this number (`Sender.start`): whatever we held of it may be of its former life.
   * Resolves to whether it is up here now.
   */
  async greet(start?: number): Promise<boolean> {
    await this.#probing;
    if (this.#state.kind === 'up') {
      const { connection } = this.#state;
      if (await connection.isCurrent(start)) return true;
      this.#take({ kind: 'restarted', connection });
    }
    await this.wake();
    return this.status.state === 'up';
  }

  /** Tells the peer that this node has started; resolves to whether it has this node up, undefined where it is not up itself. */
  announce(selfUrl: string): Promise<boolean | undefined> {
    return this.#state.kind === 'up' ? this.#state.connection.hello(selfUrl) : Promise.resolve(undefined);
  }

  /** Asks the peer for its time; undefined where it is not up or does not answer in time. */
  askClock(newest: Version): Promise<ClockAnswer | undefined> {
    return this.#state.kind === 'up' ? this.#state.connection.askClock(newest) : Promise.resolve(undefined);
  }

  /** Whether the peer says that it has delivered all hints for this node; undefined where it is not up. See `PeerConnection`. */
  hintsDelivered(selfUrl: string, signal: AbortSignal): Promise<boolean | undefined> {
    if (this.#state.kind !== 'up') return Promise.resolve(undefined);
    return this.#state.connection.hintsDelivered(selfUrl, signal);
  }

  /** Gives the peer hints for another node; resolves to whether it keeps them. */
  giveHints(body: Buffer, signal: AbortSignal): Promise<boolean> {
    return this.#state.kind === 'up' ? this.#state.connection.giveHints(body, signal) : Promise.resolve(false);
  }

  /** Tells the peer of this node's store again, and hears of its; resolves when both are done, or cannot be. */
  async introduce(): Promise<void> {
    if (this.#state.kind !== 'up') return;
    const { connection } = this.#state;
    const refused = await connection.introduce();
    if (refused !== undefined) this.#take({ kind: 'failed', connection, error: new Error(refused) });
  }

  /** Gives the peer up where a request has been under way for longer than the deadline; `now` is `performance.now()`. */
  expire(now: number): void {
    const { timeoutMs } = this.#options;
    if (this.#state.kind !== 'up' || this.#state.connection.oldestStart(now) >= now - timeoutMs) return;
    this.#take({ kind: 'silent', timeoutMs });
  }

  /** Gives the peer up where another worker of this node had no reply from it. */
  doubt(): void {
    this.#take({ kind: 'doubted' });
  }

  /** Fails what waits and what is under way; resolves when all sockets are closed. */
  close(): Promise<void> {
    clearTimeout(this.#probeTimer);
    this.#take({ kind: 'close' });
    return this.#ending;
  }

  #take(event: PeerEvent<Connection>): void {
    const before = this.#state;
    const { state, actions } = next(before, event);
    this.#state = state;
    if (before.kind === 'up' && state.kind === 'down') this.failures++;
    if (state.kind !== 'closed') this.#tellChange(before);
    for (const action of actions) this.#act(action);
  }

  #tellChange(before: PeerState<Connection>): void {
    const [was, is] = [statusOf(before), this.status];
    if (was.state !== is.state || was.error !== is.error) this.#options.onStateChange(is, was.state);
  }

  #act(action: PeerAction<Connection>): void {
    switch (action.kind) {
      case 'send-waiting':
        return this.flush();
      case 'fail-waiting':
        return this.#failWaiting();
      case 'probe-now':
        clearTimeout(this.#probeTimer);
        this.#probing = this.#probe();
        return undefined;
      case 'probe-later':
        return this.#probeLater(action.pauseMs);
      case 'end':
        this.#ending = action.connection.destroy(action.error);
        return undefined;
      case 'tell-of-silence':
        return this.#options.onSilent(this.#options.url);
      default:
        return action satisfies never;
    }
  }

  #failWaiting(): void {
    for (const segment of [...this.#small.takeAll(), ...this.#large.takeAll()]) segment.onFailed();
  }

  /** A quarter more or less, so that workers and nodes do not all probe together. */
  #probeLater(pauseMs: number): void {
    const jittered = pauseMs * (0.75 + Math.random() / 2);
    this.#probeTimer = setTimeout(() => this.#take({ kind: 'pause-over' }), jittered).unref();
  }

  async #probe(): Promise<void> {
    const found = await this.#options.connect((connection, error) => this.#take({ kind: 'failed', connection, error }));
    if (typeof found === 'string') this.#take({ kind: 'unreachable', why: found });
    else this.#take({ kind: 'reached', connection: found });
  }

  #drain(queue: SegmentQueue, connection: Connection): void {
    while (this.#state.kind === 'up' && this.#state.connection === connection) {
      const batch = queue.take();
      if (batch === undefined) return;
      this.#send(queue, connection, batch);
    }
  }

  #send(queue: SegmentQueue, connection: Connection, { segments, body }: SegmentBatch): void {
    const started = performance.now();
    const marks = batchMarks(segments, started);
    queue.inFlight++;
    this.bytesSent += body.length;
    const settled = (): void => {
      queue.inFlight--;
      this.flush();
    };
    const onReply = (bytes: Buffer, start: number): void => {
      if (marks !== undefined) marks.repliedAt = performance.now();
      this.roundTripSeconds.observe((performance.now() - started) / 1000);
      this.bytesReceived += bytes.length;
      this.#deliver(segments, bytes, start);
      settled();
    };
    const onError = (error: Error): void => {
      for (const segment of segments) segment.onFailed();
      this.#take({ kind: 'failed', connection, error });
      settled();
    };
    connection.post({ body, marks, onReply, onError }, queue.size);
  }

  #deliver(segments: readonly Segment[], bytes: Buffer, start: number): void {
    const expected = segments.reduce((sum, segment) => sum + segment.count, 0);
    this.batchOperations.observe(expected);
    const replies = parseReplies(bytes);
    if (replies?.length !== expected) {
      const had = replies === undefined ? 'what does not parse' : `${replies.length} replies`;
      this.#options.refusals.note('reply', `${this.#options.url} answers ${expected} operations with ${had}`);
      for (const segment of segments) segment.onFailed();
      return;
    }
    let at = 0;
    for (const segment of segments) {
      segment.onReplies(replies, at, start);
      at += segment.count;
    }
  }
}

/** The replies of a frame; undefined where a peer sent what does not parse, which counts as no reply. */
function parseReplies(bytes: Buffer): Reply[] | undefined {
  try {
    return readReplies(bytes);
  } catch {
    return undefined;
  }
}
