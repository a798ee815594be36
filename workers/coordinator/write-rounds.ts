/**
 * The rounds of a write: what its replicas' replies amount to in each, and how it passes from one to the next.
 *
 * A write is stamped once, sent to all replicas, and has its outcome at `ack` times `applied`. Where something newer keeps it
 * from that (`superseded`) its stamp was too low, whatever its clock said: the write may have begun after that newer one was
 * acknowledged. So it is stamped again, above the newest that `ack` replicas told of, and sent again, with a tally of its own:
 * acknowledgements count for one stamp. What is newer than the second stamp can only be concurrent to the write, so there
 * `superseded` acknowledges, as in ABD (Attiya, Bar-Noy and Dolev, 1995). A strict write asks for versions first, and is
 * then in its second round from the start.
 */
import { addReply, emptyTally, judge, judgeFirstRound, replyWeights, withdrawAck } from '../../src/domain/quorum.ts';
import type { FirstRoundVerdict } from '../../src/domain/quorum.ts';
import { operationKinds, replyCodes } from '../../src/formats/codes.ts';
import type { Entry } from '../../src/formats/frame.ts';
import { readVersion } from '../../src/formats/record.ts';
import { absentFloor, supersedingVersion, tellsRecord, type Reply } from '../../src/formats/reply.ts';
import { noteFault, noteFaultyReply } from './faults.ts';
import { hasAcked, hasAllReplies, type PendingOperation } from './pending-operation.ts';

/** Nodes have missed a write: keep it for them. */
export interface Missed {
  readonly do: 'hint';
  readonly nodes: readonly number[];
  /** Whether this node's own replica holds it, or something newer. */
  readonly isHere: boolean;
}

/** Counts one replica's reply to a write, or to the question for the version under its key. */
export function countWriteReply(operation: PendingOperation, node: number, reply: Reply): void {
  const weight = replyWeights[reply.code];
  if (tellsRecord(reply)) tellVersion(operation, readVersion(reply.bytes, reply.offset));
  tellVersion(operation, absentFloor(reply));
  if (weight === 'superseded') tellVersion(operation, supersedingVersion(reply));
  if (weight === 'superseded' && operation.round === 'first') {
    operation.superseded++;
    noteFaultyReply(operation, node, reply);
    return;
  }
  const isAck = weight !== 'failure';
  operation.tally = addReply(operation.tally, isAck ? 'ack' : 'failure');
  if (isAck) noteAck(operation, node);
  else noteFaultyReply(operation, node, reply);
  // One that refuses the stamp has decided not to hold the write.
  if (!isAck && reply.code !== replyCodes.refusedClock) noteMiss(operation, node);
  if (reply.code === replyCodes.full) operation.refusal = 'full';
  else if (reply.code === replyCodes.refusedClock && operation.refusal === 'none') operation.refusal = 'clock';
}

/** What the replies of this round amount to. */
export function judgeWrite({ round, quorum, tally, superseded }: PendingOperation): FirstRoundVerdict {
  if (round === 'first') return judgeFirstRound(quorum, tally, superseded);
  const verdict = judge(quorum, tally);
  return round === 'versions' && verdict === 'met' ? 'stamp-again' : verdict;
}

/** Nothing that was asked by now counts any more; the write waits for its stamp. */
export function beginStamping(operation: PendingOperation): void {
  operation.round = 'stamping';
}

/** The write has another stamp: its replicas are asked again. */
export function beginSecondRound(operation: PendingOperation, question: Entry): void {
  operation.round = 'second';
  operation.question = question;
  operation.tally = emptyTally;
  operation.superseded = 0;
  operation.faults = undefined;
  operation.ackedLow = 0;
  operation.ackedHigh = 0;
  operation.missed = undefined;
}

/**
 * A node's process has ended, and with it whatever it had that was not yet safe: what it has acknowledged does not count. False
 * where it has not.
 */
export function withdrawAckOf(operation: PendingOperation, node: number): boolean {
  if (operation.round === 'versions' || !hasAcked(operation, node)) return false;
  if (node < 32) operation.ackedLow &= ~(1 << node);
  else operation.ackedHigh &= ~(1 << (node - 32));
  operation.tally = withdrawAck(operation.tally);
  noteMiss(operation, node);
  noteFault(operation, node, 'restarted');
  return true;
}

/** A node should hold the write, and does not. Where only versions are asked for nothing can be missed. */
export function noteMiss(operation: PendingOperation, node: number): void {
  if (operation.round !== 'versions') (operation.missed ??= []).push(node);
}

/**
 * The nodes that have missed a write which another one holds, each told of once; undefined where there is none. They are told
 * of when it is known whether `self` holds the write, or when nothing more is asked (`isOver`). What nobody holds is no
 * miss: its client was told so, and it would come back whenever a node does.
 */
export function takeMissed(operation: PendingOperation, self: number, isOver: boolean): Missed | undefined {
  const { missed, tally, question } = operation;
  if (missed === undefined || tally.acks === 0 || question.kind !== operationKinds.write) return undefined;
  const isHere = hasAcked(operation, self);
  if (!isHere && !isOver && !hasAllReplies(operation)) return undefined;
  operation.missed = undefined;
  return { do: 'hint', nodes: missed, isHere };
}

function tellVersion(operation: PendingOperation, version: number): void {
  if (version > operation.above) operation.above = version;
}

function noteAck(operation: PendingOperation, node: number): void {
  if (node < 32) operation.ackedLow |= 1 << node;
  else operation.ackedHigh |= 1 << (node - 32);
}
