/**
 * Read repair (Dynamo 2007, section 5): replicas that lack what others hold are sent it. A read may wait for that (pending-frame.ts);
 * nothing is retried, the next read finds what was missed.
 *
 * However many reads find one key of one replica stale, it is repaired once: the others join. They join only what is theirs or
 * newer; what is newer than the repair under way is sent after it. A repair that has ended is remembered for as long as a
 * read may go on that found the replica stale before.
 */
import { Buffer } from 'node:buffer';
import { compareRecords, covers } from '../../src/domain/merge.ts';
import { allocateFrame, ENTRY_HEADER_BYTES, keyOf, readEntries, writeRepair } from '../../src/formats/frame.ts';
import { replyCodes } from '../../src/formats/codes.ts';
import { RECORD_HEADER_BYTES, type RecordView } from '../../src/formats/record.ts';
import { readReplies, type Reply } from '../../src/formats/reply.ts';
import type { LocalReplica } from '../replica/local-replica.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { PendingOperation } from './pending-operation.ts';

export interface RepairTargets {
  readonly self: number;
  readonly replica: Pick<LocalReplica, 'submit'>;
  readonly peers: readonly (Pick<PeerClient, 'submit'> | undefined)[];
  /** Has what was given to peers sent. */
  readonly flush: () => void;
  /** Milliseconds that never go back. */
  readonly now: () => number;
  /** How long a repair that has ended is remembered, milliseconds. */
  readonly rememberMs: number;
}

/** Called once: whether the node holds the record now, or something newer. */
export type OnRepaired = (holds: boolean) => void;

/** What a read has found to be the newest, and whether it has asked enough replicas for that (`entryFlags.vouched`). */
export interface ReadRecord {
  readonly record: Reply;
  readonly isVouched: boolean;
}

interface Repair {
  readonly node: number;
  readonly isVouched: boolean;
  /** A frame with the record in it. */
  readonly bytes: Buffer;
  /** The record, for its stamp. */
  readonly view: RecordView;
  readonly waiting: OnRepaired[];
}

interface Slot {
  /** Under way, or done. */
  current: Repair;
  /** Newer, to be sent when the one under way has ended. */
  next: Repair | undefined;
  /** When the current one has ended; undefined before. */
  doneAt: number | undefined;
}

export class Repairs {
  /** How many were sent. */
  count = 0;
  /** Reads that found a replica without what others hold. */
  staleReads = 0;
  readonly #targets: RepairTargets;
  /** By node and key, the oldest first. */
  readonly #slots = new Map<string, Slot>();

  constructor(targets: RepairTargets) {
    this.#targets = targets;
  }

  /** Has a node hold the record that an operation has read. */
  send(node: number, operation: PendingOperation, { record, isVouched }: ReadRecord, onRepaired: OnRepaired): void {
    this.#forgetOld();
    if (!operation.wasStale) this.staleReads++;
    operation.wasStale = true;
    const name = `${node}:${keyOf(operation.entry).toString('latin1')}`;
    const slot = this.#slots.get(name);
    const isThere = slot !== undefined && covers(slot.current.view, record);
    if (slot !== undefined && isThere && (slot.current.isVouched || !isVouched || slot.doneAt !== undefined)) {
      if (slot.doneAt === undefined) slot.current.waiting.push(onRepaired);
      else onRepaired(true);
      return;
    }
    const repair = makeRepair(node, operation, { record, isVouched });
    repair.waiting.push(onRepaired);
    if (slot === undefined || slot.doneAt !== undefined) this.#begin(name, repair);
    else queueBehind(slot, repair);
  }

  /** What the node has said does not count any more: its process has ended. */
  forget(node: number): void {
    for (const [name, { current, doneAt }] of this.#slots) {
      if (current.node === node && doneAt !== undefined) this.#slots.delete(name);
    }
  }

  #begin(name: string, repair: Repair): void {
    const { self, replica, peers } = this.#targets;
    this.count++;
    // Deleted first, so that the youngest stands last.
    this.#slots.delete(name);
    this.#slots.set(name, { current: repair, next: undefined, doneAt: undefined });
    const end = (reply: Reply | undefined): void => this.#end(name, repair, reply);
    if (repair.node === self) return replica.submit(readEntries(repair.bytes), (bytes) => end(readReplies(bytes)[0]));
    const onReplies = (replies: readonly Reply[], at: number): void => end(replies[at]);
    peers[repair.node]?.submit({ bytes: repair.bytes, count: 1, onReplies, onFailed: () => end(undefined) });
    return this.#targets.flush();
  }

  #end(name: string, repair: Repair, reply: Reply | undefined): void {
    const { waiting } = repair;
    const slot = this.#slots.get(name);
    const holds = reply?.code === replyCodes.applied || reply?.code === replyCodes.superseded;
    if (slot !== undefined) {
      slot.doneAt = this.#targets.now();
      slot.current = withoutValue(repair);
    }
    if (!holds || slot?.next !== undefined) this.#slots.delete(name);
    if (slot?.next !== undefined) this.#begin(name, slot.next);
    for (const onRepaired of waiting.splice(0)) onRepaired(holds);
  }

  #forgetOld(): void {
    const before = this.#targets.now() - this.#targets.rememberMs;
    for (const [name, { doneAt }] of this.#slots) {
      if (doneAt === undefined) continue;
      if (doneAt > before) return;
      this.#slots.delete(name);
    }
  }
}

/** All that need be remembered of a repair that has ended. */
function withoutValue({ node, isVouched, view }: Repair): Repair {
  const bytes = Buffer.from(view.bytes.subarray(view.offset, view.offset + RECORD_HEADER_BYTES));
  return { node, isVouched, bytes, view: { bytes, offset: 0, length: RECORD_HEADER_BYTES }, waiting: [] };
}

/** The newest of what waits behind a repair goes next, for all who wait. */
function queueBehind(slot: Slot, repair: Repair): void {
  const { next } = slot;
  if (next === undefined) {
    slot.next = repair;
  } else if (compareRecords(next.view, repair.view) >= 0) {
    next.waiting.push(...repair.waiting);
  } else {
    repair.waiting.push(...next.waiting);
    slot.next = repair;
  }
}

function makeRepair(node: number, { entry, quorum }: PendingOperation, { record, isVouched }: ReadRecord): Repair {
  const key = keyOf(entry);
  const bytes = allocateFrame(ENTRY_HEADER_BYTES + key.length + record.length);
  writeRepair(bytes, { quorum, isVouched }, key, record.bytes.subarray(record.offset, record.offset + record.length));
  const offset = ENTRY_HEADER_BYTES + key.length;
  return { node, isVouched, bytes, view: { bytes, offset, length: record.length }, waiting: [] };
}
