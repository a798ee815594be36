/**
 * The coordinator's shell: takes an operation frame from the main thread, asks each operation's replicas, counts their
 * replies and lets each outcome leave as soon as its quorum is met or can no longer be.
 *
 * The rules are elsewhere and pure (quorum.ts, resolution.ts, rendezvous.ts); this file sends, waits and acts. An
 * operation never waits for its batch-mates: what settles together leaves together, the rest follows. Replies that come
 * after the outcome are still examined, to repair replicas that answered a read with less than the newest record.
 * Riak's put and get coordinators split the same way (riak_kv_get_core.erl beside riak_kv_get_fsm.erl).
 */
import type { Buffer } from 'node:buffer';
import { entryView, isWholeRead, readEntries, wholeRead, type Entry } from '../../src/formats/frame.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import { failedReply, largeRecordBytes, readReplies, type Reply } from '../../src/formats/reply.ts';
import type { Topology } from '../../src/domain/topology.ts';
import type { CoordinatorWaits } from '../../src/waits/wait-marks.ts';
import type { SeenVersions } from '../ground/seen-versions.ts';
import { LargeReads } from './large-reads.ts';
import type { LocalReplica } from '../replica/local-replica.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { Segment } from '../peers/segment-queue.ts';
import { forgetLarge, PendingFrame, type PendingOperation } from './pending-frame.ts';
import { repair } from './read-repair.ts';
import type { Turn } from '../ground/turn.ts';

export interface CoordinatorOptions {
  readonly topology: Topology;
  readonly replica: LocalReplica;
  /** By index in the topology; undefined at this node's own. */
  readonly peers: readonly (PeerClient | undefined)[];
  /** Ask an operation's replicas one after another (mode `sync`). */
  readonly sequential: boolean;
  /** Requests to peers leave at the end of the turn; without it at once. */
  readonly turn: Turn | undefined;
  readonly versions: SeenVersions;
  readonly timeoutMs: number;
  readonly readRepair: boolean;
  /** Sends outcomes to the main thread ahead of the frame's task. */
  readonly sendOutcomes: (outcomes: Buffer) => void;
}

/** How often deadlines are looked at. An outcome can be this much late, and no more. */
const TICK_MS = 25;

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #nodeIds: readonly number[];
  readonly #pending: PendingFrame[] = [];
  readonly #largeReads = new LargeReads<PendingOperation>();
  #timer: NodeJS.Timeout | undefined;
  /** Set while somebody records waits. */
  waits: CoordinatorWaits<PendingOperation> | undefined;
  repairs = 0;
  lateReplies = 0;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#nodeIds = options.topology.nodes.map((node) => node.id);
  }

  /** How many frames wait for replies. */
  get pendingFrames(): number {
    return this.#pending.length;
  }

  /**
   * Coordinates the operations of a frame. Resolves when all of them have an outcome, to the outcomes that have not left
   * already. Rejects with `corrupt-frame`.
   */
  async coordinate(bytes: Buffer): Promise<Buffer | undefined> {
    const startedAt = this.waits === undefined ? 0 : performance.now();
    const entries = readEntries(bytes);
    const { timeoutMs, versions, readRepair } = this.#options;
    const frame = new PendingFrame(entries, { deadlineAt: performance.now() + timeoutMs, versions, readRepair });
    frame.trace = this.waits?.trace(frame.operations, startedAt);
    this.#pending.push(frame);
    this.#timer ??= setTimeout(() => this.#tick(), TICK_MS);
    if (this.#options.sequential) await this.#askInTurn(frame);
    else this.#askAll(frame, bytes);
    return frame.settled;
  }

  /** Peers first, this node's own replica last: the peers work while this thread is in its transaction. */
  #askAll(frame: PendingFrame, bytes: Buffer): void {
    const mine = this.#everywhere(frame) ? this.#askEveryPeer(frame, bytes) : this.#askReplicas(frame);
    if (this.#options.turn === undefined) for (const peer of this.#options.peers) peer?.flush();
    else this.#options.turn.schedule();
    if (mine.length > 0) this.#askSelf(frame, mine);
  }

  #everywhere(frame: PendingFrame): boolean {
    return frame.operations.every((operation) => operation.quorum.replicaCount === this.#nodeIds.length);
  }

  /** Where the whole cluster is the replica set, the frame goes to every peer as it came. */
  #askEveryPeer(frame: PendingFrame, bytes: Buffer): readonly PendingOperation[] {
    for (const node of this.#nodeIds.keys()) {
      if (node !== this.#options.topology.selfIndex) this.#askPeer(node, frame, bytes, frame.operations);
    }
    return frame.operations;
  }

  #askReplicas(frame: PendingFrame): PendingOperation[] {
    const mine: PendingOperation[] = [];
    for (const operation of frame.operations) {
      for (const node of this.#replicasOf(operation.entry, operation.quorum.replicaCount)) {
        if (node === this.#options.topology.selfIndex) mine.push(operation);
        else this.#askPeer(node, frame, entryView(operation.entry), [operation]);
      }
    }
    return mine;
  }

  #askPeer(
    node: number,
    frame: PendingFrame,
    bytes: Buffer,
    operations: readonly PendingOperation[],
    isLarge = false,
  ): void {
    const onReplies: Segment['onReplies'] = (replies, start) => this.#take(frame, node, operations, replies, start);
    const onFailed = (): void => this.#take(frame, node, operations, undefined, 0);
    const marks = frame.trace?.askPeer(node, operations);
    this.#options.peers[node]?.submit({ bytes, count: operations.length, onReplies, onFailed, marks, isLarge });
  }

  #askSelf(
    frame: PendingFrame,
    operations: readonly PendingOperation[],
    entries: readonly Entry[] = operations.map((operation) => operation.entry),
  ): void {
    const self = this.#options.topology.selfIndex;
    const marks = frame.trace?.askSelf(self, operations);
    const respond = (bytes: Buffer): void => {
      if (marks !== undefined) marks.repliedAt = performance.now();
      this.#take(frame, self, operations, readReplies(bytes), 0);
    };
    this.#options.replica.submit(entries, respond, marks);
  }

  /** Takes one node's replies to some of a frame's operations; without `replies` the node could not be asked. */
  #take(
    frame: PendingFrame,
    node: number,
    operations: readonly PendingOperation[],
    replies: readonly Reply[] | undefined,
    start: number,
  ): void {
    for (const [index, operation] of operations.entries()) {
      const reply = replies === undefined ? failedReply : (replies[start + index] as Reply);
      if (operation.settled) this.lateReplies++;
      if (operation.asked === node) this.#takeWhole(frame, operation, reply);
      else frame.take(operation, node, reply);
      const holders = frame.wanted(operation);
      if (holders.length > 0) this.#askWhole(frame, operation, holders);
      if (operation.complete) this.#complete(operation);
      if (operation.asked === undefined) operation.onNextReply?.();
    }
    frame.trace?.leaving(node);
    this.#release(frame);
  }

  #takeWhole(frame: PendingFrame, operation: PendingOperation, reply: Reply): void {
    frame.takeWhole(operation, reply);
    if (frame.wanted(operation).length === 0) this.#largeReads.end(operation);
  }

  /** Reads a large record from one of those that announced it: from this node's own replica where that is one of them. */
  #askWhole(frame: PendingFrame, operation: PendingOperation, holders: readonly number[]): void {
    const self = this.#options.topology.selfIndex;
    const node = holders.includes(self) ? self : (holders[0] as number);
    operation.asked = node;
    const bytes = largeRecordBytes(operation.newest as Reply);
    this.#largeReads.ask(operation, bytes, () => this.#askOne(node, frame, operation, wholeRead(operation.entry)));
  }

  #complete(operation: PendingOperation): void {
    if (this.#options.readRepair) this.#repair(operation);
    forgetLarge(operation);
  }

  #repair(operation: PendingOperation): void {
    const { topology, replica, peers } = this.#options;
    this.repairs += repair(operation, { self: topology.selfIndex, replica, peers });
    this.#options.turn?.schedule();
  }

  /** Lets go what has settled: with the frame's task if that was the last of it, else ahead of it. */
  #release(frame: PendingFrame): void {
    const outcomes = frame.release(this.#options.sequential);
    if (outcomes !== undefined) this.#options.sendOutcomes(outcomes);
  }

  /** Mode `sync`: one replica after another, each awaited; outcomes leave as soon as the quorum is met. */
  async #askInTurn(frame: PendingFrame): Promise<void> {
    for (const operation of frame.operations) {
      for (const node of this.#replicasOf(operation.entry, operation.quorum.replicaCount)) {
        if (frame.expired) return;
        await this.#askAndWait(node, frame, operation);
      }
    }
  }

  #askAndWait(node: number, frame: PendingFrame, operation: PendingOperation): Promise<void> {
    return new Promise((resolve) => {
      operation.onNextReply = resolve;
      this.#askOne(node, frame, operation, operation.entry);
    });
  }

  /** Asks one replica for one operation now, by an entry that is the operation's own or its `wholeRead`. */
  #askOne(node: number, frame: PendingFrame, operation: PendingOperation, entry: Entry): void {
    if (node === this.#options.topology.selfIndex) return this.#askSelf(frame, [operation], [entry]);
    this.#askPeer(node, frame, entryView(entry), [operation], isWholeRead(entry));
    this.#options.peers[node]?.flush();
    return undefined;
  }

  #replicasOf(entry: Entry, count: number): number[] {
    return preferenceList(hashKey(entry.bytes, entry.keyStart, entry.keyEnd), this.#nodeIds, count);
  }

  /** Frames have the same time to live, so the oldest stands first: what is complete or overdue leaves. */
  #tick(): void {
    const now = performance.now();
    for (const peer of this.#options.peers) peer?.expire(now);
    const overdue: PendingOperation[] = [];
    let gone = 0;
    for (const frame of this.#pending) {
      if (!frame.complete && now < frame.deadlineAt) break;
      if (!frame.complete) {
        frame.expire();
        overdue.push(...frame.operations);
        frame.trace?.leaving(undefined);
        this.#release(frame);
      }
      gone++;
    }
    this.#pending.splice(0, gone);
    this.#largeReads.endAll(overdue);
    this.#timer = this.#pending.length > 0 ? setTimeout(() => this.#tick(), TICK_MS) : undefined;
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
