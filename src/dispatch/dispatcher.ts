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
  entryBytes,
  valueOffset,
  writeRead,
  writeWrite,
  writeWriteInSteps,
  type EntryHead,
  type Quorum,
} from '../formats/frame.ts';
import { Histogram, countBounds, family, type MetricFamily } from '../metrics/metrics.ts';
import { operationKinds, outcomeCodes, type OutcomeCode } from '../formats/codes.ts';
import type { Outcome } from '../domain/outcome.ts';
import { ownerOf } from '../domain/owners.ts';
import { hashKey } from '../domain/rendezvous.ts';
import { recordKinds, type Version } from '../formats/record.ts';
import { visitOutcomes } from '../formats/reply.ts';
import { runInSteps } from '../domain/steps.ts';
import { Turn } from '../domain/turn.ts';
import { TurnShare } from '../domain/turn-share.ts';
import { slotBits, type DispatchWaits } from '../waits/wait-marks.ts';
import type { Log } from '../diagnostics/log.ts';
import type { NodeClock } from './clock.ts';
import type { TaskOutcome } from './task-queue.ts';

/** What this needs of the pool. */
export interface FrameRunner {
  readonly hasRoom: boolean;
  readonly takesWrites: boolean;
  run(worker: number, frame: Buffer, onPosted?: () => void): Promise<TaskOutcome<Uint8Array | undefined>>;
}

export interface DispatcherOptions<Context> {
  readonly pool: FrameRunner;
  readonly clock: NodeClock;
  readonly nodeId: number;
  readonly batching: boolean;
  /** Each owns the keys of its share of the hash space (owners.ts). */
  readonly workers: number;
  readonly operationsInFlightMax: number;
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

/** Room for a large write's frame, and where its value goes: bodies are received straight into it. */
export function largeFrame(keyBytes: number, valueBytes: number): { bytes: Buffer; value: Buffer } {
  const bytes = allocateFrame(entryBytes(keyBytes, valueBytes));
  return { bytes, value: bytes.subarray(valueOffset(0, keyBytes)) };
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
  /** One step of all large writes a turn. */
  readonly #steps = new TurnShare(1, setImmediate);
  readonly #turn = new Turn(() => this.#flushAll(), setImmediate);
  #admitted = 0;
  /** The turn's frames, by owner. */
  readonly #frames: (Frame | undefined)[] = [];

  constructor(options: DispatcherOptions<Context>) {
    this.#options = options;
  }

  /** Operations admitted and not yet answered. */
  get inFlight(): number {
    return this.#admitted;
  }

  /** Takes one more operation in, unless a bound is reached. Every admission ends in an outcome or in `withdraw`. */
  admit(): boolean {
    if (this.#admitted >= this.#options.operationsInFlightMax || !this.#options.pool.hasRoom) return false;
    this.#admitted++;
    return true;
  }

  /** Whether writes are taken: not while the log has no room, since LMDB cannot keep up. */
  get takesWrites(): boolean {
    return this.#options.pool.takesWrites;
  }

  /** An admitted operation will not come: its client left, or it was malformed. */
  withdraw(): void {
    this.#admitted--;
  }

  /** Sends an admitted read. */
  read(key: Uint8Array, quorum: Quorum, context: Context): void {
    const frame = this.#frameFor(this.#ownerOf(key), entryBytes(key.length, undefined));
    const head = this.#head(frame, operationKinds.read, quorum, context);
    frame.length = writeRead(frame.bytes, frame.length, head, key);
    this.#schedule();
  }

  /** Stamps and sends an admitted write; `value` undefined deletes. A large value goes by `writeLarge`. */
  write(key: Uint8Array, value: Buffer | undefined, quorum: Quorum, context: Context): void {
    const valueBytes = value?.length ?? 0;
    const frame = this.#frameFor(this.#ownerOf(key), entryBytes(key.length, valueBytes));
    const head = this.#head(frame, operationKinds.write, quorum, context);
    if (value !== undefined) frame.bytes.set(value, valueOffset(frame.length, key.length));
    frame.length = writeWrite(frame.bytes, frame.length, head, key, { stamp: this.#stamp(value), valueBytes });
    this.#schedule();
  }

  /**
   * Stamps and sends an admitted write whose value stands in a frame of its own already (`largeFrame`), which may have
   * been made for a longer one. Sealed in steps, so that the checksum of a large value does not hold up the event loop.
   */
  writeLarge(bytes: Buffer, key: Uint8Array, valueBytes: number, quorum: Quorum, context: Context): void {
    const frame: Frame = { owner: this.#ownerOf(key), bytes, length: entryBytes(key.length, valueBytes), tags: [] };
    const head = this.#head(frame, operationKinds.write, quorum, context);
    const stamp = { version: this.#options.clock.stamp(), nodeId: this.#options.nodeId, kind: recordKinds.value };
    const sealed = runInSteps(writeWriteInSteps(bytes, head, key, { stamp, valueBytes }), this.#steps.pause);
    sealed.then(
      () => this.#send(frame),
      (error: unknown) => this.#failFrame(frame.tags, { kind: 'failed', error }),
    );
  }

  /** Takes an outcome frame of a worker. */
  deliver(bytes: Buffer): void {
    const { waits } = this;
    waits?.delivered();
    const newest = visitOutcomes(bytes, (tag, code, tally, value, version) => {
      this.#settle(tag, asOutcome(code, tally, value, version));
      waits?.answered(tag);
    });
    this.#options.clock.see(newest);
  }

  metrics(): MetricFamily[] {
    return [
      family('gauge', 'kvorum_operations_in_flight', 'Operations admitted and not answered', this.#admitted),
      family(
        'histogram',
        'kvorum_frame_operations',
        'Operations that one turn of the main thread hands to the pool together',
        this.frameOperations.snapshot(),
      ),
    ];
  }

  #stamp(value: Buffer | undefined): { version: number; nodeId: number; kind: 0 | 1 } {
    const kind = value === undefined ? recordKinds.tombstone : recordKinds.value;
    return { version: this.#options.clock.stamp(), nodeId: this.#options.nodeId, kind };
  }

  #head(frame: Frame, kind: EntryHead['kind'], quorum: Quorum, context: Context): EntryHead {
    const tag = this.#takeSlot(context);
    frame.tags.push(tag);
    this.waits?.taken(tag, context);
    return { tag, kind, quorum };
  }

  #takeSlot(context: Context): number {
    const slot = this.#freeSlots.pop() ?? this.#contexts.length;
    this.#contexts[slot] = context;
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
    void this.#options.pool.run(frame.owner, frame.bytes.subarray(0, frame.length), onPosted).then((outcome) => {
      if (outcome.kind !== 'done') this.#failFrame(frame.tags, outcome);
      else if (outcome.result !== undefined) this.deliver(asBuffer(outcome.result));
    });
  }

  /** The pool refused the frame, or its worker died with it. */
  #failFrame(tags: readonly number[], outcome: TaskFailure): void {
    if (outcome.kind === 'failed') {
      const { error } = outcome;
      this.#options.log.error('a pool task failed', { error: messageOf(error), code: codeOf(error) });
    }
    for (const tag of tags) this.#settle(tag, { kind: outcome.kind === 'refused' ? 'overloaded' : 'failed' });
  }

  #settle(tag: number, outcome: Outcome): void {
    const slot = tag & SLOT_MASK;
    const context = this.#contexts[slot];
    if (context === undefined || this.#generations[slot] !== tag >>> slotBits) return;
    this.#contexts[slot] = undefined;
    this.#freeSlots.push(slot);
    this.#admitted--;
    this.#options.onOutcome(context, outcome);
  }
}

function growFrame(frame: Frame, size: number): void {
  const grown = allocateFrame(Math.max(frame.bytes.length * 2, frame.length + size));
  grown.set(frame.bytes.subarray(0, frame.length));
  frame.bytes = grown;
}

function asOutcome(
  code: OutcomeCode,
  tally: { acks: number; failures: number },
  value: Buffer,
  version: Version,
): Outcome {
  switch (code) {
    case outcomeCodes.found:
      return { kind: 'found', value, version };
    case outcomeCodes.missing:
      return { kind: 'missing' };
    case outcomeCodes.written:
      return { kind: 'written' };
    case outcomeCodes.unreachable:
      return { kind: 'unreachable', ...tally };
    case outcomeCodes.timedOut:
      return { kind: 'timedOut', ...tally };
    case outcomeCodes.full:
      return { kind: 'full', ...tally };
    case outcomeCodes.overloaded:
      return { kind: 'overloaded' };
    case outcomeCodes.failed:
      return { kind: 'failed' };
    default:
      return code satisfies never;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
