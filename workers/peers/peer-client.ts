/**
 * One peer as this worker sees it: whether it is up, what waits for it, and the requests under way.
 *
 * Operations are queued as segments (runs of frame entries) and travel together as one batch. At most
 * `peerBatchesInFlightMax` batches are under way, so under load the next one grows while the last one travels.
 * A segment above `bulkBytes`, or with an answer that is, goes in a request of its own beside them, so that nothing small
 * waits behind it.
 *
 * States: `connecting` (never reached yet: operations wait), `up`, and `down` (operations fail at once). A peer that
 * fails a request is down at once and probed with growing pauses; the probe reads `GET /v0/node` on its client port,
 * which names its replica ports. A peer that hangs is found by the first worker whose request is overdue; that worker
 * tells the others, so that a node waits once and not once per worker. A peer that starts asks the others to probe it (`hello`), so it is not waited for.
 */
import { Buffer } from 'node:buffer';
import { messageOf } from '../../src/domain/errors.ts';
import { countBounds, Histogram, latencyBounds } from '../../src/metrics/metrics.ts';
import { readReplies, type Reply } from '../../src/formats/reply.ts';
import { batchMarks, type PeerMarks } from '../../src/waits/wait-marks.ts';
import type { PeerProtocol, PeerState, PeerStatus } from '../../src/formats/worker-protocol.ts';
import { PeerConnection, probe, type PeerIdentity } from './peer-connection.ts';
import type { PeerRefusals } from './peer-refusals.ts';
import type { PeerStream, PeerStreamHandler } from '../ranges/peer-range.ts';

/** A run of frame entries for one peer, and who wants to know of them. */
export interface Segment {
  readonly bytes: Buffer;
  /** How many entries `bytes` holds. */
  readonly count: number;
  /** Travels alone, beside the batches, since its answer is large. */
  readonly isBulk?: boolean;
  /** Takes the replies `[start, start + count)` out of `replies`. */
  readonly onReplies: (replies: readonly Reply[], start: number) => void;
  /** The peer could not be asked. */
  readonly onFailed: () => void;
  /** Where somebody wants to know what the segment waited for. */
  readonly marks?: PeerMarks | undefined;
}

export interface PeerClientOptions {
  readonly identity: PeerIdentity;
  readonly batching: boolean;
  readonly batchBytesMax: number;
  readonly batchesInFlightMax: number;
  readonly connectionsMax: number;
  readonly protocol: PeerProtocol;
  readonly queueBytesMax: number;
  readonly frameBytesMax: number;
  readonly refusals: PeerRefusals;
  readonly timeoutMs: number;
  /** Which of the peer's replica ports to prefer. */
  readonly workerIndex: number;
  readonly onStateChange: (status: PeerStatus, before: PeerState) => void;
  /** The peer has been given up since it did not answer. */
  readonly onSilent: (url: string) => void;
}

/** Larger segments travel alone; 64 KiB is about what one socket write takes at once. */
const bulkBytes = 64 * 1024;
/** Large requests under way beside the batches. */
const bulkInFlightMax = 4;
const PROBE_PAUSE_MS_MIN = 100;
const PROBE_PAUSE_MS_MAX = 1000;

interface Lane {
  readonly queue: Segment[];
  readonly inFlightMax: number;
  readonly batchBytesMax: number;
  inFlight: number;
}

export class PeerClient {
  readonly roundTripSeconds = new Histogram(latencyBounds);
  readonly batchOperations = new Histogram(countBounds);
  failures = 0;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #options: PeerClientOptions;
  readonly #batches: Lane;
  readonly #bulk: Lane;
  #state: PeerState = 'connecting';
  #error: string | undefined;
  #queuedBytes = 0;
  #connection: PeerConnection | undefined;
  #probing: Promise<void> | undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #pauseMs = PROBE_PAUSE_MS_MIN;
  #closed = false;

  constructor(options: PeerClientOptions) {
    this.#options = options;
    const inFlightMax = options.batching ? options.batchesInFlightMax : options.connectionsMax;
    const batchBytesMax = options.batching ? options.batchBytesMax : 0;
    this.#batches = { queue: [], inFlightMax, batchBytesMax, inFlight: 0 };
    this.#bulk = { queue: [], inFlightMax: bulkInFlightMax, batchBytesMax: 0, inFlight: 0 };
  }

  get status(): PeerStatus {
    return { url: this.#options.identity.url, state: this.#state, error: this.#error };
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Queues a segment; `flush` sends it. Fails it at once where the peer is down or its queue is full. */
  submit(segment: Segment): void {
    const overfull = this.#queuedBytes > 0 && this.#queuedBytes + segment.bytes.length > this.#options.queueBytesMax;
    if (this.#state === 'down' || overfull) return segment.onFailed();
    this.#queuedBytes += segment.bytes.length;
    const isBulk = segment.isBulk === true || segment.bytes.length > bulkBytes;
    (isBulk ? this.#bulk : this.#batches).queue.push(segment);
    return undefined;
  }

  /** Asks for a range of the peer's store; undefined where the peer is not up. */
  stream(body: string, handler: PeerStreamHandler): PeerStream | undefined {
    return this.#connection?.stream(body, handler);
  }

  /** Sends what waits, as far as the bounds on requests under way allow. */
  flush(): void {
    if (this.#connection === undefined) return;
    this.#drain(this.#batches, this.#connection);
    this.#drain(this.#bulk, this.#connection);
  }

  /** Probes now, unless the peer is up; resolves when that probe has ended, however it ends. */
  wake(): Promise<void> {
    if (this.#state === 'up' || this.#closed) return Promise.resolve();
    clearTimeout(this.#probeTimer);
    this.#pauseMs = PROBE_PAUSE_MS_MIN;
    return this.#probe();
  }

  /** The peer says that it has started: whatever we held of it may be of its former life. */
  async greet(): Promise<void> {
    await this.#probing;
    if (this.#connection === undefined) return this.wake();
    const ports = await probe(this.#options.identity);
    if (this.#connection?.goesTo(ports) !== false) return undefined;
    this.#lose(new Error('the peer has restarted'));
    return this.wake();
  }

  /** Tells the peer that this node has started; resolves when it has probed us, or cannot. */
  announce(selfUrl: string): Promise<void> {
    return this.#connection?.hello(selfUrl) ?? Promise.resolve();
  }

  /** Gives the peer up where a request has been under way for longer than the deadline. */
  expire(now: number): void {
    const { identity, timeoutMs, onSilent } = this.#options;
    if (this.#connection === undefined || this.#connection.oldestStart(now) >= now - timeoutMs) return;
    this.#lose(new Error(`no reply within ${timeoutMs} ms`));
    onSilent(identity.url);
  }

  /** Gives the peer up where another worker of this node had no reply from it; the probe tells whether it hangs. */
  doubt(): void {
    if (this.#connection !== undefined) this.#lose(new Error('no reply to another worker of this node'));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probeTimer);
    await this.#connection?.close();
  }

  #drain(lane: Lane, connection: PeerConnection): void {
    while (lane.queue.length > 0 && lane.inFlight < lane.inFlightMax && this.#connection === connection) {
      const segments = takeBatch(lane);
      const body = segments.length === 1 ? (segments[0] as Segment).bytes : Buffer.concat(segments.map((s) => s.bytes));
      this.#queuedBytes -= body.length;
      this.#send(lane, connection, segments, body);
    }
  }

  #send(lane: Lane, connection: PeerConnection, segments: readonly Segment[], body: Buffer): void {
    const started = performance.now();
    const marks = batchMarks(segments, started);
    lane.inFlight++;
    this.bytesSent += body.length;
    const settled = (): void => {
      lane.inFlight--;
      this.flush();
    };
    connection.post({
      body,
      marks,
      isUrgent: lane !== this.#bulk,
      onReply: (bytes) => {
        if (marks !== undefined) marks.repliedAt = performance.now();
        this.roundTripSeconds.observe((performance.now() - started) / 1000);
        this.bytesReceived += bytes.length;
        this.#deliver(segments, bytes);
        settled();
      },
      onError: (error) => {
        for (const segment of segments) segment.onFailed();
        if (this.#connection === connection) this.#lose(error);
        settled();
      },
    });
  }

  #deliver(segments: readonly Segment[], bytes: Buffer): void {
    const expected = segments.reduce((sum, segment) => sum + segment.count, 0);
    this.batchOperations.observe(expected);
    const replies = parseReplies(bytes);
    if (replies?.length !== expected) {
      const had = replies === undefined ? 'what does not parse' : `${replies.length} replies`;
      this.#options.refusals.note('reply', `${this.#options.identity.url} answers ${expected} operations with ${had}`);
      for (const segment of segments) segment.onFailed();
      return;
    }
    let start = 0;
    for (const segment of segments) {
      segment.onReplies(replies, start);
      start += segment.count;
    }
  }

  /** The connection failed: down at once, all that waits fails, and a probe starts. */
  #lose(error: Error): void {
    if (this.#closed) return;
    this.failures++;
    const connection = this.#connection;
    this.#connection = undefined;
    this.#setState('down', messageOf(error));
    connection?.destroy(error);
    this.#failQueued();
    this.#scheduleProbe(0);
  }

  #failQueued(): void {
    const waiting = [...this.#batches.queue.splice(0), ...this.#bulk.queue.splice(0)];
    this.#queuedBytes = 0;
    for (const segment of waiting) segment.onFailed();
  }

  #scheduleProbe(pauseMs: number): void {
    if (this.#closed) return;
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => void this.#probe(), pauseMs);
    this.#probeTimer.unref();
  }

  #probe(): Promise<void> {
    this.#probing ??= this.#probeOnce().finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  async #probeOnce(): Promise<void> {
    const { identity, ...options } = this.#options;
    const ports = await probe(identity);
    if (typeof ports === 'string') return this.#stayDown(ports);
    const onLost = (error: Error): void => {
      if (this.#connection === connection) this.#lose(error);
    };
    const connection = new PeerConnection({ ...options, identity, ports, onLost });
    const refused = await connection.open();
    if (refused !== undefined || this.#closed) {
      await connection.close();
      return this.#stayDown(refused ?? 'closed');
    }
    this.#pauseMs = PROBE_PAUSE_MS_MIN;
    this.#connection = connection;
    this.#setState('up', undefined);
    this.flush();
    return undefined;
  }

  #stayDown(error: string): void {
    this.#setState('down', error);
    this.#failQueued();
    this.#scheduleProbe(this.#pauseMs * (0.75 + Math.random() / 2));
    this.#pauseMs = Math.min(this.#pauseMs * 2, PROBE_PAUSE_MS_MAX);
  }

  #setState(state: PeerState, error: string | undefined): void {
    const before = this.#state;
    const changed = state !== before || error !== this.#error;
    this.#state = state;
    this.#error = error;
    if (changed) this.#options.onStateChange(this.status, before);
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

/** Takes the first segment and as many more as fit with it into one batch. */
function takeBatch(lane: Lane): Segment[] {
  let count = 1;
  let size = (lane.queue[0] as Segment).bytes.length;
  for (; count < lane.queue.length; count++) {
    size += (lane.queue[count] as Segment).bytes.length;
    if (size > lane.batchBytesMax) break;
  }
  return lane.queue.splice(0, count);
}
