/**
 * This node's replica: executes operations against the store, for the coordinator in the same thread and for peers.
 *
 * In mode `batched` everything that one event-loop turn brings goes into one transaction, whoever asked; in the other
 * modes each frame is executed as it comes. Writes go first and reads after the commit, so that a read shows what is
 * durable and never less than the turn's own writes.
 */
import type { Buffer } from 'node:buffer';
import { keyOf, type Entry } from '../src/domain/frame.ts';
import { operationKinds, replyCodes, type ReplyCode } from '../src/domain/operation.ts';
import { FrameWriter } from '../src/domain/reply.ts';
import { versionCeiling } from '../src/domain/version.ts';
import type { Clock } from './clock.ts';
import type { Store } from './store.ts';
import type { Turn } from './turn.ts';

/** Takes the reply frame to the entries that were submitted. */
export type Respond = (replies: Buffer) => void;

interface Batch {
  readonly entries: readonly Entry[];
  readonly respond: Respond;
}

export interface LocalReplicaOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Batches of one turn go together; without it each batch is executed at once. */
  readonly turn: Turn | undefined;
  readonly clockDriftMsMax: number;
  /** The store failed; the node must stop. */
  readonly onFatal: (error: unknown) => void;
}

export class LocalReplica {
  readonly #options: LocalReplicaOptions;
  #waiting: Batch[] = [];

  constructor(options: LocalReplicaOptions) {
    this.#options = options;
  }

  /** Executes entries and gives their replies to `respond`, later in this turn or at once. */
  submit(entries: readonly Entry[], respond: Respond): void {
    this.#waiting.push({ entries, respond });
    if (this.#options.turn === undefined) this.run();
    else this.#options.turn.schedule();
  }

  /** Executes all that waits. */
  run(): void {
    if (this.#waiting.length === 0) return;
    const batches = this.#waiting;
    this.#waiting = [];
    try {
      const codes = this.#merge(batches);
      this.#options.store.refresh();
      for (const batch of batches) batch.respond(this.#replies(batch.entries, codes));
    } catch (error) {
      this.#options.onFatal(error);
    }
  }

  /** Applies the batches' writes; returns their reply codes in order. */
  #merge(batches: readonly Batch[]): IterableIterator<ReplyCode> {
    const writes: Entry[] = [];
    for (const { entries } of batches) {
      for (const entry of entries) if (entry.kind === operationKinds.write) writes.push(entry);
    }
    if (writes.length === 0) return ([] as ReplyCode[]).values();
    const { store, clock, clockDriftMsMax } = this.#options;
    const ceiling = versionCeiling(clock.nowMicros(), clockDriftMsMax);
    for (const write of writes) clock.seeRecord(write.bytes, write.keyEnd);
    return store.merge(writes, ceiling).values();
  }

  #replies(entries: readonly Entry[], codes: IterableIterator<ReplyCode>): Buffer {
    const writer = new FrameWriter(entries.length * 96);
    for (const entry of entries) {
      if (entry.kind === operationKinds.write) writer.reply(codes.next().value as ReplyCode);
      else this.#read(entry, writer);
    }
    return writer.finish();
  }

  #read(entry: Entry, writer: FrameWriter): void {
    const record = this.#options.store.read(keyOf(entry));
    if (record === undefined) writer.reply(replyCodes.absent);
    else writer.replyRecord(record, record.length);
  }
}
