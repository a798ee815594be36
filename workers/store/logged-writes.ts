/**
 * An owner's writes on their way into LMDB: appended to the log, after that in the memtable, and a segment at a time
 * checkpointed. One place for the four states that a write goes through:
 *
 *   append ──> pending ── settle, sync ──> durable, in a memtable layer ── segment full ──> checkpoint ──> in LMDB
 */
import type { Buffer } from 'node:buffer';
import { readSegment, readSegmentHeader, type EntryPlace } from '../../src/formats/log.ts';
import type { Version } from '../../src/formats/record.ts';
import type { Durability } from '../../src/domain/modes.ts';
import type { RunMarks } from '../../src/waits/wait-marks.ts';
import { Checkpoints, type CheckpointHold, type CheckpointMeasures, type SealedSegment } from './checkpoints.ts';
import { Log, type Room } from './log.ts';
import type { LogMeasures } from './log-measures.ts';
import type { Group, GroupEnd } from './log-group.ts';
import { parseLogFileName, type LogFiles } from './log-files.ts';
import { tableKey, type TableKey } from './key-table.ts';
import { Memtable, type LayerEntries, type LoggedEntry, type LayerSnapshot, type MemtableLayer } from './memtable.ts';
import type { Writer } from './writer.ts';
import type { ReplayedLog } from './writer-protocol.ts';

export interface LoggedWritesOptions {
  readonly files: LogFiles;
  readonly writer: Pick<Writer, 'checkpoint' | 'hurry'>;
  readonly durability: Durability;
  readonly owner: number;
  readonly logSegmentBytes: number;
  readonly memtableBytesMax: number;
  /** After so many tombstones a segment is looked at: it is checkpointed before it is full if they stand in rows. */
  readonly tombstonesMax: number;
  /** Whether such keys do (tombstone-rows.ts). */
  readonly standInRows: (tombstones: readonly Buffer[], find: (key: Buffer) => LoggedEntry | undefined) => boolean;
  /** What the replay found of this owner's log. */
  readonly found: ReplayedLog;
  /** A segment is in LMDB: reads of LMDB must see it from now on. */
  readonly onCheckpointed: () => void;
  readonly onFatal: (error: unknown) => void;
}

/** How settling ended: all is durable, or the disk had no room for some of it. */
export type Settled = GroupEnd;

/** What `open` puts together. */
interface Parts {
  readonly log: Log;
  readonly memtable: Memtable;
  readonly checkpoints: Checkpoints;
  readonly whenRoom: (() => void)[];
  readonly bytesMax: number;
  readonly rows: Pick<LoggedWritesOptions, 'tombstonesMax' | 'standInRows'>;
}

export class LoggedWrites {
  readonly #log: Log;
  readonly #memtable: Memtable;
  readonly #checkpoints: Checkpoints;
  readonly #whenRoom: (() => void)[];
  readonly #bytesMax: number;
  readonly #rows: Parts['rows'];

  private constructor({ log, memtable, checkpoints, whenRoom, bytesMax, rows }: Parts) {
    this.#log = log;
    this.#memtable = memtable;
    this.#checkpoints = checkpoints;
    this.#whenRoom = whenRoom;
    this.#bytesMax = bytesMax;
    this.#rows = rows;
  }

  /** Starts the log behind what was found of it; segments that a full disk kept out of LMDB are in the memtable. */
  static async open(options: LoggedWritesOptions): Promise<LoggedWrites> {
    const { files, found, durability, owner, logSegmentBytes, memtableBytesMax, onFatal } = options;
    const memtable = new Memtable();
    const whenRoom: (() => void)[] = [];
    const onRoom = (): void => {
      for (const call of whenRoom.splice(0)) call();
    };
    const checkpoints = new Checkpoints({
      writer: options.writer,
      onDone: ({ layer, file }) => {
        memtable.remove(layer);
        options.onCheckpointed();
        log.release(file, layer.isShown ? undefined : layer.image);
      },
      onFull: onRoom,
      onFatal,
    });
    const log = await Log.open(
      {
        files,
        owner,
        durability,
        segmentBytes: logSegmentBytes,
        memtableBytesMax,
        waiting: found.waiting.length,
        next: { sequence: found.sequence + 1, base: found.base, fileNumber: fileNumberOf(found) },
        onGroup: ({ segment, offsets }, end) => {
          if (segment !== undefined && end === 'durable') memtable.put(segment.image, offsets);
        },
        onSealed: ({ file, sequence, image }) => checkpoints.add({ file, sequence, layer: memtable.layerOf(image) }),
        onRoom,
        onFatal,
      },
      recycle(files, found, logSegmentBytes),
    );
    for (const segment of readWaiting(files, found, memtable)) checkpoints.add(segment);
    return new LoggedWrites({ log, memtable, checkpoints, whenRoom, bytesMax: memtableBytesMax, rows: options });
  }

  get measures(): { readonly log: LogMeasures; readonly checkpoints: CheckpointMeasures } {
    return { log: this.#log.measures, checkpoints: this.#checkpoints.measures };
  }

  /** Bytes of the log that are not in LMDB. */
  get bytesHeld(): number {
    return this.#log.bytesHeld;
  }

  /** Entries in the memtable. */
  get size(): number {
    return this.#memtable.size;
  }

  /** The oldest version that is not in LMDB, of what is durable; Infinity where all is. */
  get oldest(): Version {
    return this.#memtable.oldest;
  }

  /** From when on some of that can be removed; Infinity where none can. */
  get removableFrom(): Version {
    return this.#memtable.removableFrom;
  }

  /** How long to wait before the next run, milliseconds; see `paceMs`. */
  get paceMs(): number {
    return paceMs(this.#log.bytesHeld, this.#bytesMax);
  }

  /** Whether entries of so many bytes can be appended now. */
  room(bytes: number): Room {
    const room = this.#log.room(bytes);
    return room === 'wait' && this.#checkpoints.measures.isDiskFull ? 'full' : room;
  }

  /** Calls back once, when `room` may have changed. */
  whenRoom(call: () => void): void {
    this.#whenRoom.push(call);
  }

  /** Appends a record, which stands behind its key in `source`; false where the disk has no room. */
  append(source: Buffer, place: EntryPlace): boolean {
    const { newest } = this.#memtable;
    if (newest !== undefined && newest.tombstones >= this.#rows.tombstonesMax) this.#endEarly(newest);
    return this.#log.append(source, place);
  }

  /**
   * Calls `done` when everything that is appended by now has become as durable as the durability says, or cannot: before
   * this returns where nothing has to be waited for. `marks` are noted where they are given.
   */
  settle(done: (settled: Settled) => void, marks?: RunMarks): void {
    const groups = this.#log.unended();
    let left = groups.length;
    let settled: Settled = 'durable';
    const onEnd = (end: GroupEnd, group: Group): void => {
      if (end === 'full') settled = 'full';
      if (--left > 0) return;
      if (marks !== undefined) noteMarks(marks, group);
      done(settled);
    };
    for (const { ends } of groups) ends.push(onEnd);
    this.#log.flush();
    if (groups.length === 0) done('durable');
  }

  /** The newest durable record under a key that is not in LMDB yet. */
  find(key: TableKey): LoggedEntry | undefined {
    return this.#memtable.find(key);
  }

  /** The same, for merges: one that is not durable yet counts, too. */
  findNewest(key: TableKey): LoggedEntry | undefined {
    return this.#log.findUnended(key) ?? this.#memtable.find(key);
  }

  /** Prepares `snapshot` by a short step; returns whether that is short now, too. */
  order(): boolean {
    return this.#memtable.order();
  }

  /** The newest entries of what is durable and not in LMDB, as of now, the newest layer first. */
  entries(): LayerEntries[] {
    return this.#memtable.entries();
  }

  /** What is durable and not in LMDB, as of now, the newest last. */
  snapshot(): LayerSnapshot[] {
    return this.#memtable.snapshot();
  }

  /** Keeps what is written from now on out of LMDB; see `Checkpoints.hold`. */
  holdCheckpoints(): CheckpointHold {
    return this.#checkpoints.hold();
  }

  /** Brings what there is into LMDB before the segment is full, so that what the store takes is known. */
  checkpointEarly(): void {
    if (this.#memtable.size > 0) this.#checkpoints.hurry();
    if (this.#checkpoints.waiting > 0 || this.#memtable.size === 0) return;
    if (this.#log.rotate()) this.#log.flush();
  }

  /** Once a layer; while another segment is on its way there is time. */
  #endEarly(layer: MemtableLayer): void {
    const { tombstonesMax, standInRows } = this.#rows;
    if (layer.isEnded || this.#checkpoints.waiting > 0 || layer.tombstones < layer.lookAt) return;
    layer.lookAt = layer.tombstones + tombstonesMax;
    const find = (key: Buffer): LoggedEntry | undefined => this.find(tableKey(key, 0, key.length));
    if (!standInRows(layer.someTombstones(), find)) return;
    layer.isEnded = this.#log.rotate();
    this.#checkpoints.hurry();
  }

  /** Makes everything durable, and brings it into LMDB as far as the disk has room. Rejects where the disk fails. */
  async close(): Promise<void> {
    const last = await this.#log.end();
    if (last !== undefined) {
      this.#checkpoints.add({ file: last.file, sequence: last.sequence, layer: this.#memtable.layerOf(last.image) });
    }
    await this.#checkpoints.end();
    this.#log.close();
  }
}

/** Above this share of its bound the log fills faster than it is checkpointed: one segment is full and the next one, too. */
const PACED_FROM = 0.6;
const PACE_MS_MAX = 50;

/**
 * How long to wait between two runs of writes, milliseconds, when the log holds so many bytes that are not in LMDB: nothing
 * while checkpoints keep up, and more the nearer the bound is, so that writers meet the checkpoints' rate before the bound.
 */
export function paceMs(bytesHeld: number, bytesMax: number): number {
  const share = (bytesHeld / bytesMax - PACED_FROM) / (1 - PACED_FROM);
  return share <= 0 ? 0 : Math.ceil(Math.min(1, share) * PACE_MS_MAX);
}

function noteMarks(marks: RunMarks, { startedAt, writtenAt }: Group): void {
  [marks.mergedAt, marks.writtenAt, marks.durableAt] = [startedAt, writtenAt, performance.now()];
}

function fileNumberOf({ files }: ReplayedLog): number {
  return Math.max(0, ...files.map((name) => parseLogFileName(name)?.number ?? 0));
}

/** Files of the right length that nothing is needed of; all others that nothing is needed of go. */
function recycle(files: LogFiles, { files: names, strangers, waiting }: ReplayedLog, bytes: number) {
  const free = names.filter((name) => !waiting.includes(name));
  const usable = free.filter((name) => !strangers.includes(name) && files.bytesOf(name) === bytes);
  for (const name of free) if (!usable.includes(name)) files.remove(name);
  return usable.map((name) => files.open(name));
}

/** The segments that wait, with their entries in the memtable as their appending left them. */
function readWaiting(files: LogFiles, { waiting }: ReplayedLog, memtable: Memtable): SealedSegment[] {
  return waiting.map((name) => {
    const image = files.read(name);
    const header = readSegmentHeader(image);
    if (header === undefined) throw new Error(`the log's file "${name}" lost its header`);
    const layer = memtable.layerOf(image);
    readSegment(image, header, ({ entry }) => layer.put(entry));
    return { file: files.open(name), sequence: header.sequence, layer };
  });
}
