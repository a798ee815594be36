/**
 * The operations of one frame while their replicas are asked: tallies, the newest record read so far, and the outcomes
 * that have settled but not left.
 */
import type { Buffer } from 'node:buffer';
import { acksRequiredOf, replicaCountOf, tagOf, type Entry } from '../src/domain/frame.ts';
import { operationKinds, outcomeCodes, replyCodes, type OutcomeCode } from '../src/domain/operation.ts';
import { addReply, emptyTally, judge, type Quorum, type Tally } from '../src/domain/quorum.ts';
import { isTombstone, largeValueBytes, RECORD_HEADER_BYTES } from '../src/domain/record.ts';
import { FrameWriter, OUTCOME_FRAME_HEADER_BYTES, OUTCOME_HEADER_BYTES, type Reply } from '../src/domain/reply.ts';
import { newerReply, type ReplicaReply } from '../src/domain/resolution.ts';
import type { FrameTrace } from '../src/domain/wait-marks.ts';
import type { Clock } from './clock.ts';

/** One operation and what its replicas have said. */
export interface PendingOperation {
  readonly entry: Entry;
  readonly quorum: Quorum;
  tally: Tally;
  /** Some replica had no room. */
  full: boolean;
  /** The newest reply to a read. */
  newest: Reply | undefined;
  /** All replies to a read, for its repair. */
  readonly replies: ReplicaReply[];
  settled: boolean;
  /** Every replica has replied or failed. */
  complete: boolean;
  /** Called once, at the next reply or at the deadline (mode `sync`). */
  onNextReply: (() => void) | undefined;
}

export class PendingFrame {
  readonly operations: readonly PendingOperation[];
  readonly deadlineAt: number;
  /** Resolves when every operation has an outcome, to the outcomes that have not left already. */
  readonly settled: Promise<Buffer | undefined>;
  expired = false;
  /** Set where somebody records what the frame waits for. */
  trace: FrameTrace<PendingOperation> | undefined;
  readonly #clock: Clock;
  #resolve!: (outcomes: Buffer | undefined) => void;
  #unsettled: number;
  #incomplete: number;
  #outcomes: FrameWriter | undefined;

  constructor(entries: readonly Entry[], deadlineAt: number, clock: Clock) {
    this.operations = entries.map(pendingOperation);
    this.deadlineAt = deadlineAt;
    this.#clock = clock;
    this.#unsettled = entries.length;
    this.#incomplete = entries.length;
    this.settled = new Promise((resolve) => (this.#resolve = resolve));
  }

  /** Whether every replica of every operation has replied or failed. */
  get complete(): boolean {
    return this.#incomplete === 0;
  }

  /** Counts one replica's reply to one operation, and settles the operation where that decides it. */
  take(operation: PendingOperation, node: number, reply: Reply): void {
    const failed = !this.#isAcceptable(reply);
    operation.tally = addReply(operation.tally, failed ? 'failure' : 'ack');
    if (reply.code === replyCodes.full) operation.full = true;
    if (operation.entry.kind === operationKinds.read && !failed) this.#takeRead(operation, node, reply);
    if (!operation.settled) this.#judge(operation);
    const { acks, failures } = operation.tally;
    if (acks + failures === operation.quorum.replicaCount) {
      operation.complete = true;
      this.#incomplete--;
    }
    operation.onNextReply?.();
  }

  /** The deadline has passed: what has no outcome times out. */
  expire(): void {
    this.expired = true;
    for (const operation of this.operations) {
      if (!operation.settled) this.#settle(operation, outcomeCodes.timedOut);
      operation.onNextReply?.();
    }
  }

  /**
   * What has settled since the last call, to be sent ahead of the task; undefined where there is nothing, or where it
   * leaves as the task's result. With `ahead` everything is sent ahead, since the task goes on (mode `sync`).
   */
  release(ahead: boolean): Buffer | undefined {
    const outcomes = this.#outcomes?.finishOutcomes(this.#clock.newest);
    this.#outcomes = undefined;
    if (this.#unsettled > 0) return outcomes;
    this.#resolve(ahead ? undefined : outcomes);
    return ahead ? outcomes : undefined;
  }

  /** A record from too far in the future counts as no reply: its node's clock is wrong, and it would hide all else. */
  #isAcceptable(reply: Reply): boolean {
    if (reply.code === replyCodes.record) return this.#clock.seeRecord(reply.bytes, reply.offset);
    return reply.code === replyCodes.absent || reply.code === replyCodes.applied;
  }

  #takeRead(operation: PendingOperation, node: number, reply: Reply): void {
    operation.replies.push({ node, reply });
    operation.newest = operation.newest === undefined ? reply : newerReply(operation.newest, reply);
  }

  #judge(operation: PendingOperation): void {
    const verdict = judge(operation.quorum, operation.tally);
    if (verdict === 'pending') return;
    if (verdict === 'unreachable') {
      this.#settle(operation, operation.full ? outcomeCodes.full : outcomeCodes.unreachable);
    } else if (operation.entry.kind === operationKinds.write) {
      this.#settle(operation, outcomeCodes.written);
    } else {
      this.#settleRead(operation, operation.newest);
    }
  }

  #settleRead(operation: PendingOperation, newest: Reply | undefined): void {
    if (newest?.code !== replyCodes.record || isTombstone(newest.bytes, newest.offset)) {
      this.#settle(operation, outcomeCodes.missing);
      return;
    }
    const { bytes, offset, length } = newest;
    this.#settle(operation, outcomeCodes.found, bytes.subarray(offset + RECORD_HEADER_BYTES, offset + length));
  }

  #settle(operation: PendingOperation, code: OutcomeCode, value?: Buffer): void {
    operation.settled = true;
    this.#unsettled--;
    this.#outcomes ??= this.#newWriter(value?.length ?? 0);
    this.#outcomes.outcome(tagOf(operation.entry), code, operation.tally, value);
  }

  /** With room for the others to come, where they are not large. */
  #newWriter(valueBytes: number): FrameWriter {
    const values = valueBytes > largeValueBytes ? 1 : this.#unsettled + 1;
    const size = OUTCOME_FRAME_HEADER_BYTES + this.#unsettled * OUTCOME_HEADER_BYTES + values * valueBytes;
    return new FrameWriter(size + OUTCOME_HEADER_BYTES, OUTCOME_FRAME_HEADER_BYTES);
  }
}

/** Lets go of the records that came for an operation which is complete, since its frame may wait for others. */
export function forgetReplies(operation: PendingOperation): void {
  operation.newest = undefined;
  operation.replies.length = 0;
}

function pendingOperation(entry: Entry): PendingOperation {
  return {
    entry,
    quorum: { acksRequired: acksRequiredOf(entry), replicaCount: replicaCountOf(entry) },
    tally: emptyTally,
    full: false,
    newest: undefined,
    replies: [],
    settled: false,
    complete: false,
    onNextReply: undefined,
  };
}
