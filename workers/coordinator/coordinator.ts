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
import { operationKinds, replyCodes } from '../../src/formats/codes.ts';
import { entryView, isLargeRead, keyOf, largeRead, readEntries, type Entry } from '../../src/formats/frame.ts';
import type { Version } from '../../src/formats/record.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import { failedReply, readReplies, type Reply } from '../../src/formats/reply.ts';
import type { CoordinatorWaits, FrameTrace } from '../../src/waits/wait-marks.ts';
import type { Segment } from '../peers/segment-queue.ts';
import type { CoordinatorOptions } from './coordinator-options.ts';
import { refuseLateFrame } from './late-frame.ts';
import { DamagedKeys } from './damaged-keys.ts';
import type { FaultRules } from './faults.ts';
import { LargeReads } from './large-reads.ts';
import { PendingFrame, type Decision } from './pending-frame.ts';
import type { PendingOperation, Round } from './pending-operation.ts';
import { Repairs } from './read-repair.ts';
import type { Repair } from './repair.ts';
import { sealAgain } from './stamps.ts';

/** How often deadlines are looked at. An outcome can be this much late, and no more. */
const TICK_MS = 25;

/** How long a read whose votes disagree waits for a vote that is on its way: about a round trip under load. */
const VOTE_WAIT_MS = 5;

/** A frame and what hangs on it. */
interface Task {
  readonly frame: PendingFrame;
  readonly beganAt: number;
  /** Set where somebody records what the frame waits for. */
  readonly trace: FrameTrace<PendingOperation> | undefined;
  /** Ends the task, with the outcomes that have not left already. */
  readonly end: (outcomes: Buffer | undefined) => void;
}

/** What a peer is asked for some operations. */
interface Asking {
  readonly bytes: Buffer;
  readonly round: Round;
  readonly isLarge?: boolean;
}

/** What a node has said of what it was asked in a round; without `replies` it could not be asked. */
interface Told {
  readonly replies: readonly Reply[] | undefined;
  /** Where the replies begin. */
  readonly at: number;
  readonly round: Round;
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
  readonly #faults: FaultRules;
  /** The oldest first. */
  readonly #tasks: Task[] = [];
  readonly #largeReads = new LargeReads<LargeValueRead>();
  #stopTicking: (() => void) | undefined;
  /** Set while somebody records waits. */
  waits: CoordinatorWaits<PendingOperation> | undefined;
  lateReplies = 0;
  /** Writes that were stamped again. */
  secondRounds = 0;
  readonly #repairs: Repairs;
  readonly #damaged = new DamagedKeys();
  /** By index in the topology: the start that replies of the node came from last. */
  readonly #starts: (number | undefined)[] = [];

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#nodeIds = options.topology.nodes.map((node) => node.id);
    this.#replicasOf = ({ entry, quorum }) => {
      const hash = hashKey(entry.bytes, entry.keyStart, entry.keyEnd);
      return preferenceList(hash, this.#nodeIds, quorum.replicaCount);
    };
    const { topology, replica, peers, time, timeoutMs } = options;
    this.#faults = { replicasOf: this.#replicasOf, whyDown: (node) => peers[node]?.status?.error };
    this.#repairs = new Repairs({
      self: topology.selfIndex,
      replica,
      peers,
      flush: () => this.#flush(),
      now: time.now,
      rememberMs: timeoutMs,
    });
  }

  /** Records that were sent to replicas that lacked them. */
  get repairs(): number {
    return this.#repairs.count;
  }

  get staleReads(): number {
    return this.#repairs.staleReads;
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

  /** A peer's process has ended, or may have: what it acknowledged does not count for what has no outcome yet. */
  peerLost(node: number): void {
    this.#repairs.forget(node);
    for (const task of this.#tasks.slice()) {
      for (const { operation, decision } of task.frame.forget(node)) this.#act(task, operation, decision);
      this.#goOn(task);
    }
  }

  #begin(bytes: Buffer, waitedMs: number, end: Task['end']): void {
    const { time, timeoutMs, versions, readRepair, sequential, topology } = this.#options;
    const now = time.now();
    const frame = new PendingFrame(readEntries(bytes), {
      deadlineAt: now + timeoutMs - waitedMs,
      versions,
      wallMs: time.wallMs,
      readRepair,
      self: topology.selfIndex,
      inTurn: sequential ? this.#replicasOf : undefined,
      faults: this.#faults,
    });
    const task = { frame, beganAt: now, trace: this.waits?.trace(frame.operations, now), end };
    this.#tasks.push(task);
    this.#stopTicking ??= time.after(TICK_MS, () => this.#tick());
    if (sequential) this.#goOn(task);
    else this.#askAll(task, bytes);
  }

  /** Peers first, this node's own replica last: the peers work while this thread is in its transaction. */
  #askAll(task: Task, bytes: Buffer): void {
    const mine = this.#goesAsItCame(task.frame) ? this.#askEveryPeer(task, bytes) : this.#askReplicas(task);
    this.#flush();
    const first = mine.every(({ round }) => round === 'first') ? mine : mine.filter(({ round }) => round === 'first');
    if (first.length > 0) this.#askSelf(task, first);
    const others = first === mine ? [] : mine.filter(({ round }) => round !== 'first');
    if (others.length > 0) this.#askSelf(task, others);
  }

  #flush(): void {
    if (this.#options.turn === undefined) for (const peer of this.#options.peers) peer?.flush();
    else this.#options.turn.schedule();
  }

  /** Where the whole cluster is the replica set, and nothing else is to be asked first. */
  #goesAsItCame({ operations }: PendingFrame): boolean {
    return operations.every(({ quorum, round }) => quorum.replicaCount === this.#nodeIds.length && round === 'first');
  }

  /** The frame goes to every peer as it came. */
  #askEveryPeer(task: Task, bytes: Buffer): readonly PendingOperation[] {
    const { operations } = task.frame;
    for (const node of this.#nodeIds.keys()) {
      if (node !== this.#options.topology.selfIndex) this.#askPeer(task, node, operations, { bytes, round: 'first' });
    }
    return operations;
  }

  #askReplicas(task: Task): PendingOperation[] {
    const mine: PendingOperation[] = [];
    for (const operation of task.frame.operations) {
      if (this.#askPeersOf(task, operation)) mine.push(operation);
    }
    return mine;
  }

  /** Asks an operation's replicas what it asks in this round; returns whether this node is one of them, which is not asked. */
  #askPeersOf(task: Task, operation: PendingOperation): boolean {
    let isMine = false;
    const { round } = operation;
    for (const node of this.#replicasOf(operation)) {
      if (node === this.#options.topology.selfIndex) isMine = true;
      else this.#askPeer(task, node, [operation], { bytes: entryView(operation.question), round });
    }
    return isMine;
  }

  /** Asks one replica for one operation now, by what it asks or its `largeRead`. */
  #askOne(task: Task, node: number, operation: PendingOperation, entry: Entry): void {
    if (node === this.#options.topology.selfIndex) return this.#askSelf(task, [operation], [entry]);
    const { round } = operation;
    this.#askPeer(task, node, [operation], { bytes: entryView(entry), round, isLarge: isLargeRead(entry) });
    this.#options.peers[node]?.flush();
    return undefined;
  }

  #askPeer(task: Task, node: number, operations: readonly PendingOperation[], { bytes, round, isLarge }: Asking): void {
    const onReplies: Segment['onReplies'] = (replies, at, start) => {
      this.#noteStart(node, start);
      this.#take(task, node, operations, { replies, at, round });
    };
    const onFailed = (): void => this.#take(task, node, operations, { replies: undefined, at: 0, round });
    const marks = round === 'first' ? task.trace?.askPeer(node, operations) : undefined;
    const count = operations.length;
    this.#options.peers[node]?.submit({ bytes, count, onReplies, onFailed, marks, isLarge: isLarge === true });
  }

  /** Another start is another process: the one before has ended. */
  #noteStart(node: number, start: number): void {
    const known = this.#starts[node];
    if (known === start) return;
    this.#starts[node] = start;
    if (known !== undefined) this.peerLost(node);
  }

  #askSelf(
    task: Task,
    operations: readonly PendingOperation[],
    entries: readonly Entry[] = operations.map((operation) => operation.question),
  ): void {
    const self = this.#options.topology.selfIndex;
    const round = operations[0]?.round ?? 'first';
    const marks = round === 'first' ? task.trace?.askSelf(self, operations) : undefined;
    const respond = (bytes: Buffer): void => {
      if (marks !== undefined) marks.repliedAt = this.#options.time.now();
      this.#take(task, self, operations, { replies: readReplies(bytes), at: 0, round });
    };
    this.#options.replica.submit(entries, respond, marks);
  }

  /** Takes one node's replies to some of a frame's operations. */
  #take(task: Task, node: number, operations: readonly PendingOperation[], { replies, at, round }: Told): void {
    for (let index = 0; index < operations.length; index++) {
      const operation = operations[index] as PendingOperation;
      const reply = replies === undefined ? failedReply : (replies[at + index] as Reply);
      if (operation.state !== 'pending') this.lateReplies++;
      const wasAsked = operation.asked !== undefined;
      this.#noteDamage(operation, node, reply);
      this.#act(task, operation, task.frame.take(operation, node, reply, round));
      if (wasAsked) this.#letGo(operation);
    }
    task.trace?.leaving(node);
    this.#goOn(task);
  }

  /** What was read for an operation is let go once it has its outcome and nothing is being read. */
  #letGo(operation: PendingOperation): void {
    const isWaiting = operation.state === 'pending' && operation.writeBack !== undefined;
    if (operation.asked === undefined && !isWaiting) this.#readLarge(this.#largeReads.end(operation));
  }

  #act(task: Task, operation: PendingOperation, decision: Decision): void {
    switch (decision.do) {
      case 'nothing':
        return undefined;
      case 'ask-large':
        return this.#readLarge(this.#largeReads.ask({ task, operation, node: decision.node, bytes: decision.bytes }));
      case 'repair':
        return this.#repair(task, operation, decision);
      case 'wait':
        this.#options.time.after(VOTE_WAIT_MS, () => this.#happened(task, operation, task.frame.waited(operation)));
        return undefined;
      case 'hint':
        return this.#options.onMissed(operation.question, decision.nodes, decision.isHere);
      case 'stamp-again':
        return this.#stampAgain(task, operation, decision.above);
      default:
        return decision satisfies never;
    }
  }

  /** Something else than a reply has happened to an operation. */
  #happened(task: Task, operation: PendingOperation, decision: Decision): void {
    this.#act(task, operation, decision);
    if (operation.writeBack !== undefined) this.#letGo(operation);
    this.#goOn(task);
  }

  #noteDamage({ entry }: PendingOperation, node: number, { code }: Reply): void {
    const isDamaged = code === replyCodes.damaged;
    if (!isDamaged && (this.#damaged.isEmpty || code === replyCodes.failed)) return;
    if (entry.kind === operationKinds.read) this.#damaged.note(node, keyOf(entry), isDamaged, this.#options.time.now());
  }

  #repair(task: Task, operation: PendingOperation, { nodes, record, isVouched, doubting }: Repair): void {
    for (const node of nodes) {
      const needsWord =
        doubting?.includes(node) === true || this.#damaged.wasKnown(node, keyOf(operation.entry), task.beganAt);
      this.#repairs.send(node, operation, { record, isVouched: isVouched && needsWord }, (holds) => {
        this.#happened(task, operation, task.frame.wroteBack(operation, node, record, holds));
      });
    }
  }

  #stampAgain(task: Task, operation: PendingOperation, above: Version): void {
    const { stampAbove, topology, pause } = this.#options;
    stampAbove(above, (version) => {
      const nodeId = this.#nodeIds[topology.selfIndex] as number;
      if (version === undefined) this.#askAgain(task, operation, undefined);
      else
        sealAgain(operation.entry, { version, nodeId }, pause, (question) => this.#askAgain(task, operation, question));
    });
  }

  #askAgain(task: Task, operation: PendingOperation, question: Entry | undefined): void {
    if (task.frame.stamped(operation, question)) {
      const isMine = this.#askPeersOf(task, operation);
      this.#flush();
      if (isMine) this.#askSelf(task, [operation]);
    }
    if (operation.round === 'second') this.secondRounds++;
    this.#goOn(task);
  }

  #readLarge(reads: readonly LargeValueRead[]): void {
    for (const { task, node, operation } of reads) this.#askOne(task, node, operation, largeRead(operation.entry));
  }

  /** Lets leave what has settled, and in mode `sync` asks the next replica. */
  #goOn(task: Task): void {
    const next = task.frame.next();
    this.#leave(task);
    // Not left to the tick: what is let go of soon costs the collector nothing.
    while (this.#tasks[0]?.frame.complete === true) this.#tasks.shift();
    if (next !== undefined) this.#askOne(task, next.node, next.operation, next.operation.question);
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
        for (const { operation, decision } of task.frame.missedAtDeadline()) this.#act(task, operation, decision);
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
