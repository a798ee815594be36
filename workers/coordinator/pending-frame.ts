/**
 * What a coordinator decides: the operations of one frame, what their replicas' replies amount to, and what is to be done
 * next. Nothing is sent, waited for or timed here. Each method takes what has happened and returns what to do as a value;
 * whoever calls it does that (coordinator.ts, a test, a simulation).
 *
 * An operation never waits for the others of its frame: outcomes leave as they settle.
 */
import type { Buffer } from 'node:buffer';
import {
  operationKinds,
  outcomeCodes,
  replyCodes,
  type OperationKind,
  type OutcomeCode,
} from '../../src/formats/codes.ts';
import { tagOf, type Entry } from '../../src/formats/frame.ts';
import { isReplyTo } from '../../src/formats/peer-entry.ts';
import { isLargeRecord, isTombstone } from '../../src/formats/record.ts';
import {
  announcedBytes,
  FrameWriter,
  OUTCOME_FRAME_HEADER_BYTES,
  OUTCOME_HEADER_BYTES,
  type Reply,
} from '../../src/formats/reply.ts';
import { addReply, judge, replyWeights } from '../../src/domain/quorum.ts';
import { newerReply, staleReplicas } from '../../src/domain/resolution.ts';
import type { SeenVersions } from '../ground/seen-versions.ts';
import { InTurn, type Question } from './in-turn.ts';
import { announcerToAsk, isForOutcomeOnly, letGo, takeLargeValue, type LargeReadRules } from './large-reads.ts';
import { hasAllReplies, noReplies, pendingOperation, type PendingOperation } from './pending-operation.ts';

/** What a reply asks for. */
export type Decision =
  | { readonly do: 'nothing' }
  /** Read the large value that the node announced, a record of so many bytes. */
  | { readonly do: 'ask-large'; readonly node: number; readonly bytes: number }
  /** Send the newest record to the nodes that lack it. */
  | Repair;

export interface Repair {
  readonly do: 'repair';
  readonly nodes: readonly number[];
  readonly record: Reply;
}

/** Which outcomes leave now. They leave with the frame's task where that ends, else ahead of it. */
export type Leaving =
  | { readonly do: 'nothing' }
  | { readonly do: 'send-ahead'; readonly outcomes: Buffer }
  | { readonly do: 'end-task'; readonly outcomes: Buffer | undefined };

const nothing = { do: 'nothing' } as const;

export interface FrameRules extends LargeReadRules {
  /** When what has no outcome times out, milliseconds of the clock that `expire` is told of. */
  readonly deadlineAt: number;
  readonly versions: Pick<SeenVersions, 'newest' | 'seeRecord'>;
  /** Mode `sync`: an operation's replicas in the order in which they are asked. Otherwise all are asked at once. */
  readonly inTurn: ((operation: PendingOperation) => readonly number[]) | undefined;
}

export class PendingFrame {
  readonly operations: readonly PendingOperation[];
  readonly #rules: FrameRules;
  readonly #inTurn: InTurn | undefined;
  #hasExpired = false;
  #hasEnded = false;
  #unsettled: number;
  #incomplete: number;
  #outcomes: FrameWriter | undefined;

  constructor(entries: readonly Entry[], rules: FrameRules) {
    this.operations = entries.map(pendingOperation);
    this.#rules = rules;
    this.#inTurn = rules.inTurn === undefined ? undefined : new InTurn(questions(this.operations, rules.inTurn));
    this.#unsettled = entries.length;
    this.#incomplete = entries.length;
  }

  /** Whether every operation is complete. */
  get complete(): boolean {
    return this.#incomplete === 0;
  }

  /** Takes one replica's reply to one operation, and settles the operation where that decides it. */
  take(operation: PendingOperation, node: number, reply: Reply): Decision {
    const isLargeRead = operation.asked === node;
    if (isLargeRead) takeLargeValue(operation, node, this.#isLargeValue(reply) ? reply : undefined);
    else this.#count(operation, node, reply);
    if (operation.state === 'pending') this.#judge(operation);
    if (operation.asked !== undefined && !isLargeRead) return nothing;
    operation.asked = this.#hasExpired ? undefined : announcerToAsk(operation, this.#rules);
    if (operation.asked !== undefined) return askLarge(operation, operation.asked);
    this.#inTurn?.replied();
    if (hasAllReplies(operation)) return this.#complete(operation);
    if (isLargeRead && operation.state === 'settled') letGo(operation);
    return nothing;
  }

  /** Mode `sync`: whom to ask now; undefined while a reply is waited for, at the end, and in the other modes. */
  next(): Question | undefined {
    return this.#inTurn?.next();
  }

  /** Once the deadline has passed, what has no outcome times out and nothing more is asked; false before it. */
  expire(now: number): boolean {
    if (now < this.#rules.deadlineAt) return false;
    this.#hasExpired = true;
    this.#inTurn?.end();
    for (const operation of this.operations) {
      if (operation.state === 'pending') this.#settle(operation, outcomeCodes.timedOut);
    }
    return true;
  }

  /** What has settled since the last call. The task ends when all has settled and no replica is asked in turn any more. */
  leave(): Leaving {
    const outcomes = this.#outcomes?.finishOutcomes(this.#rules.versions.newest);
    this.#outcomes = undefined;
    if (!this.#hasEnded && this.#unsettled === 0 && this.#inTurn?.isOver !== false) {
      this.#hasEnded = true;
      return { do: 'end-task', outcomes };
    }
    return outcomes === undefined ? nothing : { do: 'send-ahead', outcomes };
  }

  #count(operation: PendingOperation, node: number, reply: Reply): void {
    const { kind } = operation.entry;
    const counts = replyWeights[reply.code] === 'ack' && this.#isAcceptable(kind, reply);
    operation.tally = addReply(operation.tally, counts ? 'ack' : 'failure');
    if (reply.code === replyCodes.full && kind === operationKinds.write) operation.full = true;
    if (!counts || kind !== operationKinds.read) return;
    operation.replies.push({ node, reply });
    operation.newest = operation.newest === undefined ? reply : newerReply(operation.newest, reply);
  }

  /**
   * What is no reply to such an operation counts as none, and so does a record from too far in the future: its node's clock
   * is wrong, and it would hide all else.
   */
  #isAcceptable(kind: OperationKind, reply: Reply): boolean {
    if (!isReplyTo(kind, reply)) return false;
    if (reply.code !== replyCodes.record && reply.code !== replyCodes.large) return true;
    return this.#rules.versions.seeRecord(reply.bytes, reply.offset);
  }

  #isLargeValue(reply: Reply): boolean {
    if (reply.code !== replyCodes.record && reply.code !== replyCodes.absent) return false;
    return this.#isAcceptable(operationKinds.read, reply);
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
      return this.#settle(operation, outcomeCodes.missing);
    }
    if (!isForOutcomeOnly(operation, newest, this.#rules)) return this.#settleFound(operation, newest);
    letGo(operation);
    this.#countSettled(operation);
    this.#outcomes ??= new FrameWriter(0, OUTCOME_FRAME_HEADER_BYTES);
    return this.#outcomes.foundOwn(tagOf(operation.entry), operation.tally, newest);
  }

  #settleFound(operation: PendingOperation, newest: Reply): void {
    this.#countSettled(operation);
    this.#outcomes ??= this.#newWriter(newest.length);
    this.#outcomes.found(tagOf(operation.entry), operation.tally, newest);
  }

  #settle(operation: PendingOperation, code: OutcomeCode): void {
    this.#countSettled(operation);
    this.#outcomes ??= this.#newWriter(0);
    this.#outcomes.outcome(tagOf(operation.entry), code, operation.tally);
  }

  #countSettled(operation: PendingOperation): void {
    operation.state = 'settled';
    this.#unsettled--;
  }

  /** With room for the others to come, where they are not large. */
  #newWriter(recordBytes: number): FrameWriter {
    const records = isLargeRecord(recordBytes) ? 1 : this.#unsettled + 1;
    const size = OUTCOME_FRAME_HEADER_BYTES + this.#unsettled * OUTCOME_HEADER_BYTES + records * recordBytes;
    return new FrameWriter(size + OUTCOME_HEADER_BYTES, OUTCOME_FRAME_HEADER_BYTES);
  }

  /** Lets go of all that was read, since the frame may wait for others. */
  #complete(operation: PendingOperation): Decision {
    const decision = this.#rules.readRepair ? repairOf(operation) : nothing;
    operation.state = 'complete';
    operation.newest = undefined;
    operation.replies = noReplies;
    this.#incomplete--;
    return decision;
  }
}

function questions(
  operations: readonly PendingOperation[],
  replicasOf: (operation: PendingOperation) => readonly number[],
): Question[] {
  return operations.flatMap((operation) => replicasOf(operation).map((node) => ({ operation, node })));
}

function askLarge({ newest }: PendingOperation, node: number): Decision {
  return { do: 'ask-large', node, bytes: announcedBytes(newest as Reply) };
}

/** Read repair: after every replica has answered a read, those that have less than the newest record are sent it. */
function repairOf({ newest, replies }: PendingOperation): Decision {
  if (newest?.code !== replyCodes.record) return nothing;
  const nodes = staleReplicas(replies, newest);
  return nodes.length === 0 ? nothing : { do: 'repair', nodes, record: newest };
}
