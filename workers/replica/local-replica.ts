/**
 * This node's replica: executes operations against the store, for the coordinator in the same thread and for peers.
 *
 * In mode `batched` everything that one event-loop turn brings goes into one group of the log, whoever asked; in the other
 * modes each frame is executed as it comes. Frames that write are answered when all of them is as durable as the durability
 * says; frames that only read do not wait for that. While the log has no room, since LMDB cannot keep up, writes wait here.
 *
 * Large values are written and read in steps beside all that, a bounded number of them at a time; a read among others is
 * only told of one, and comes again for it by itself, so that no answer is much longer than one record.
 */
import type { Buffer } from 'node:buffer';
import {
  isAnnounceOnly,
  isSecondRound,
  isLargeRead,
  isRepair,
  keyOf,
  recordOf,
  type Entry,
} from '../../src/formats/frame.ts';
import { operationKinds, replyCodes } from '../../src/formats/codes.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { isLargeRecord, readVersion, type Version } from '../../src/formats/record.ts';
import { FrameWriter, REPLY_HEADER_BYTES } from '../../src/formats/reply.ts';
import { runMarks, type OnRun, type ReplicaMarks, type RunMarks } from '../../src/waits/wait-marks.ts';
import { versionMax } from '../../src/domain/version.ts';
import type { SeenVersions, VersionWindow } from '../ground/seen-versions.ts';
import type { Standing } from '../ground/standing.ts';
import { Semaphore } from '../ground/semaphore.ts';
import type { Settled } from '../store/logged-writes.ts';
import type { Store } from '../store/store.ts';
import type { Merged } from '../store/wins.ts';
import type { Turn } from '../../src/domain/turn.ts';

/** Codes of a write that is refused for what it is. */
export type RefusedWrite = typeof replyCodes.failed | typeof replyCodes.refusedClock;

/** Takes the reply frame to the entries that were submitted. */
export type Respond = (replies: Buffer) => void;

interface Batch {
  readonly entries: readonly Entry[];
  readonly respond: Respond;
  /** Where somebody wants to know what the batch waited for. */
  readonly marks: ReplicaMarks | undefined;
  /** What came of its writes so far, and the index of the first entry that was not looked at. */
  readonly merged: Merged[];
  next: number;
}

/** What a replica needs of its store; a simulation has one of its own. */
export type ReplicaStore = Pick<
  Store,
  'room' | 'paceMs' | 'whenRoom' | 'merge' | 'mergeLarge' | 'settle' | 'read' | 'readLarge' | 'floorOf'
>;

export interface LocalReplicaOptions {
  readonly store: ReplicaStore;
  readonly versions: SeenVersions;
  readonly standing: Standing;
  /** Batches of one turn go together; without it each batch is executed at once. */
  readonly turn: Turn | undefined;
  /** A write was not taken for what it is: its checksum does not match (`failed`), or it is not stamped about now. */
  readonly onRefused: (code: RefusedWrite) => void;
  /** Whether the log has had no room for some time: the node is to refuse writes before anything is done. */
  readonly onBehind: (isBehind: boolean) => void;
  /** The store failed; the node must stop. */
  readonly onFatal: (error: unknown) => void;
}

/** Large values being written or read at a time; each may hold its whole size in memory. */
const LARGE_AT_ONCE_MAX = 8;
/** An answer that is as long as this takes no further records: they are announced, and come from one replica each. */
export const ANSWER_BYTES_MAX = 1024 * 1024;
/** How long writes may wait for room in the log before the node refuses further ones, milliseconds. */
const BEHIND_AFTER_MS = 100;
/** About what the answer to a read takes; that to a write is a code. */
const READ_REPLY_BYTES = 96;
/** Writes of one run, bytes: what goes past it waits for the next turn. */
const RUN_BYTES_MAX = 2 * 1024 * 1024;

export class LocalReplica {
  /** How often it was asked. */
  batches = 0;
  /** Set while somebody records waits. */
  onRun: OnRun | undefined;
  /** Told of each repair and hint that was taken, with its version. */
  onRepaired: ((version: Version) => void) | undefined;
  readonly #options: LocalReplicaOptions;
  readonly #large = new Semaphore(LARGE_AT_ONCE_MAX);
  #reading: Batch[] = [];
  #writing: Batch[] = [];
  /** Why writes are not merged now: the log has no room, or is to fill more slowly. */
  #isHeldBack = false;
  #isBehind = false;
  #isRunning = false;

  constructor(options: LocalReplicaOptions) {
    this.#options = options;
  }

  /** Executes entries and gives their replies to `respond`, later in this turn, at once, or when writes are durable. */
  submit(entries: readonly Entry[], respond: Respond, marks?: ReplicaMarks): void {
    this.batches++;
    const alone = entries.length === 1 ? entries[0] : undefined;
    if (alone !== undefined && isLargeWrite(alone)) return this.#guard(this.#mergeLarge(alone, respond));
    if (alone !== undefined && isLargeRead(alone)) return this.#guard(this.#readLarge(alone, respond));
    const isWriting = entries.some(({ kind }) => kind === operationKinds.write);
    (isWriting ? this.#writing : this.#reading).push({ entries, respond, marks, merged: [], next: 0 });
    if (this.#options.turn === undefined) this.run();
    else this.#options.turn.schedule();
    return undefined;
  }

  /** Executes what waits, as far as one run and the log take it. */
  run(): void {
    // What a merge or an answer leads to at once, such as the burial of what was removed, waits for the end of this run.
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      do {
        if (this.#canWrite) this.#write();
        if (this.#reading.length > 0) this.#read();
      } while (this.#options.turn === undefined && (this.#canWrite || this.#reading.length > 0));
    } catch (error) {
      this.#options.onFatal(error);
    } finally {
      this.#isRunning = false;
    }
  }

  get #canWrite(): boolean {
    return this.#writing.length > 0 && !this.#isHeldBack;
  }

  #read(): void {
    const batches = this.#reading;
    this.#reading = [];
    const marks = this.#startMarks(batches);
    if (marks !== undefined) this.onRun?.(marks);
    for (const batch of batches) this.#answer(batch, 'durable');
  }

  #write(): void {
    const { store } = this.#options;
    const run: Batch[] = [];
    const marks = this.#startMarks(this.#writing);
    for (let bytes = 0; bytes < RUN_BYTES_MAX;) {
      const batch = this.#writing[0];
      if (batch === undefined) break;
      bytes += this.#merge(batch);
      if (batch.next < batch.entries.length) break;
      run.push(batch);
      this.#writing.shift();
    }
    this.#options.versions.reportIfAhead();
    store.settle((settled) => {
      if (marks !== undefined) this.onRun?.(marks);
      for (const batch of run) this.#answer(batch, settled);
    }, marks);
    this.#goOn();
  }

  /** Merges a batch's writes from where it stands, up to its end or as far as the log has room; returns their bytes. */
  #merge(batch: Batch): number {
    const { store, versions } = this.#options;
    const window = versions.window();
    let bytes = 0;
    for (; batch.next < batch.entries.length; batch.next++) {
      const entry = batch.entries[batch.next] as Entry;
      if (entry.kind !== operationKinds.write) continue;
      const room = store.room(entry.length);
      if (room === 'wait') return bytes;
      const { newest } = versions;
      if (!isTaken(entry, window)) {
        batch.merged.push(replyCodes.refusedClock);
        continue;
      }
      const merged = room === 'yes' ? store.merge(entry, newest) : replyCodes.full;
      this.#see(entry, merged);
      this.#noteRepair(entry, merged);
      batch.merged.push(this.#toldOf(entry, merged));
      bytes += entry.length;
    }
    return bytes;
  }

  #noteRepair(entry: Entry, merged: Merged): void {
    if (merged !== replyCodes.applied || this.onRepaired === undefined || !isRepair(entry)) return;
    this.onRepaired(readVersion(entry.bytes, entry.keyEnd));
  }

  /**
   * What a write is told: below the floor it is stored, but nobody knows here whether it is the newest. One that finds a newer
   * record is told the floor, too, so that its second round comes above both.
   */
  #toldOf(entry: Entry, merged: Merged): Merged {
    const floor = this.#options.standing.floor();
    if (floor === 0 || !isBelow(merged, floor)) return merged;
    if (isRepair(entry) || readVersion(entry.bytes, entry.keyEnd) >= floor) return merged;
    return { version: floor, nodeId: 0 };
  }

  /**
   * Sees the version of a write that the store has checked: one with a wrong checksum may say anything, and whatever is seen this
   * node stamps above.
   */
  #see(entry: Entry, merged: Merged): void {
    const isChecked = typeof merged !== 'number' || merged === replyCodes.applied || merged === replyCodes.damaged;
    if (isChecked) this.#options.versions.seeRecord(entry.bytes, entry.keyEnd);
  }

  /** Goes on with what the run left: in the next turn, or when the log has room, or later where it is to fill more slowly. */
  #goOn(): void {
    const { store, turn } = this.#options;
    if (this.#writing.length === 0 && store.paceMs === 0) return;
    const goOn = (): void => {
      this.#isHeldBack = false;
      if (turn === undefined) this.run();
      else turn.schedule();
    };
    const next = this.#writing[0]?.entries[this.#writing[0].next];
    const isStuck = next !== undefined && store.room(next.length) === 'wait';
    this.#isHeldBack = true;
    if (isStuck) this.#waitForRoom(goOn);
    else if (store.paceMs > 0) setTimeout(goOn, store.paceMs);
    else goOn();
  }

  #waitForRoom(goOn: () => void): void {
    const timer = setTimeout(() => this.#setBehind(true), BEHIND_AFTER_MS);
    this.#options.store.whenRoom(() => {
      clearTimeout(timer);
      this.#setBehind(false);
      goOn();
    });
  }

  #setBehind(isBehind: boolean): void {
    if (isBehind !== this.#isBehind) this.#options.onBehind(isBehind);
    this.#isBehind = isBehind;
  }

  /** One run's marks, for all of its batches that have any. */
  #startMarks(batches: readonly Batch[]): RunMarks | undefined {
    if (this.onRun === undefined && !batches.some(({ marks }) => marks !== undefined)) return undefined;
    const run = runMarks(performance.now());
    for (const { marks } of batches) if (marks !== undefined) marks.run = run;
    return run;
  }

  #answer({ entries, respond, merged }: Batch, settled: Settled): void {
    const reads = entries.length - merged.length;
    const writer = new FrameWriter(reads * READ_REPLY_BYTES + merged.length * REPLY_HEADER_BYTES);
    let index = 0;
    for (const entry of entries) {
      if (entry.kind !== operationKinds.write) this.#readOne(entry, writer);
      else this.#tell(settledAs(merged[index++] as Merged, settled), writer);
    }
    respond(writer.finish());
  }

  #tell(merged: Merged, writer: FrameWriter): void {
    if (typeof merged !== 'number') {
      // What was damaged is not newer than anything that this replica has seen.
      return writer.replySuperseded(merged.version ?? this.#options.versions.newest, merged.nodeId);
    }
    if (merged === replyCodes.failed || merged === replyCodes.refusedClock) this.#options.onRefused(merged);
    return writer.reply(merged);
  }

  /** Reads a small record, or tells of a large one. */
  #readOne(entry: Entry, writer: FrameWriter): void {
    const record = this.#options.store.read(keyOf(entry));
    const votes = this.#votes(entry);
    if (record === undefined) return this.#replyNothing(entry, votes, writer);
    if (record === 'damaged') return writer.reply(replyCodes.damaged);
    const announcing = votes ? replyCodes.large : replyCodes.recoveringLarge;
    if ('recordBytes' in record) return writer.replyLarge(record.header, record.recordBytes, announcing);
    const announces = writer.length > ANSWER_BYTES_MAX || isAnnounceOnly(entry);
    if (announces) return writer.replyLarge(record, record.length, announcing);
    return writer.replyRecord(record, record.length, votes ? replyCodes.record : replyCodes.recoveringRecord);
  }

  #replyNothing(entry: Entry, votes: boolean, writer: FrameWriter): void {
    if (votes) writer.replyAbsent(this.#options.store.floorOf(entry));
    else writer.reply(replyCodes.recovering);
  }

  /** Whether what this replica says of the entry's key is a vote. */
  #votes({ bytes, keyStart, keyEnd }: Entry): boolean {
    const { standing } = this.#options;
    return standing.isWhole || standing.votes(hashKey(bytes, keyStart, keyEnd));
  }

  async #readLarge(entry: Entry, respond: Respond): Promise<void> {
    const record = await this.#large.run(() => this.#options.store.readLarge(keyOf(entry)));
    const writer = new FrameWriter(0);
    const votes = this.#votes(entry);
    if (record === undefined) this.#replyNothing(entry, votes, writer);
    else if (record === 'damaged') writer.reply(replyCodes.damaged);
    // Somebody wants to know whether it is whole, and not what it is.
    else if (isAnnounceOnly(entry))
      writer.replyLarge(record, record.length, votes ? replyCodes.large : replyCodes.recoveringLarge);
    else writer.replyOwnRecord(record, votes ? replyCodes.record : replyCodes.recoveringRecord);
    respond(writer.finish());
  }

  async #mergeLarge(entry: Entry, respond: Respond): Promise<void> {
    const { store, versions } = this.#options;
    const { newest } = versions;
    const merged = isTaken(entry, versions.window())
      ? await this.#large.run(() => store.mergeLarge(entry, newest))
      : replyCodes.refusedClock;
    this.#see(entry, merged);
    versions.reportIfAhead();
    this.#noteRepair(entry, merged);
    const writer = new FrameWriter(0);
    this.#tell(this.#toldOf(entry, merged), writer);
    respond(writer.finish());
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.#options.onFatal(error));
  }
}

/** What a write is told when its group has ended: what stands in its way may be of that group, too. */
function settledAs(merged: Merged, settled: Settled): Merged {
  const isStored = typeof merged !== 'number' || merged === replyCodes.applied;
  return settled === 'full' && isStored ? replyCodes.full : merged;
}

function isLargeWrite(entry: Entry): boolean {
  return entry.kind === operationKinds.write && isLargeRecord(recordOf(entry).length);
}

/**
 * Whether the version of a write is one to take. One that some replica holds already is taken, whenever it was stamped; one of now is
 * judged, in a second round only by its age, since it is stamped above what some replica holds.
 */
function isTaken(entry: Entry, { floor, ceiling }: VersionWindow): boolean {
  const version = readVersion(entry.bytes, entry.keyEnd);
  if (isRepair(entry)) return version <= versionMax;
  return version >= floor && version <= (isSecondRound(entry) ? versionMax : ceiling);
}

/** Whether a write was applied, or lost against a record that is older than the floor. */
function isBelow(merged: Merged, floor: Version): boolean {
  if (typeof merged === 'number') return merged === replyCodes.applied;
  return merged.version !== undefined && merged.version < floor;
}
