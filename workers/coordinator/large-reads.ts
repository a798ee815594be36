/**
 * Reads of large values, from the announcement to letting go.
 *
 * A replica does not send a large value (record.ts) among other replies: it announces it, by the record's header. An
 * announcement counts as a reply like any other. Then the coordinator reads the value, from one replica at a time:
 *
 * - When: once the quorum of a read is met and the newest record is only announced; and once every replica has replied,
 *   if one of them lacks that record and is to be sent it.
 * - From whom: from one that announced the newest record, this node's own replica before others. One that cannot give
 *   what it announced counts as failed, and the next is asked, or what is then the newest answers.
 * - How many: as many at a time as `LargeReads` has room for. The others wait for theirs, or for their deadline.
 * - How long it is held: until the outcome has it. While other replicas are waited for only the announcement is kept, and
 *   the value is read again if one of them lacks it.
 */
import { replyCodes } from '../../src/formats/codes.ts';
import { judge, withdrawAck } from '../../src/domain/quorum.ts';
import { isLargeRecord } from '../../src/formats/record.ts';
import { announcementOf, announcesRecord, damagedReply, holdsRecord, type Reply } from '../../src/formats/reply.ts';
import type { ReadRepair } from '../../src/domain/modes.ts';
import { announcersOf, newerReply, staleReplicas, type ReplicaReply } from '../../src/domain/resolution.ts';
import { noteFault } from './faults.ts';
import { hasAllReplies, type PendingOperation } from './pending-operation.ts';

/** What decides about a large value, besides the operation itself. */
export interface LargeReadRules {
  /** Index of this node in the topology. */
  readonly self: number;
  readonly readRepair: ReadRepair;
}

/** The node to ask for the newest record's large value; undefined where nobody wants it, or it is here. */
export function announcerToAsk(operation: PendingOperation, { self, readRepair }: LargeReadRules): number | undefined {
  const { newest, quorum, tally } = operation;
  if (newest === undefined || !announcesRecord(newest.code)) return undefined;
  const isForOutcome = operation.state === 'pending' && judge(quorum, tally) === 'met';
  if (!isForOutcome && !(readRepair !== 'off' && isLackedBySome(operation, newest))) return undefined;
  const announcers = announcersOf(operation.replies, newest);
  return announcers.includes(self) ? self : announcers[0];
}

/**
 * Takes what the asked node gave; without a reply it could not give what it had announced, and its vote does not count. One that
 * found it damaged lacks it.
 */
export function takeLargeValue(operation: PendingOperation, node: number, reply: Reply | 'damaged' | undefined): void {
  const announced = operation.replies.find((one) => one.node === node)?.reply;
  operation.replies = operation.replies.filter((one) => one.node !== node);
  if (typeof reply === 'object') operation.replies.push({ node, reply });
  else if (announced?.code === replyCodes.large) operation.tally = withdrawAck(operation.tally);
  if (typeof reply !== 'object') noteFault(operation, node, reply ?? 'refused');
  if (reply === 'damaged') operation.replies.push({ node, reply: damagedReply });
  operation.newest = newestOf(operation.replies);
}

/** Keeps only the announcement of a large value. */
export function letGo(operation: PendingOperation): void {
  operation.replies = operation.replies.map(({ node, reply }) => {
    return { node, reply: isLarge(reply) ? announcementOf(reply) : reply };
  });
  operation.newest = newestOf(operation.replies);
}

/** Whether a newest record has a large value that only the outcome needs: then it goes there without a copy. */
export function isForOutcomeOnly(operation: PendingOperation, newest: Reply, { readRepair }: LargeReadRules): boolean {
  return isLarge(newest) && !(readRepair !== 'off' && isLackedBySome(operation, newest));
}

function isLackedBySome(operation: PendingOperation, newest: Reply): boolean {
  return hasAllReplies(operation) && staleReplicas(operation.replies, newest).length > 0;
}

/** Whether a reply holds a large value, which came alone. */
function isLarge({ code, length }: Reply): boolean {
  return holdsRecord(code) && isLargeRecord(length);
}

function newestOf(replies: readonly ReplicaReply[]): Reply | undefined {
  return replies.length === 0 ? undefined : replies.map(({ reply }) => reply).reduce(newerReply);
}

/** Large values under way to one coordinator, bytes. One alone may have more. */
const BYTES_MAX = 32 * 1024 * 1024;

/** One large value that is to be read. */
export interface LargeRead {
  /** Whose record it is; by this it is found again. */
  readonly operation: unknown;
  /** Of the whole record. */
  readonly bytes: number;
}

/**
 * Bounds how much is read at a time. An operation keeps its place until what was read for it is let go, and while it asks
 * another replica. Each method returns the reads that are to begin now.
 */
export class LargeReads<Read extends LargeRead> {
  readonly #underWay = new Map<Read['operation'], number>();
  readonly #waiting = new Map<Read['operation'], Read>();
  #bytes = 0;

  /** An operation's large value is to be read. */
  ask(read: Read): Read[] {
    if (this.#underWay.has(read.operation)) return [read];
    this.#waiting.set(read.operation, read);
    return this.#admit();
  }

  /** What was read for the operation is let go, and nothing is being read. */
  end(operation: Read['operation']): Read[] {
    return this.#leave(operation) ? this.#admit() : [];
  }

  /** The operations' time is up: nothing more is read for any of them. */
  endAll(operations: readonly Read['operation'][]): Read[] {
    for (const operation of operations) this.#waiting.delete(operation);
    for (const operation of operations) this.#leave(operation);
    return this.#admit();
  }

  #leave(operation: Read['operation']): boolean {
    const bytes = this.#underWay.get(operation);
    if (bytes === undefined) return false;
    this.#underWay.delete(operation);
    this.#bytes -= bytes;
    return true;
  }

  #admit(): Read[] {
    const admitted: Read[] = [];
    for (const [operation, read] of this.#waiting) {
      if (this.#underWay.size > 0 && this.#bytes + read.bytes > BYTES_MAX) break;
      this.#waiting.delete(operation);
      this.#underWay.set(operation, read.bytes);
      this.#bytes += read.bytes;
      admitted.push(read);
    }
    return admitted;
  }
}
