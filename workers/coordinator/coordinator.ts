/**
 * The coordinator's shell: takes an operation frame from the main thread, asks each operation's replicas, and does what
 * `PendingFrame` decides of their replies: reads a large value, repairs a replica, asks the next one, lets outcomes leave.
 *
 * It sends, waits and acts, and holds no rules; peers, replica, time and versions are arguments, so that it runs as well
 * in a test or a simulation. An operation never waits for its batch-mates: what settles together leaves together, the rest
 * follows. Replies that come after the outcome are still examined, for read repair.
 * Riak's put and get coordinators split the same way (riak_kv_get_core.erl beside riak_kv_get_fsm.erl).
 */
import type { Buffer } from 'node:buffer';
import { entryView, isLargeRead, largeRead, readEntries, type Entry } from '../../src/formats/frame.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import { failedReply, readReplies, type Reply } from '../../src/formats/reply.ts';
import type { Topology } from '../../src/domain/topology.ts';
import type { CoordinatorWaits, FrameTrace } from '../../src/waits/wait-marks.ts';
import type { LocalReplica } from '../replica/local-replica.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { Segment } from '../peers/segment-queue.ts';
import type { Time } from '../ground/time.ts';
import type { Turn } from '../../src/domain/turn.ts';
import { refuseLateFrame } from './late-frame.ts';
import { LargeReads } from './large-reads.ts';
import { PendingFrame, type Decision, type FrameRules } from './pending-frame.ts';
import type { PendingOperation } from './pending-operation.ts';
import { repair } from './read-repair.ts';

export interface CoordinatorOptions {
  readonly topology: Topology;
  readonly replica: Pick<LocalReplica, 'submit'>;
  /** By index in the topology; undefined at this node's own. */
  readonly peers: readonly (Pick<PeerClient, 'submit' | 'flush' | 'expire'> | undefined)[];
  /** Ask an operation's replicas one after another (mode `sync`). */
  readonly sequential: boolean;
  /** Requests to peers leave at the end of the turn; without it at once. */
  readonly turn: Pick<Turn, 'schedule'> | undefined;
  readonly versions: FrameRules['versions'];
  readonly time: Time;
  readonly timeoutMs: number;
  readonly readRepair: boolean;
  /** Sends outcomes to the main thread ahead of the frame's task. */
  readonly sendOutcomes: (outcomes: Buffer) => void;
}

/** How often deadlines are looked at. An outcome can be this much late, and no more. */
const TICK_MS = 25;

/** A frame and what hangs on it. */
interface Task {
  readonly frame: PendingFrame;
  /** Set where somebody records what the frame waits for. */
  readonly trace: FrameTrace<PendingOperation> | undefined;
  /** Ends the task, with the outcomes that have not left already. */
  readonly end: (outcomes: Buffer | undefined) => void;
}

/** A large value that is to be read from a node. */
interface LargeValueRead {
  readonly task: Task;
  readonly operation: PendingOperation;
  readonly node: number;
  readonly bytes: number;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #nodeIds: readonly number[];
  readonly #replicasOf: (operation: PendingOperation) => readonly number[];
  /** The oldest first. */
  readonly #tasks: Task[] = [];
  readonly #largeReads = new LargeReads<LargeValueRead>();
  #stopTicking: (() => void) | undefined;
  /** Set while somebody records waits. */
  waits: CoordinatorWaits<PendingOperation> | undefined;
  repairs = 0;
  lateReplies = 0;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#nodeIds = options.topology.nodes.map((node) => node.id);
    this.#replicasOf = ({ entry, quorum }) => {
      const hash = hashKey(entry.bytes, entry.keyStart, entry.keyEnd);
      return preferenceList(hash, this.#nodeIds, quorum.replicaCount);
    };
  }

  /** How many frames wait for replies. */
  get pendingFrames(): number {
    return this.#tasks.length;
  }

  /**
   * Coordinates the operations of a frame that has waited for so long since the main thread let go of it; past the deadline
   * none is begun. Resolves when all of them have an outcome, to the outcomes that have not left already. Rejects with
   * `corrupt-frame`.
   */
  coordinate(bytes: Buffer, waitedMs = 0): Promise<Buffer | undefined> {
    const { timeoutMs, versions } = this.#options;
    return new Promise((resolve) => {
      if (waitedMs < timeoutMs) this.#begin(bytes, waitedMs, resolve);
      else resolve(refuseLateFrame(bytes, versions.newest));
    });
  }

  close(): void {
    this.#stopTicking?.();
  }

  #begin(bytes: Buffer, waitedMs: number, end: Task['end']): void {
    const { time, timeoutMs, versions, readRepair, sequential, topology } = this.#options;
    const now = time.now();
    const frame = new PendingFrame(readEntries(bytes), {
      deadlineAt: now + timeoutMs - waitedMs,
      versions,
      readRepair,
      self: topology.selfIndex,
      inTurn: sequential ? this.#replicasOf : undefined,
    });
    const task = { frame, trace: this.waits?.trace(frame.operations, now), end };
    this.#tasks.push(task);
    this.#stopTicking ??= time.after(TICK_MS, () => this.#tick());
    if (sequential) this.#goOn(task);
    else this.#askAll(task, bytes);
  }

  /** Peers first, this node's own replica last: the peers work while this thread is in its transaction. */
  #askAll(task: Task, bytes: Buffer): void {
    const mine = this.#isForAllNodes(task.frame) ? this.#askEveryPeer(task, bytes) : this.#askReplicas(task);
    if (this.#options.turn === undefined) for (const peer of this.#options.peers) peer?.flush();
    else this.#options.turn.schedule();
    if (mine.length > 0) this.#askSelf(task, mine);
  }

  #isForAllNodes({ operations }: PendingFrame): boolean {
    return operations.every(({ quorum }) => quorum.replicaCount === this.#nodeIds.length);
  }

  /** Where the whole cluster is the replica set, the frame goes to every peer as it came. */
  #askEveryPeer(task: Task, bytes: Buffer): readonly PendingOperation[] {
    const { operations } = task.frame;
    for (const node of this.#nodeIds.keys()) {
      if (node !== this.#options.topology.selfIndex) this.#askPeer(task, node, operations, bytes);
    }
    return operations;
  }

  #askReplicas(task: Task): PendingOperation[] {
    const mine: PendingOperation[] = [];
    for (const operation of task.frame.operations) {
      for (const node of this.#replicasOf(operation)) {
        if (node === this.#options.topology.selfIndex) mine.push(operation);
        else this.#askPeer(task, node, [operation], entryView(operation.entry));
      }
    }
    return mine;
  }

  /** Asks one replica for one operation now, by an entry that is the operation's own or its `largeRead`. */
  #askOne(task: Task, node: number, operation: PendingOperation, entry: Entry): void {
    if (node === this.#options.topology.selfIndex) return this.#askSelf(task, [operation], [entry]);
    this.#askPeer(task, node, [operation], entryView(entry), isLargeRead(entry));
    this.#options.peers[node]?.flush();
    return undefined;
  }

  #askPeer(task: Task, node: number, operations: readonly PendingOperation[], bytes: Buffer, isLarge = false): void {
    const onReplies: Segment['onReplies'] = (replies, start) => this.#take(task, node, operations, replies, start);
    const onFailed = (): void => this.#take(task, node, operations, undefined, 0);
    const marks = task.trace?.askPeer(node, operations);
    this.#options.peers[node]?.submit({ bytes, count: operations.length, onReplies, onFailed, marks, isLarge });
  }

  #askSelf(
    task: Task,
    operations: readonly PendingOperation[],
    entries: readonly Entry[] = operations.map((operation) => operation.entry),
  ): void {
    const self = this.#options.topology.selfIndex;
    const marks = task.trace?.askSelf(self, operations);
    const respond = (bytes: Buffer): void => {
      if (marks !== undefined) marks.repliedAt = this.#options.time.now();
      this.#take(task, self, operations, readReplies(bytes), 0);
    };
    this.#options.replica.submit(entries, respond, marks);
  }

  /** Takes one node's replies to some of a frame's operations; without `replies` the node could not be asked. */
  #take(
    task: Task,
    node: number,
    operations: readonly PendingOperation[],
    replies: readonly Reply[] | undefined,
    start: number,
  ): void {
    for (let index = 0; index < operations.length; index++) {
      const operation = operations[index] as PendingOperation;
      const reply = replies === undefined ? failedReply : (replies[start + index] as Reply);
      if (operation.state !== 'pending') this.lateReplies++;
      const wasAsked = operation.asked !== undefined;
      this.#act(task, operation, task.frame.take(operation, node, reply));
      if (wasAsked && operation.asked === undefined) this.#readLarge(this.#largeReads.end(operation));
    }
    task.trace?.leaving(node);
    this.#goOn(task);
  }

  #act(task: Task, operation: PendingOperation, decision: Decision): void {
    if (decision.do === 'ask-large') {
      const { node, bytes } = decision;
      this.#readLarge(this.#largeReads.ask({ task, operation, node, bytes }));
    } else if (decision.do === 'repair') {
      const { topology, replica, peers, turn } = this.#options;
      repair(operation, decision, { self: topology.selfIndex, replica, peers });
      this.repairs += decision.nodes.length;
      turn?.schedule();
    }
  }

  #readLarge(reads: readonly LargeValueRead[]): void {
    for (const { task, node, operation } of reads) this.#askOne(task, node, operation, largeRead(operation.entry));
  }

  /** Lets leave what has settled, and in mode `sync` asks the next replica. */
  #goOn(task: Task): void {
    const next = task.frame.next();
    this.#leave(task);
    if (next !== undefined) this.#askOne(task, next.node, next.operation, next.operation.entry);
  }

  #leave({ frame, end }: Task): void {
    const leaving = frame.leave();
    if (leaving.do === 'end-task') end(leaving.outcomes);
    else if (leaving.do === 'send-ahead') this.#options.sendOutcomes(leaving.outcomes);
  }

  /** Frames have the same time to live, so the oldest stands first: what is complete or overdue leaves. */
  #tick(): void {
    const { time, peers } = this.#options;
    const now = time.now();
    for (const peer of peers) peer?.expire(now);
    const overdue: PendingOperation[] = [];
    let gone = 0;
    for (const task of this.#tasks) {
      if (!task.frame.complete) {
        if (!task.frame.expire(now)) break;
        overdue.push(...task.frame.operations);
        task.trace?.leaving(undefined);
        this.#leave(task);
      }
      gone++;
    }
    this.#tasks.splice(0, gone);
    this.#readLarge(this.#largeReads.endAll(overdue));
    this.#stopTicking = this.#tasks.length > 0 ? time.after(TICK_MS, () => this.#tick()) : undefined;
  }
}
