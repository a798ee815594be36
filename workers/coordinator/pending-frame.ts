/**
 * The operations of one frame while their replicas are asked: tallies, the newest record read so far, and the outcomes
 * that have settled but not left.
 *
 * A large record is only announced, and then read whole from one replica: once the quorum of a read is met, and again
 * where a replica wants it for its repair. What was read is held no longer than until every replica has replied.
 */
import type { Buffer } from 'node:buffer';
import { acksRequiredOf, replicaCountOf, tagOf, type Entry } from '../../src/formats/frame.ts';
import {
  operationKinds,
  outcomeCodes,
  replyCodes,
  type OperationKind,
  type OutcomeCode,
} from '../../src/domain/operation.ts';
import { isReplyTo } from '../../src/formats/peer-entry.ts';
import { addReply, emptyTally, judge, withdrawAck, type Quorum, type Tally } from '../../src/domain/quorum.ts';
import { isTombstone, largeValueBytes, RECORD_HEADER_BYTES } from '../../src/formats/record.ts';
import {
  announcementOf,
  FrameWriter,
  OUTCOME_FRAME_HEADER_BYTES,
  OUTCOME_HEADER_BYTES,
  type Reply,
} from '../../src/formats/reply.ts';
import { holdersOf, newerReply, staleReplicas, type ReplicaReply } from '../../src/domain/resolution.ts';
import type { FrameTrace } from '../../src/waits/wait-marks.ts';
import type { SeenVersions } from '../ground/seen-versions.ts';

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
  replies: ReplicaReply[];
  /** The node that is asked for the whole record that it announced. */
  asked: number | undefined;
  settled: boolean;
  /** Every replica has replied or failed, and nothing more is wanted of any. */
  complete: boolean;
  /** Called when its replica has replied, with the whole record where that is wanted; and at the deadline (mode `sync`). */
  onNextReply: (() => void) | undefined;
}

const nobody: readonly number[] = [];

export interface FrameContext {
  /** `performance.now()` at which what has no outcome times out. */
  readonly deadlineAt: number;
  readonly versions: SeenVersions;
  readonly readRepair: boolean;
}

export class PendingFrame {
  readonly operations: readonly PendingOperation[];
  readonly deadlineAt: number;
  /** Resolves when every operation has an outcome, to the outcomes that have not left already. */
  readonly settled: Promise<Buffer | undefined>;
  expired = false;
  /** Set where somebody records what the frame waits for. */
  trace: FrameTrace<PendingOperation> | undefined;
  readonly #versions: SeenVersions;
  readonly #repairs: boolean;
  #resolve!: (outcomes: Buffer | undefined) => void;
  #unsettled: number;
  #incomplete: number;
  #outcomes: FrameWriter | undefined;

  /** `readRepair` says whether replicas that have less than the newest record want it. */
  constructor(entries: readonly Entry[], { deadlineAt, versions, readRepair }: FrameContext) {
    this.operations = entries.map(pendingOperation);
    this.deadlineAt = deadlineAt;
    this.#versions = versions;
    this.#repairs = readRepair;
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
    const { kind } = operation.entry;
    const failed = !this.#isAcceptable(kind, reply);
    operation.tally = addReply(operation.tally, failed ? 'failure' : 'ack');
    if (reply.code === replyCodes.full && kind === operationKinds.write) operation.full = true;
    if (kind === operationKinds.read && !failed) this.#takeRead(operation, node, reply);
    if (!operation.settled) this.#judge(operation);
    if (hasAllReplies(operation)) this.#completeUnlessWanted(operation);
  }

  /** Takes the reply of the node that was asked for its whole record. */
  takeWhole(operation: PendingOperation, reply: Reply): void {
    const node = operation.asked as number;
    operation.asked = undefined;
    operation.replies = operation.replies.filter((one) => one.node !== node);
    const failed = reply.code === replyCodes.large || !this.#isAcceptable(operationKinds.read, reply);
    if (failed) operation.tally = withdrawAck(operation.tally);
    else operation.replies.push({ node, reply });
    operation.newest = newestOf(operation.replies);
    if (!operation.settled) this.#judge(operation);
    if (hasAllReplies(operation)) this.#completeUnlessWanted(operation);
    else if (operation.settled) letGoOfLarge(operation);
  }

  /**
   * The nodes of which one is to be asked for the whole record that it announced; none where nothing is wanted. Whoever
   * asks notes it in `asked`.
   */
  wanted(operation: PendingOperation): readonly number[] {
    const { newest } = operation;
    if (newest?.code !== replyCodes.large || operation.asked !== undefined || this.expired) return nobody;
    const isOutcome = !operation.settled && judge(operation.quorum, operation.tally) === 'met';
    return isOutcome || this.#isWantedForRepair(operation, newest) ? holdersOf(operation.replies, newest) : nobody;
  }

  #isWantedForRepair(operation: PendingOperation, newest: Reply): boolean {
    return this.#repairs && hasAllReplies(operation) && staleReplicas(operation.replies, newest).length > 0;
  }

  #completeUnlessWanted(operation: PendingOperation): void {
    if (operation.complete || operation.asked !== undefined || this.wanted(operation).length > 0) return;
    operation.complete = true;
    this.#incomplete--;
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
    const outcomes = this.#outcomes?.finishOutcomes(this.#versions.newest);
    this.#outcomes = undefined;
    if (this.#unsettled > 0) return outcomes;
    this.#resolve(ahead ? undefined : outcomes);
    return ahead ? outcomes : undefined;
  }

  /**
   * What is no reply to such an operation counts as none, and so does a record from too far in the future: its node's clock
   * is wrong, and it would hide all else.
   */
  #isAcceptable(kind: OperationKind, reply: Reply): boolean {
    if (!isReplyTo(kind, reply)) return false;
    if (reply.code !== replyCodes.record && reply.code !== replyCodes.large) return true;
    return this.#versions.seeRecord(reply.bytes, reply.offset);
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
    } else if (operation.newest?.code !== replyCodes.large) {
      this.#settleRead(operation, operation.newest);
    }
  }

  #settleRead(operation: PendingOperation, newest: Reply | undefined): void {
    if (newest?.code !== replyCodes.record || isTombstone(newest.bytes, newest.offset)) {
      this.#settle(operation, outcomeCodes.missing);
      return;
    }
    const { bytes, offset, length } = newest;
    const value = bytes.subarray(offset + RECORD_HEADER_BYTES, offset + length);
    if (!isLarge(newest) || this.#isWantedForRepair(operation, newest)) {
      return this.#settle(operation, outcomeCodes.found, value);
    }
    letGoOfLarge(operation);
    operation.settled = true;
    this.#unsettled--;
    this.#outcomes ??= new FrameWriter(0, OUTCOME_FRAME_HEADER_BYTES);
    return this.#outcomes.foundOwn(tagOf(operation.entry), operation.tally, value);
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

function hasAllReplies({ tally, quorum }: PendingOperation): boolean {
  return tally.acks + tally.failures === quorum.replicaCount;
}

function newestOf(replies: readonly ReplicaReply[]): Reply | undefined {
  return replies.length === 0 ? undefined : replies.map(({ reply }) => reply).reduce(newerReply);
}

/** Large records are not held while others are waited for; where one of those wants one, it is read again. */
function letGoOfLarge(operation: PendingOperation): void {
  operation.replies = operation.replies.map(({ node, reply }) => {
    return { node, reply: isLarge(reply) ? announcementOf(reply) : reply };
  });
  operation.newest = newestOf(operation.replies);
}

/** Whether a reply holds a large record, which came alone. */
function isLarge({ code, length }: Reply): boolean {
  return code === replyCodes.record && length > RECORD_HEADER_BYTES + largeValueBytes;
}

/** Lets go of large records that came for an operation which is complete, since its frame may wait for others. */
export function forgetLarge(operation: PendingOperation): void {
  if (!operation.replies.some(({ reply }) => isLarge(reply))) return;
  operation.newest = undefined;
  operation.replies = [];
}

function pendingOperation(entry: Entry): PendingOperation {
  return {
    entry,
    quorum: { acksRequired: acksRequiredOf(entry), replicaCount: replicaCountOf(entry) },
    tally: emptyTally,
    full: false,
    newest: undefined,
    replies: [],
    asked: undefined,
    settled: false,
    complete: false,
    onNextReply: undefined,
  };
}
