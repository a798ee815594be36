/**
 * From admitted operations to worker tasks and back: the main thread's half of the data path.
 *
 * In mode `batched` the operations of one event-loop turn share a frame and a pool task for each worker that owns some of
 * their keys; in the other modes each operation has its own. An operation holds a slot until its outcome; the slot and a generation are the tag that travels with it, so that
 * an outcome that comes after its slot was given away is recognised and dropped.
 */
import { Buffer } from 'node:buffer';
import { codeOf, messageOf } from '../diagnostics/errors.ts';
import {
  allocateFrame,
  ENTRY_HEADER_BYTES,
  entryBytes,
  entryFlags,
  recordOffset,
  valueOffset,
  writeRead,
  writeSealed,
  writeWrite,
  writeWriteInSteps,
  type EntryHead,
  type Quorum,
} from '../formats/frame.ts';
import { Histogram, countBounds, family, type MetricFamily } from '../metrics/metrics.ts';
import { operationKinds } from '../formats/codes.ts';
import type { Outcome } from '../domain/outcome.ts';
import { ownerOf } from '../domain/owners.ts';
import { hashKey } from '../domain/rendezvous.ts';
import { EXPIRY_BYTES, isLargeRecord, recordKinds, writeExpiry, type RecordKind } from '../formats/record.ts';
import { visitOutcomes } from '../formats/reply.ts';
import { runInSteps } from '../domain/steps.ts';
import { Turn } from '../domain/turn.ts';
import { TurnShare } from '../domain/turn-share.ts';
import { slotBits, type DispatchWaits } from '../waits/wait-marks.ts';
import type { Log } from '../diagnostics/log.ts';
import type { NodeClock } from './clock.ts';
import { threadTimeMs } from '../protocol/frame-task.ts';
import { Admission, type Lane, type Refusal } from './admission.ts';
import { asOutcome } from './outcomes.ts';
import type { Pulse } from './pulse.ts';
import type { Task, TaskOutcome } from './task-queue.ts';

/** What this needs of the pool. */
export interface FrameRunner {
  readonly hasRoom: boolean;
  readonly takesWrites: boolean;
  run(worker: number, task: Task): Promise<TaskOutcome<Uint8Array | undefined>>;
}

export interface DispatcherOptions<Context> {
  readonly pool: FrameRunner;
  readonly clock: NodeClock;
  readonly nodeId: number;
  readonly batching: boolean;
  /** Each owns the keys of its share of the hash space (owners.ts). */
  readonly workers: number;
  readonly operationsInFlightMax: number;
  /** The deadline of an operation. */
  readonly timeoutMs: number;
  readonly pulse: Pick<Pulse, 'isResuming' | 'hasPausedSince'>;
  /** Whether an operation that has not begun is still to be: not if its client has gone. */
  readonly isWanted: (context: Context) => boolean;
  /** Called once for each operation. */
  readonly onOutcome: (context: Context, outcome: Outcome) => void;
  readonly log: Log;
}

/** A frame is sent early when it has grown to this; large values then travel alone. */
const FRAME_BYTES_TARGET = 256 * 1024;
/** What a frame starts with; it holds about 100 small operations. */
const FRAME_BYTES_MIN = 16 * 1024;
const SLOT_MASK = (1 << slotBits) - 1;
const GENERATIONS = 2 ** (32 - slotBits);

/**
 * Room for a large write's frame, and where its value goes: bodies are received straight into it. `expiryBytes` as
 * `expiryBytesOf` says.
 */
export function largeFrame(keyBytes: number, valueBytes: number, expiryBytes = 0): { bytes: Buffer; value: Buffer } {
  const bytes = allocateFrame(entryBytes(keyBytes, expiryBytes + valueBytes));
  return { bytes, value: bytes.subarray(valueOffset(0, keyBytes) + expiryBytes) };
}

/** What stands before the value of a write that is to expire after so many milliseconds, or never. */
export function expiryBytesOf(ttlMs: number | undefined): number {
  return ttlMs === undefined ? 0 : EXPIRY_BYTES;
}

/** An operation as its request asked for it. */
export interface Asked<Context> {
  readonly quorum: Quorum;
  /** Whether the operation is to be linearizable. */
  readonly isStrict?: boolean;
  /** Whether a read may do without the bytes of a large value. */
  readonly isHeadOnly?: boolean;
  /** How long after its stamp the value of a write is to expire, by this node's clock, milliseconds. */
  readonly ttlMs?: number | undefined;
  readonly context: Context;
  /** `performance.now()`, about. */
  readonly now: number;
}

type TaskFailure = Exclude<TaskOutcome<unknown>, { kind: 'done' }>;

interface Frame {
  /** The worker that owns its keys. */
  readonly owner: number;
  bytes: Buffer;
  length: number;
  tags: number[];
}

export class Dispatcher<Context> {
  readonly frameOperations = new Histogram(countBounds);
  /** Set while somebody records waits. */
  waits: DispatchWaits<Context> | undefined;
  readonly #options: DispatcherOptions<Context>;
  readonly #contexts: (Context | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #freeSlots: number[] = [];
  /** Of the operation in a slot: when it was taken in, and whether it is a write. */
  readonly #beganAt: number[] = [];
  readonly #lanes: Lane[] = [];
  readonly #admission: Admission;
  /** One step of all large writes a turn. */
  readonly #steps = new TurnShare(1, setImmediate);
  readonly #turn = new Turn(() => this.#flushAll(), setImmediate);
  /** The turn's frames, by owner. */
  readonly #frames: (Frame | undefined)[] = [];

  constructor(options: DispatcherOptions<Context>) {
    this.#options = options;
    this.#admission = new Admission(options);
  }

  /** Operations begun and not yet answered. */
  get inFlight(): number {
    return this.#admission.inFlight;
  }

  /**
   * Why an operation that began now would be refused; undefined if it would not be. `now` is `performance.now()`, and
   * `heldSince` when the operation came, if it has waited since, else 0.
   */
  refusal(lane: Lane, now: number, heldSince = 0): Refusal | undefined {
    if (!this.#options.pool.hasRoom) return 'too-many';
    return this.#admission.refusal(lane, now, heldSince);
  }

  /** Whether writes are taken: not while the log has no room, since LMDB cannot keep up. */
  get takesWrites(): boolean {
    return this.#options.pool.takesWrites;
  }

  /** Begins a read that would not be refused, at `now`. */
  read(key: Uint8Array, asked: Asked<Context>): void {
    const frame = this.#frameFor(this.#ownerOf(key), entryBytes(key.length, undefined));
    const head = this.#head(frame, operationKinds.read, asked);
    frame.length = writeRead(frame.bytes, frame.length, head, key);
    this.#schedule();
  }

  /** How wrong this node's clock is, in words, while it is too wrong for writes. */
  get clockSkew(): string | undefined {
    return this.#options.clock.skew;
  }

  /** Stamps and begins a write that would not be refused; `value` undefined deletes. A large one goes by `writeLarge`. */
  write(key: Uint8Array, value: Buffer | undefined, asked: Asked<Context>): void {
    const version = this.#options.clock.stamp();
    if (version === undefined) {
      // Whoever waits keeps its own bytes: those that came are read over.
      const [ownKey, ownValue] = [Buffer.from(key), value === undefined ? undefined : Buffer.from(value)];
      return this.#later(asked, () => this.write(ownKey, ownValue, asked));
    }
    const expiryBytes = expiryBytesOf(asked.ttlMs);
    const valueBytes = expiryBytes + (value?.length ?? 0);
    const frame = this.#frameFor(this.#ownerOf(key), entryBytes(key.length, valueBytes));
    const head = this.#head(frame, operationKinds.write, asked);
    if (value !== undefined) frame.bytes.set(value, valueOffset(frame.length, key.length) + expiryBytes);
    const kind = value === undefined ? recordKinds.tombstone : beginValue(frame, key, asked);
    const stamp = { version, nodeId: this.#options.nodeId, kind };
    frame.length = writeWrite(frame.bytes, frame.length, head, key, { stamp, valueBytes });
    return this.#schedule();
  }

  /**
   * Stamps and begins a write whose value stands in a frame of its own already (`largeFrame`), which may have
   * been made for a longer one. Sealed in steps, so that the checksum of a large value does not hold up the event loop.
   */
  writeLarge(bytes: Buffer, key: Uint8Array, valueBytes: number, asked: Asked<Context>): void {
    const version = this.#options.clock.stamp();
    if (version === undefined) {
      const ownKey = Buffer.from(key);
      return this.#later(asked, () => this.writeLarge(bytes, ownKey, valueBytes, asked));
    }
    const frame: Frame = { owner: this.#ownerOf(key), bytes, length: 0, tags: [] };
    const head = this.#head(frame, operationKinds.write, asked);
    const stamp = { version, nodeId: this.#options.nodeId, kind: beginValue(frame, key, asked) };
    const record = { stamp, valueBytes: expiryBytesOf(asked.ttlMs) + valueBytes };
    frame.length = entryBytes(key.length, record.valueBytes);
    const sealed = runInSteps(writeWriteInSteps(bytes, head, key, record), this.#steps.pause);
    sealed.then(
      () => this.#send(frame),
      (error: unknown) => this.#failFrame(frame.tags, { kind: 'failed', error }),
    );
    return undefined;
  }

  /**
   * Begins a write that would not be refused, of a record that was sealed before: a repair, which replicas take with the stamp
   * that it has, and which what is newer stands above.
   */
  restore(key: Uint8Array, record: Uint8Array, asked: Asked<Context>): void {
    const size = ENTRY_HEADER_BYTES + key.length + record.length;
    const owner = this.#ownerOf(key);
    // A large value stands in no frame with others.
    const isAlone = isLargeRecord(record.length);
    const frame = isAlone ? { owner, bytes: allocateFrame(size), length: 0, tags: [] } : this.#frameFor(owner, size);
    const head = { ...this.#head(frame, operationKinds.write, asked), flags: entryFlags.repair };
    frame.length = writeSealed(frame.bytes, frame.length, head, key, record);
    return isAlone ? this.#send(frame) : this.#schedule();
  }

  /** Takes an outcome frame of a worker. */
  deliver(bytes: Buffer): void {
    const { waits } = this;
    waits?.delivered();
    const now = performance.now();
    const newest = visitOutcomes(bytes, (tag, code, tally, value, version, expiresAt) => {
      this.#settle(tag, asOutcome(code, tally, value, version, expiresAt), now);
      waits?.answered(tag);
    });
    this.#options.clock.see(newest);
  }

  metrics(): MetricFamily[] {
    return [
      family('gauge', 'kvorum_operations_in_flight', 'Operations begun and not answered', this.inFlight),
      this.#admission.metrics(),
      family(
        'histogram',
        'kvorum_frame_operations',
        'Operations that one turn of the main thread hands to the pool together',
        this.frameOperations.snapshot(),
      ),
    ];
  }

  /**
   * There is no stamp for a write now: it is refused, or waits for one and is in flight meanwhile. Nothing of it is stored yet,
   * so it is not begun if its client has gone or its deadline is over.
   */
  #later({ context, now: beganAt }: Asked<Context>, write: () => void): void {
    const { clock, onOutcome, isWanted, timeoutMs } = this.#options;
    if (clock.skew !== undefined) return onOutcome(context, { kind: 'clockSkew', detail: clock.skew });
    this.#admission.begin('write');
    return clock.whenStampable((end) => {
      const now = performance.now();
      this.#admission.end('write', beganAt, now, false);
      if (end === 'full') onOutcome(context, { kind: 'full', acks: 0, failures: 0, faults: [] });
      else if (end === 'failed') onOutcome(context, { kind: 'failed' });
      else if (now - beganAt >= timeoutMs || !isWanted(context)) onOutcome(context, { kind: 'overloaded' });
      else write();
    });
  }

  #head(frame: Frame, kind: EntryHead['kind'], asked: Asked<Context>): EntryHead {
    const { quorum, isStrict, isHeadOnly, context, now } = asked;
    const tag = this.#takeSlot(context, kind === operationKinds.read ? 'read' : 'write', now);
    frame.tags.push(tag);
    this.waits?.taken(tag, context);
    const flags = (isStrict === true ? entryFlags.strict : 0) | (isHeadOnly === true ? entryFlags.headOnly : 0);
    return { tag, kind, quorum, flags };
  }

  #takeSlot(context: Context, lane: Lane, now: number): number {
    const slot = this.#freeSlots.pop() ?? this.#contexts.length;
    this.#contexts[slot] = context;
    this.#beganAt[slot] = now;
    this.#lanes[slot] = lane;
    this.#admission.begin(lane);
    const generation = ((this.#generations[slot] ?? 0) + 1) % GENERATIONS;
    this.#generations[slot] = generation;
    return generation * (SLOT_MASK + 1) + slot;
  }

  #ownerOf(key: Uint8Array): number {
    const { workers } = this.#options;
    return workers === 1 ? 0 : ownerOf(hashKey(key, 0, key.length), workers);
  }

  /** The owner's frame of this turn with room for `size` more bytes; what does not fit starts the next one. */
  #frameFor(owner: number, size: number): Frame {
    const frame = this.#frames[owner];
    if (frame !== undefined && frame.length + size > frame.bytes.length) {
      if (frame.length + size > FRAME_BYTES_TARGET) this.#flush(owner);
      else growFrame(frame, size);
    }
    const least = this.#options.batching ? FRAME_BYTES_MIN : 0;
    return (this.#frames[owner] ??= { owner, bytes: allocateFrame(Math.max(size, least)), length: 0, tags: [] });
  }

  #schedule(): void {
    if (this.#options.batching) this.#turn.schedule();
    else this.#flushAll();
  }

  #flushAll(): void {
    for (let owner = 0; owner < this.#frames.length; owner++) this.#flush(owner);
  }

  #flush(owner: number): void {
    const frame = this.#frames[owner];
    if (frame === undefined) return;
    this.#frames[owner] = undefined;
    this.#send(frame);
  }

  #send(frame: Frame): void {
    this.frameOperations.observe(frame.tags.length);
    const onPosted = this.waits?.flushed(frame.tags);
    const sentAt = threadTimeMs();
    const isWanted = (): boolean => this.#isWanted(frame, sentAt);
    const task = { frame: frame.bytes.subarray(0, frame.length), sentAt, isWanted, onPosted };
    void this.#options.pool.run(frame.owner, task).then((outcome) => {
      if (outcome.kind !== 'done') this.#failFrame(frame.tags, outcome);
      else if (outcome.result !== undefined) this.deliver(asBuffer(outcome.result));
    });
  }

  /** Whether somebody waits for a frame that has waited for its turn, and still can be answered. */
  #isWanted({ tags }: Frame, sentAt: number): boolean {
    if (threadTimeMs() - sentAt >= this.#options.timeoutMs) return false;
    return tags.some((tag) => {
      const context = this.#contexts[tag & SLOT_MASK];
      return context !== undefined && this.#options.isWanted(context);
    });
  }

  /** The pool refused the frame, or its worker died with it. */
  #failFrame(tags: readonly number[], outcome: TaskFailure): void {
    if (outcome.kind === 'failed') {
      const { error } = outcome;
      this.#options.log.error('a pool task failed', { error: messageOf(error), code: codeOf(error) });
    }
    const now = performance.now();
    for (const tag of tags) this.#settle(tag, { kind: outcome.kind === 'refused' ? 'overloaded' : 'failed' }, now);
  }

  #settle(tag: number, outcome: Outcome, now: number): void {
    const slot = tag & SLOT_MASK;
    const context = this.#contexts[slot];
    if (context === undefined || this.#generations[slot] !== tag >>> slotBits) return;
    this.#contexts[slot] = undefined;
    this.#freeSlots.push(slot);
    this.#admission.end(this.#lanes[slot] as Lane, this.#beganAt[slot] as number, now, isAnswer(outcome));
    this.#options.onOutcome(context, outcome);
  }
}

/** Whether an operation reached its quorum. */
function isAnswer({ kind }: Outcome): boolean {
  return kind === 'written' || kind === 'found' || kind === 'missing' || kind === 'announced';
}

/** Writes when the value of a write at the end of a frame expires, where it does; returns its record's kind. */
function beginValue(frame: Frame, key: Uint8Array, { ttlMs }: Asked<unknown>): RecordKind {
  if (ttlMs === undefined) return recordKinds.value;
  writeExpiry(frame.bytes, recordOffset(frame.length, key.length), Date.now() + ttlMs);
  return recordKinds.expiring;
}

function growFrame(frame: Frame, size: number): void {
  const grown = allocateFrame(Math.max(frame.bytes.length * 2, frame.length + size));
  grown.set(frame.bytes.subarray(0, frame.length));
  frame.bytes = grown;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
