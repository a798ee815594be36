/**
 * The write-ahead log of one owner: what a replica acknowledges is appended here, and sorted into LMDB later, a segment at
 * a time (checkpoint.ts). As etcd, Bitcask and the trees of the LSM kind do it: append first, sort later.
 *
 *   append ... append, flush:  one group, one `write`; at durability `fsync` one `fdatasync`, one at a time: what comes
 *                              meanwhile is the next group.
 *   a segment is full:         the next one takes over; the full one is handed to `onSealed` as soon as all of it is durable,
 *                              and its file is used again after `release`.
 *
 * At durability `commit` a group is durable once it is written, and the log is synced once a second. A log that has
 * nothing to do appends an empty group that says up to where it is synced, so that damage below can be told from a write
 * that a crash cut off (src/formats/log.ts).
 *
 * A failed sync leaves nobody knowing what is on the disk (the kernel forgets the pages): it is given to `onFatal`, no group
 * ends any more, and the node must end. A full disk fails the group and nothing else.
 */
import { Buffer } from 'node:buffer';
import {
  encodeSegmentHeader,
  GROUP_HEADER_BYTES,
  groupStart,
  logEntryBytes,
  sealGroup,
  SEGMENT_HEADER_BYTES,
  writeLogEntry,
  type EntryPlace,
  type SegmentHeader,
} from '../../src/formats/log.ts';
import type { Durability } from '../../src/domain/modes.ts';
import type { LogFile, LogFiles } from './log-files.ts';
import { LogMeasures } from './log-measures.ts';
import { begunUpTo, emptyGroup, findInGroups, type Group, type GroupEnd, type Segment } from './log-group.ts';
import type { TableKey } from './key-table.ts';
import type { LoggedEntry } from './memtable.ts';
import { isFull, SpareFile } from './spare-file.ts';

export interface LogOptions {
  readonly files: LogFiles;
  readonly owner: number;
  readonly durability: Durability;
  /** Length of a segment's file. */
  readonly segmentBytes: number;
  /** Bound of all segments that are not checkpointed, the one that is being filled included. */
  readonly memtableBytesMax: number;
  /** Where the log goes on: behind all segments that were found at the start. */
  readonly next: LogEnd;
  /** How many of those are not checkpointed yet; `release` will be called for each. */
  readonly waiting: number;
  /** A group has ended: its entries are durable (`durable`), or nothing of them is in the log (`full`). */
  readonly onGroup: (group: Group, end: GroupEnd) => void;
  /** All of a full segment is durable: it can be checkpointed. */
  readonly onSealed: (segment: Segment) => void;
  /** There may be room again after `room` said that there is none. */
  readonly onRoom: () => void;
  readonly onFatal: (error: unknown) => void;
}

/** Where a log ends. */
export interface LogEnd {
  readonly sequence: number;
  readonly base: number;
  /** The greatest number that a file of the owner has. */
  readonly fileNumber: number;
}

/** `wait`: `onRoom` will be called when that changes. `full`: the disk has no room. */
export type Room = 'yes' | 'wait' | 'full';

/** When a log is idle for so long it appends how far it is synced; milliseconds. */
const MARK_AFTER_MS = 100;
/** Time between two syncs at durability `commit`, milliseconds. */
const COMMIT_SYNC_MS = 1000;
export class Log {
  readonly measures = new LogMeasures();
  readonly #options: LogOptions;
  readonly #spare: SpareFile;
  /** The one that is being filled; none before the first entry. */
  #segment: Segment | undefined;
  /** Segments that are not checkpointed, that one included. */
  #segments: number;
  /** Full ones that are not durable yet, the oldest first. */
  #sealed: Segment[] = [];
  /** The group that `append` fills: in the segment's image from `#start` to `#end`. */
  #group: Group = emptyGroup(undefined);
  #start: number;
  #end: number;
  /** Those that a full disk kept out of the log; the next `flush` ends them, so that `settle` hears of it. */
  #refused: Group[] = [];
  /** Written and not durable: those that the next sync takes, and those that the one under way does. */
  #written: Group[] = [];
  #syncing: Group[] = [];
  readonly #unsyncedFiles = new Set<LogFile>();
  #isSyncing = false;
  #lastSync: Promise<void> = Promise.resolve();
  /** Positions: up to where everything is on the disk, behind the last entry, and the greatest that a group calls synced. */
  #synced: number;
  #entriesEnd: number;
  #told: number;
  /** The image of a segment that was released. */
  #freeImage: Buffer | undefined;
  #isEnding = false;
  #isFailed = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: LogOptions) {
    const { next, segmentBytes, waiting, files, owner, onRoom } = options;
    this.#options = options;
    this.#segments = waiting;
    this.#start = this.#end = segmentBytes;
    this.#synced = this.#entriesEnd = this.#told = next.base;
    const { fileNumber } = next;
    const onFatal = (error: unknown): void => this.#fail(error);
    this.#spare = new SpareFile({ files, owner, bytes: segmentBytes, fileNumber, onChange: onRoom, onFatal });
  }

  /**
   * Starts a log. `recycled` are files of a segment's length that nothing is needed of any more. Resolves when there is a
   * file for the first segment, or no room for one.
   */
  static async open(options: LogOptions, recycled: readonly LogFile[]): Promise<Log> {
    const log = new Log(options);
    for (const file of recycled) log.#spare.recycle(file);
    log.#makeSpare();
    await log.#spare.making;
    return log;
  }

  /** Bytes of the log that are not checkpointed. */
  get bytesHeld(): number {
    const { segmentBytes } = this.#options;
    return this.#segment === undefined
      ? this.#segments * segmentBytes
      : (this.#segments - 1) * segmentBytes + this.#end;
  }

  /** Whether `append` takes entries of so many bytes now; those of one segment at most. */
  room(bytes: number): Room {
    if (this.#isFailed) return 'wait';
    if (groupStart(this.#end) + 2 * GROUP_HEADER_BYTES + bytes <= this.#options.segmentBytes) return 'yes';
    if (this.#spare.state === 'ready') return 'yes';
    return this.#spare.state === 'full' ? 'full' : 'wait';
  }

  /**
   * Adds an entry to the group that the next `flush` writes. `source` holds the key and the record behind it. False where
   * there is no room after all.
   */
  append(source: Buffer, place: EntryPlace): boolean {
    const bytes = logEntryBytes(place.keyEnd - place.keyStart, place.end - place.keyEnd);
    const fits = groupStart(this.#end) + GROUP_HEADER_BYTES + bytes <= this.#options.segmentBytes;
    if (!fits && !this.rotate()) return false;
    if (this.#group.offsets.length === 0) this.#openGroup();
    const { segment, offsets } = this.#group;
    offsets.push(this.#end);
    this.#end = writeLogEntry((segment as Segment).image, this.#end, source, place);
    return true;
  }

  /** The groups that have not ended, the one that `append` fills among them if it holds anything. */
  unended(): Group[] {
    const groups = [...this.#syncing, ...this.#written, ...this.#refused];
    if (this.#group.offsets.length > 0) groups.push(this.#group);
    return groups;
  }

  /** The newest entry under a key in the groups that have not ended. */
  findUnended(key: TableKey): LoggedEntry | undefined {
    // Before a group ends others seldom follow it, so all but the first are empty or short.
    return findInGroups([[this.#group], this.#refused, this.#written, this.#syncing], key);
  }

  /** Writes what was appended and makes it durable: before this returns, or by a sync that starts now or after another. */
  flush(): void {
    const isCommit = this.#options.durability === 'commit';
    if (isCommit || !this.#isSyncing) this.#writeGroup();
    if (this.#isFailed) return;
    this.#endRefused();
    if (isCommit) {
      this.#endGroups(this.#takeWritten());
      this.#schedule(COMMIT_SYNC_MS);
    } else if (!this.#isSyncing) {
      if (this.#written.length > 0) this.#lastSync = this.#sync();
      else this.#endGroups([]);
    }
  }

  /**
   * The segment is full, or to be ended early: what is in the group is written there, and the spare file is the next one.
   * False where there is none, or the disk has no room for its header.
   */
  rotate(): boolean {
    const { file } = this.#spare;
    if (file === undefined || this.#isFailed) return false;
    this.#writeGroup();
    if (this.#isFailed) return false;
    const full = this.#segment;
    try {
      this.#segment = this.#begin(file, this.#nextPlace(full));
    } catch (error) {
      if (!isFull(error)) this.#fail(error);
      return false;
    }
    this.#group = emptyGroup(this.#segment);
    this.#start = this.#end = SEGMENT_HEADER_BYTES;
    this.#segments++;
    if (full !== undefined) this.#sealed.push(full);
    this.#spare.taken();
    this.#makeSpare();
    return true;
  }

  /**
   * A segment's entries are in LMDB: its file can be used again, and the memory of its image where nobody reads it any more:
   * memory that comes new for each segment costs page faults, and garbage collections that look for what can go.
   */
  release(file: LogFile, image?: Buffer): void {
    this.#segments--;
    if (image?.length === this.#options.segmentBytes) this.#freeImage = image;
    this.#unsyncedFiles.delete(file);
    // A sync that is under way, that of `end` too, may be this file's, which must not be closed then.
    const reuse = (): void => {
      this.#spare.recycle(file);
      this.#makeSpare();
    };
    this.#lastSync.then(reuse, () => {});
  }

  /**
   * Makes all of the log durable and hands over the segment that is being filled, for the checkpoint at a stop; nothing may be
   * appended any more. Rejects where the disk fails.
   */
  async end(): Promise<Segment | undefined> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    await this.#spare.end();
    // At durability `fsync` a sync that ends starts the next one where something was appended meanwhile.
    while (this.#isSyncing && !this.#isFailed) await this.#lastSync;
    this.#writeGroup();
    if (this.#isFailed) throw new Error('the log cannot be written');
    const groups = this.#takeWritten();
    this.#lastSync = this.#syncFiles();
    await this.#lastSync;
    this.#endRefused();
    this.#endGroups(groups);
    const last = this.#segment;
    this.#segment = undefined;
    return last;
  }

  /** Closes the spare file; after `end`. */
  close(): void {
    this.#spare.file?.close();
  }

  #begin(file: LogFile, place: Pick<SegmentHeader, 'sequence' | 'base' | 'previousEnd'>): Segment {
    const { owner, segmentBytes, next } = this.#options;
    file.write(encodeSegmentHeader({ owner, segmentBytes, runStart: next.base, ...place }), 0);
    this.#unsyncedFiles.add(file);
    return { file, sequence: place.sequence, base: place.base, image: this.#takeImage() };
  }

  #takeImage(): Buffer {
    const image = this.#freeImage ?? Buffer.allocUnsafeSlow(this.#options.segmentBytes);
    this.#freeImage = undefined;
    return image;
  }

  #nextPlace(full: Segment | undefined): Pick<SegmentHeader, 'sequence' | 'base' | 'previousEnd'> {
    const { next, segmentBytes } = this.#options;
    if (full === undefined) return { sequence: next.sequence, base: next.base, previousEnd: next.base };
    return { sequence: full.sequence + 1, base: full.base + segmentBytes, previousEnd: full.base + this.#end };
  }

  /** Has the next file made ahead of its need, if `memtableBytesMax` allows one more segment. */
  #makeSpare(): void {
    const { segmentBytes, memtableBytesMax } = this.#options;
    if (!this.#isEnding && (this.#segments + 1) * segmentBytes <= memtableBytesMax) this.#spare.make();
  }

  /** The disk failed: nothing is durable any more that is not so already. */
  #fail(error: unknown): void {
    if (this.#isFailed) return;
    this.#isFailed = true;
    clearTimeout(this.#timer);
    this.#options.onFatal(error);
  }

  #openGroup(): void {
    this.#start = groupStart(this.#end);
    this.#end = this.#start + GROUP_HEADER_BYTES;
  }

  #writeGroup(): void {
    const group = this.#group;
    if (group.segment === undefined || group.offsets.length === 0) return;
    this.#group = emptyGroup(group.segment);
    group.startedAt = performance.now();
    const isWritten = this.#write(group.segment, group.offsets.length);
    group.writtenAt = performance.now();
    (isWritten ? this.#written : this.#refused).push(group);
  }

  /** Writes the bytes of the group that is open; false where there is no room for them, and the group's place is free. */
  #write({ image, base, file }: Segment, entries: number): boolean {
    const [start, end] = [this.#start, this.#end];
    sealGroup(image, start, end, { position: base + start, synced: this.#synced, entries });
    try {
      file.write(image.subarray(start, end), start);
    } catch (error) {
      this.#end = start;
      if (!isFull(error)) this.#fail(error);
      return false;
    }
    this.#told = this.#synced;
    this.#unsyncedFiles.add(file);
    this.measures.bytes += end - start;
    if (entries === 0) return true;
    this.#entriesEnd = base + end;
    this.measures.groupWrites.observe(entries);
    return true;
  }

  #takeWritten(): Group[] {
    const groups = this.#written;
    this.#written = [];
    return groups;
  }

  #endRefused(): void {
    for (const group of this.#refused.splice(0)) this.#endGroup(group, 'full');
  }

  #endGroups(groups: readonly Group[]): void {
    for (const group of groups) this.#endGroup(group, 'durable');
    while (this.#sealed.length > 0) {
      const oldest = this.#sealed[0] as Segment;
      if ([...this.#written, ...this.#syncing].some(({ segment }) => segment === oldest)) return;
      this.#sealed.shift();
      this.#options.onSealed(oldest);
    }
  }

  #endGroup(group: Group, end: GroupEnd): void {
    this.#options.onGroup(group, end);
    for (const onEnd of group.ends) onEnd(end, group);
  }

  async #sync(): Promise<void> {
    this.#isSyncing = true;
    this.#syncing = this.#takeWritten();
    const end = this.#entriesEnd;
    const begun = begunUpTo(this.#segment, end);
    try {
      await this.#syncFiles();
      await this.#options.files.noteBegun(this.#options.owner, begun, end);
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#isFailed) return undefined;
    this.#isSyncing = false;
    this.#synced = end;
    this.#endGroups(this.#syncing.splice(0));
    // What else arrives in this turn goes with the next sync, too.
    if (this.#options.durability === 'fsync') setImmediate(() => void (this.#isEnding || this.flush()));
    return this.#schedule(this.#synced < this.#entriesEnd ? COMMIT_SYNC_MS : MARK_AFTER_MS);
  }

  async #syncFiles(): Promise<void> {
    const started = performance.now();
    const files = [...this.#unsyncedFiles];
    this.#unsyncedFiles.clear();
    await Promise.all(files.map((file) => file.sync()));
    this.measures.syncs += files.length;
    this.measures.syncSeconds.observe((performance.now() - started) / 1000);
  }

  /** Later, unless that is under way: the sync of durability `commit`, and the word of how far the log is synced. */
  #schedule(afterMs: number): void {
    if (this.#timer !== undefined || this.#isEnding || this.#isFailed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, afterMs);
    this.#timer.unref();
  }

  #look(): void {
    if (this.#isSyncing || this.#group.offsets.length > 0) return;
    if (this.#synced < this.#entriesEnd) this.#lastSync = this.#sync();
    else if (this.#told < this.#entriesEnd) this.#tellSynced();
  }

  #tellSynced(): void {
    if (this.#segment === undefined || groupStart(this.#end) + GROUP_HEADER_BYTES > this.#options.segmentBytes) return;
    this.#openGroup();
    this.#write(this.#segment, 0);
    this.#options.files.noteSynced(this.#options.owner, this.#synced);
  }
}
