/**
 * This node's replica: executes operations against the store, for the coordinator in the same thread and for peers.
 *
 * In mode `batched` everything that one event-loop turn brings goes into one transaction, whoever asked; in the other
 * modes each frame is executed as it comes. Writes go first and reads after the commit, so that a read shows what is
 * durable and never less than the turn's own writes. Large values are written and read in steps beside all that, a
 * bounded number of them at a time; a read among others is only told of one, and comes again for it by itself, so that no
 * answer is much longer than one record.
 */
import type { Buffer } from 'node:buffer';
import { isLargeRead, keyOf, recordOf, type Entry } from '../../src/formats/frame.ts';
import { operationKinds, replyCodes, type ReplyCode } from '../../src/formats/codes.ts';
import { isLargeRecord } from '../../src/formats/record.ts';
import { FrameWriter } from '../../src/formats/reply.ts';
import { runMarks, type OnRun, type ReplicaMarks, type RunMarks } from '../../src/waits/wait-marks.ts';
import type { SeenVersions } from '../ground/seen-versions.ts';
import { Semaphore } from '../ground/semaphore.ts';
import type { Store } from '../store/store.ts';
import type { Turn } from '../../src/domain/turn.ts';

/** Takes the reply frame to the entries that were submitted. */
export type Respond = (replies: Buffer) => void;

interface Batch {
  readonly entries: readonly Entry[];
  readonly respond: Respond;
  /** Where somebody wants to know what the batch waited for. */
  readonly marks: ReplicaMarks | undefined;
}

export interface LocalReplicaOptions {
  readonly store: Store;
  readonly versions: SeenVersions;
  /** Batches of one turn go together; without it each batch is executed at once. */
  readonly turn: Turn | undefined;
  /** A write failed for what it is: its checksum does not match, or its version is too far ahead. */
  readonly onRefused: () => void;
  /** The store failed; the node must stop. */
  readonly onFatal: (error: unknown) => void;
}

/** Large values being written or read at a time; each may hold its whole size in memory. */
const LARGE_AT_ONCE_MAX = 8;
/** An answer that is as long as this takes no further records: they are announced, and come from one replica each. */
export const ANSWER_BYTES_MAX = 1024 * 1024;
/** Writes of one transaction, bytes: what goes past it waits for the next turn. */
const TRANSACTION_BYTES_MAX = 2 * 1024 * 1024;

export class LocalReplica {
  /** How often it was asked. */
  batches = 0;
  /** Set while somebody records waits. */
  onRun: OnRun | undefined;
  #hasMarks = false;
  readonly #options: LocalReplicaOptions;
  readonly #large = new Semaphore(LARGE_AT_ONCE_MAX);
  #waiting: Batch[] = [];

  constructor(options: LocalReplicaOptions) {
    this.#options = options;
  }

  /** Executes entries and gives their replies to `respond`, later in this turn or at once. */
  submit(entries: readonly Entry[], respond: Respond, marks?: ReplicaMarks): void {
    this.batches++;
    const alone = entries.length === 1 ? entries[0] : undefined;
    if (alone !== undefined && isLargeWrite(alone)) return this.#guard(this.#mergeLarge(alone, respond));
    if (alone !== undefined && isLargeRead(alone)) return this.#guard(this.#readLarge(alone, respond));
    this.#waiting.push({ entries, respond, marks });
    if (marks !== undefined) this.#hasMarks = true;
    if (this.#options.turn === undefined) this.run();
    else this.#options.turn.schedule();
    return undefined;
  }

  /** Executes what waits, as far as one transaction takes it. */
  run(): void {
    if (this.#waiting.length === 0) return;
    const batches = this.#take();
    const marks = this.#hasMarks || this.onRun !== undefined ? this.#startMarks(batches) : undefined;
    try {
      const codes = this.#merge(batches, marks);
      this.#options.store.refresh();
      if (marks !== undefined) this.onRun?.(marks);
      for (const batch of batches) this.#answer(batch, codes);
    } catch (error) {
      this.#options.onFatal(error);
    }
    if (this.#waiting.length > 0) this.#options.turn?.schedule();
  }

  /** One run's marks, for all of its batches that have any. */
  #startMarks(batches: readonly Batch[]): RunMarks {
    const run = runMarks(performance.now());
    for (const { marks } of batches) if (marks !== undefined) marks.run = run;
    this.#hasMarks = this.#waiting.some(({ marks }) => marks !== undefined);
    return run;
  }

  #take(): Batch[] {
    let size = 0;
    let count = 0;
    for (const { entries } of this.#waiting) {
      for (const entry of entries) size += entry.length;
      count++;
      if (size > TRANSACTION_BYTES_MAX) break;
    }
    return this.#waiting.splice(0, count);
  }

  /** Applies the batches' writes; returns their reply codes in order. */
  #merge(batches: readonly Batch[], marks: RunMarks | undefined): IterableIterator<ReplyCode> {
    const writes: Entry[] = [];
    for (const { entries } of batches) {
      for (const entry of entries) if (entry.kind === operationKinds.write) writes.push(entry);
    }
    if (writes.length === 0) return ([] as ReplyCode[]).values();
    const { store, versions } = this.#options;
    for (const write of writes) versions.seeRecord(write.bytes, write.keyEnd);
    versions.reportIfAhead();
    return store.merge(writes, versions.ceiling(), marks).values();
  }

  /** Answers a batch; its writes' codes are the next ones of `codes`. */
  #answer({ entries, respond }: Batch, codes: IterableIterator<ReplyCode>): void {
    const writer = new FrameWriter(entries.length * 96);
    for (const entry of entries) {
      if (entry.kind === operationKinds.write) this.#tell(codes.next().value as ReplyCode, writer);
      else this.#read(entry, writer);
    }
    respond(writer.finish());
  }

  #tell(code: ReplyCode, writer: FrameWriter): void {
    if (code === replyCodes.failed) this.#options.onRefused();
    writer.reply(code);
  }

  /** Reads a small record, or tells of a large one. */
  #read(entry: Entry, writer: FrameWriter): void {
    const record = this.#options.store.read(keyOf(entry));
    if (record === undefined) writer.reply(replyCodes.absent);
    else if ('recordBytes' in record) writer.replyLarge(record.header, record.recordBytes);
    else if (writer.length > ANSWER_BYTES_MAX) writer.replyLarge(record, record.length);
    else writer.replyRecord(record, record.length);
  }

  async #readLarge(entry: Entry, respond: Respond): Promise<void> {
    const record = await this.#large.run(() => this.#options.store.readLarge(keyOf(entry)));
    const writer = new FrameWriter(0);
    if (record === undefined) writer.reply(replyCodes.absent);
    else writer.replyOwnRecord(record);
    respond(writer.finish());
  }

  async #mergeLarge(entry: Entry, respond: Respond): Promise<void> {
    const { store, versions } = this.#options;
    versions.seeRecord(entry.bytes, entry.keyEnd);
    versions.reportIfAhead();
    const code = await this.#large.run(() => store.mergeLarge(entry, versions.ceiling()));
    const writer = new FrameWriter(0);
    this.#tell(code, writer);
    respond(writer.finish());
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.#options.onFatal(error));
  }
}

function isLargeWrite(entry: Entry): boolean {
  return entry.kind === operationKinds.write && isLargeRecord(recordOf(entry).length);
}
