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
import { isHeadOnly, isStrict, tagOf, type Entry } from '../../src/formats/frame.ts';
import { isReplyTo } from '../../src/formats/peer-entry.ts';
import { isGone, isLargeRecord, type Version } from '../../src/formats/record.ts';
import {
  announcedBytes,
  announcesRecord,
  failedReply,
  FrameWriter,
  holdsRecord,
  OUTCOME_FRAME_HEADER_BYTES,
  OUTCOME_HEADER_BYTES,
  tellsRecord,
  type Reply,
} from '../../src/formats/reply.ts';
import { addReply, judge, replyWeights } from '../../src/domain/quorum.ts';
import { countHolders, newerReply, readStep, staleReplicas } from '../../src/domain/resolution.ts';
import type { SeenVersions } from '../ground/seen-versions.ts';
import { contradictions, isBuried, isBuriedBy } from './buried.ts';
import { InTurn, type Question } from './in-turn.ts';
import { faultsOf, noteFault, noteFaultyReply, type FaultRules } from './faults.ts';
import { announcerToAsk, isForOutcomeOnly, letGo, takeLargeValue, type LargeReadRules } from './large-reads.ts';
import {
  hasAllReplies,
  noReplies,
  outstandingReplies,
  pendingOperation,
  type PendingOperation,
  type Round,
} from './pending-operation.ts';
import { areEnough, repairOf, type Repair } from './repair.ts';
import {
  beginSecondRound,
  beginStamping,
  countWriteReply,
  judgeWrite,
  noteMiss,
  takeMissed,
  withdrawAckOf,
  type Missed,
} from './write-rounds.ts';

/** What is to be done after something has happened. */
export type Decision =
  | { readonly do: 'nothing' }
  /** Read the large value that the node announced, a record of so many bytes. */
  | { readonly do: 'ask-large'; readonly node: number; readonly bytes: number }
  /** Send the newest record to the nodes that lack it, and tell what each says (`wroteBack`). */
  | Repair
  /** Tell after a few milliseconds that the read has waited (`waited`): a vote is on its way. */
  | { readonly do: 'wait' }
  | Missed
  /** Give the write a stamp above this version (`stamped`). */
  | { readonly do: 'stamp-again'; readonly above: Version };

/** Which outcomes leave now. They leave with the frame's task where that ends, else ahead of it. */
export type Leaving =
  | { readonly do: 'nothing' }
  | { readonly do: 'send-ahead'; readonly outcomes: Buffer }
  | { readonly do: 'end-task'; readonly outcomes: Buffer | undefined };

const nothing = { do: 'nothing' } as const;
/** What was no answer counts as a refusal. */
const refusedReply: Reply = { ...failedReply };

/** The outcome of a write that cannot reach its quorum, by what some replica said of it. */
const refusalCodes: Readonly<Record<PendingOperation['refusal'], OutcomeCode>> = {
  none: outcomeCodes.unreachable,
  full: outcomeCodes.full,
  clock: outcomeCodes.refusedClock,
};

export interface FrameRules extends LargeReadRules {
  /** When what has no outcome times out, milliseconds of the clock that `expire` is told of. */
  readonly deadlineAt: number;
  readonly versions: Pick<SeenVersions, 'newest' | 'seeRecord'>;
  /** Milliseconds since 1970: what has expired by then is missing. */
  readonly wallMs: () => number;
  /** Mode `sync`: an operation's replicas in the order in which they are asked. Otherwise all are asked at once. */
  readonly inTurn: ((operation: PendingOperation) => readonly number[]) | undefined;
  /** For outcomes that name the replicas that failed; without it they only count them. */
  readonly faults?: FaultRules;
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
    this.#inTurn = rules.inTurn === undefined ? undefined : new InTurn(this.operations, rules.inTurn);
    this.#unsettled = entries.length;
    this.#incomplete = entries.length;
  }

  /** Whether every operation is complete. */
  get complete(): boolean {
    return this.#incomplete === 0;
  }

  /** Takes one replica's reply to what an operation asked it in a round, and settles the operation where that decides it. */
  take(operation: PendingOperation, node: number, reply: Reply, round: Round = 'first'): Decision {
    if (round !== operation.round) return nothing;
    return operation.entry.kind === operationKinds.write
      ? this.#takeWriteReply(operation, node, reply)
      : this.#takeReadReply(operation, node, reply);
  }

  /** The read has waited for votes on their way. */
  waited(operation: PendingOperation): Decision {
    if (operation.writeBack === undefined) return nothing;
    operation.writeBack.wait = 'over';
    return this.#goOn(operation, this.#judgeRead(operation));
  }

  /** A node was sent a record that it lacked, and holds that or something newer now, or does not. */
  wroteBack(operation: PendingOperation, node: number, record: Reply, holds: boolean): Decision {
    const { writeBack } = operation;
    if (operation.state !== 'pending' || writeBack === undefined) return nothing;
    writeBack.open--;
    if (holds) operation.replies = operation.replies.map((one) => (one.node === node ? { node, reply: record } : one));
    else noteFault(operation, node, 'stale');
    return this.#goOn(operation, this.#judgeRead(operation));
  }

  /**
   * The write has its other stamp; without one it cannot have any now. Returns whether all of its replicas are to be asked
   * `question` now: not where nothing is asked any more, or one after another.
   */
  stamped(operation: PendingOperation, question: Entry | undefined): boolean {
    if (operation.state !== 'pending') return false;
    if (question === undefined) {
      this.#settle(operation, outcomeCodes.unreachable);
      return false;
    }
    beginSecondRound(operation, question);
    this.#inTurn?.again(operation, this.#rules.inTurn?.(operation) ?? []);
    return this.#inTurn === undefined;
  }

  /** A node's process has ended: writes that wait for others do not count its acknowledgements any more. */
  forget(node: number): { readonly operation: PendingOperation; readonly decision: Decision }[] {
    const pending = this.operations.filter(({ state }) => state === 'pending');
    const writes = pending.filter((one) => withdrawAckOf(one, node));
    return writes.map((operation) => ({ operation, decision: this.#judgeWrite(operation) }));
  }

  /** Mode `sync`: whom to ask now; undefined while a reply is waited for, at the end, and in the other modes. */
  next(): Question | undefined {
    return this.#inTurn?.next();
  }

  /** Once the deadline has passed, what has no outcome times out and nothing more is asked; false before it. */
  expire(now: number): boolean {
    if (now < this.#rules.deadlineAt) return false;
    this.#hasExpired = true;
    for (const { operation, node } of this.#inTurn?.end() ?? []) noteMiss(operation, node);
    for (const operation of this.operations) {
      if (operation.state === 'pending') this.#settle(operation, outcomeCodes.timedOut);
    }
    return true;
  }

  /** Past the deadline: the writes that replicas have missed which are not asked any more. */
  missedAtDeadline(): { readonly operation: PendingOperation; readonly decision: Decision }[] {
    if (this.#inTurn === undefined) return [];
    const writes = this.operations.filter(({ entry }) => entry.kind === operationKinds.write);
    return writes.map((operation) => ({ operation, decision: this.#missedOf(operation) }));
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

  #takeWriteReply(operation: PendingOperation, node: number, reply: Reply): Decision {
    const kind = operation.round === 'versions' ? operationKinds.read : operationKinds.write;
    countWriteReply(operation, node, reply === failedReply || this.#isAcceptable(kind, reply) ? reply : refusedReply);
    this.#inTurn?.replied();
    const decision = operation.state === 'pending' ? this.#judgeWrite(operation) : nothing;
    if (operation.state === 'settled' && hasAllReplies(operation)) this.#complete(operation);
    return decision.do === 'nothing' ? this.#missedOf(operation) : decision;
  }

  #missedOf(operation: PendingOperation): Decision {
    return takeMissed(operation, this.#rules.self, this.#hasExpired) ?? nothing;
  }

  #judgeWrite(operation: PendingOperation): Decision {
    const verdict = judgeWrite(operation);
    if (verdict === 'stamp-again') {
      beginStamping(operation);
      this.#inTurn?.drop(operation);
      return { do: 'stamp-again', above: operation.above };
    }
    if (verdict === 'met') this.#settle(operation, outcomeCodes.written);
    else if (verdict === 'unreachable') this.#settle(operation, refusalCodes[operation.refusal]);
    return nothing;
  }

  #takeReadReply(operation: PendingOperation, node: number, reply: Reply): Decision {
    const isLargeRead = operation.asked === node;
    if (isLargeRead) takeLargeValue(operation, node, this.#largeValueIn(reply));
    else this.#countRead(operation, node, reply);
    const decision = this.#judgeRead(operation);
    if (operation.asked !== undefined && !isLargeRead) return decision;
    operation.asked = this.#wantsLarge(operation) ? announcerToAsk(operation, this.#rules) : undefined;
    if (operation.asked !== undefined) return askLarge(operation, operation.asked);
    this.#inTurn?.replied();
    if (isLargeRead && operation.state === 'settled' && !hasAllReplies(operation)) letGo(operation);
    return this.#goOn(operation, decision);
  }

  /** A read that writes back what it will answer needs nothing else, and nobody needs the value of what was deleted. */
  #wantsLarge(operation: PendingOperation): boolean {
    const { state, writeBack, newest } = operation;
    if (newest === undefined || !announcesRecord(newest.code) || this.#hasExpired) return false;
    return (state !== 'pending' || writeBack === undefined) && !isBuried(operation);
  }

  /** What a read says is data, whether or not it is a vote; one that failed says nothing. */
  #countRead(operation: PendingOperation, node: number, reply: Reply): void {
    const isAcceptable = reply.code !== replyCodes.failed && this.#isAcceptable(operationKinds.read, reply);
    const isVote = isAcceptable && replyWeights[reply.code] === 'ack';
    operation.tally = addReply(operation.tally, isVote ? 'ack' : 'failure');
    if (!isVote) noteFaultyReply(operation, node, isAcceptable || reply === failedReply ? reply : refusedReply);
    if (!isAcceptable) return;
    operation.replies.push({ node, reply });
    operation.newest = operation.newest === undefined ? reply : newerReply(operation.newest, reply);
  }

  /** What is no reply to such an operation counts as none, and so does a record whose version nobody believes. */
  #isAcceptable(kind: OperationKind, reply: Reply): boolean {
    if (!isReplyTo(kind, reply)) return false;
    return !tellsRecord(reply) || this.#rules.versions.seeRecord(reply.bytes, reply.offset);
  }

  #largeValueIn(reply: Reply): Reply | 'damaged' | undefined {
    if (reply.code === replyCodes.damaged) return 'damaged';
    if (!holdsRecord(reply.code) && reply.code !== replyCodes.absent) return undefined;
    return this.#isAcceptable(operationKinds.read, reply) ? reply : undefined;
  }

  /** Answers a read that has its votes, or says what it needs before it may. */
  #judgeRead(operation: PendingOperation): Decision {
    if (operation.state !== 'pending') return nothing;
    const { quorum, tally, newest, replies } = operation;
    const verdict = judge(quorum, tally);
    if (verdict === 'unreachable') this.#settle(operation, outcomeCodes.unreachable);
    if (verdict !== 'met') return nothing;
    const removed = newest !== undefined && tellsRecord(newest) ? contradictions(operation, newest) : 0;
    if (newest === undefined || !tellsRecord(newest) || isBuriedBy(removed, operation)) {
      this.#settle(operation, outcomeCodes.missing);
      return nothing;
    }
    if (removed > 0) return this.#judgeDoubted(operation, newest, removed);
    const target = operation.writeBack?.target ?? newest;
    const holders = countHolders(replies, target);
    const isAgreed = holders >= quorum.acksRequired || !this.#writesBack(operation);
    // The value of one that is gone is only read for those who lack it; nor does every read need it.
    const isEnough = holders >= quorum.acksRequired && isHeadOnly(operation.entry);
    if (announcesRecord(target.code) && !isEnough && !(isAgreed && this.#isGone(target))) return nothing;
    if (!isAgreed) return this.#agree(operation, target, holders);
    this.#settleRead(operation, target);
    return nothing;
  }

  /**
   * Some replicas have removed what deleted the newest record that was found, or lost that record: another one may have replied
   * before it took the tombstone that those saw on it. So the record is only answered where enough replicas hold it, and a
   * tombstone counts as held by them, too. It is not written to those that lack it.
   */
  #judgeDoubted(operation: PendingOperation, newest: Reply, removed: number): Decision {
    const isDeleted = this.#isGone(newest);
    const holders = countHolders(operation.replies, newest) + (isDeleted ? removed : 0);
    if (holders >= operation.quorum.acksRequired) {
      const isThere = !announcesRecord(newest.code) || isHeadOnly(operation.entry);
      if (isDeleted || isThere) this.#settleRead(operation, newest);
    } else if (hasAllReplies(operation)) {
      this.#settle(operation, outcomeCodes.unreachable);
    }
    return nothing;
  }

  #isGone({ bytes, offset }: Reply): boolean {
    return isGone(bytes, offset, this.#rules.wallMs);
  }

  #writesBack({ entry }: PendingOperation): boolean {
    return this.#rules.readRepair === 'blocking' || isStrict(entry);
  }

  /** Votes disagree: what would be answered is to be where a later read finds it. */
  #agree(operation: PendingOperation, target: Reply, holders: number): Decision {
    const { newest, replies, quorum } = operation;
    const back = (operation.writeBack ??= { target, wait: 'none', record: undefined, sentTo: [], open: 0 });
    // What is newer than the target and only announced is not read for this: the target does as well.
    const record = newest !== undefined && holdsRecord(newest.code) ? newest : target;
    if (back.record !== record) back.sentTo = [];
    const stale = staleReplicas(replies, record).filter((node) => !back.sentTo.includes(node));
    const outstanding = outstandingReplies(operation);
    const { acksRequired } = quorum;
    const progress = { acksRequired, holders, outstanding, hasWaited: back.wait === 'over', stale: stale.length };
    const step = readStep({ ...progress, writing: back.open });
    if (step === 'unreachable') this.#settle(operation, outcomeCodes.unreachable);
    if (step === 'await-votes' && back.wait === 'none') {
      back.wait = 'waiting';
      return { do: 'wait' };
    }
    if (step !== 'write-back') return nothing;
    back.record = record;
    back.sentTo.push(...stale);
    back.open += stale.length;
    return { do: 'repair', nodes: stale, record, isVouched: areEnough(operation, stale) };
  }

  #settleRead(operation: PendingOperation, newest: Reply | undefined): void {
    if (newest === undefined || !tellsRecord(newest) || this.#isGone(newest)) {
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
    const tag = tagOf(operation.entry);
    if (announcesRecord(newest.code)) this.#outcomes.announced(tag, operation.tally, newest);
    else this.#outcomes.found(tag, operation.tally, newest);
  }

  #settle(operation: PendingOperation, code: OutcomeCode): void {
    this.#countSettled(operation);
    this.#outcomes ??= this.#newWriter(0);
    const faults = faultsOf(operation, code, this.#rules.faults);
    this.#outcomes.outcome(tagOf(operation.entry), code, operation.tally, faults);
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

  /** An operation that every replica has replied to and that has its outcome is complete. */
  #goOn(operation: PendingOperation, decision: Decision): Decision {
    return operation.state === 'settled' && hasAllReplies(operation) ? this.#complete(operation) : decision;
  }

  /** Lets go of all that was read, since the frame may wait for others. */
  #complete(operation: PendingOperation): Decision {
    const decision = this.#rules.readRepair === 'off' ? nothing : (repairOf(operation) ?? nothing);
    operation.state = 'complete';
    operation.newest = undefined;
    operation.replies = noReplies;
    this.#incomplete--;
    return decision;
  }
}

function askLarge({ newest }: PendingOperation, node: number): Decision {
  return { do: 'ask-large', node, bytes: announcedBytes(newest as Reply) };
}
