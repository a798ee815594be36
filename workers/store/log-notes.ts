/**
 * How far each owner's log has come (docs/decisions/030-a-log-that-lost-its-end.md). Nothing in a log tells that its newest file is
 * gone, or is an older copy of itself. So the file `begun`, beside the log's directory, says of each owner which is the newest
 * segment that holds something synced: once a segment, before anybody hears of its first group; and up to where the log is synced:
 * when it is idle, and once a second.
 *
 *   begun, a sector of 512 bytes for each owner: "kvbg", CRC-32 of what follows, sequence, position (float64, little-endian)
 */
import { Buffer } from 'node:buffer';
import { constants, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { codeOf } from '../../src/diagnostics/errors.ts';
import { syncPath, writeBeside } from '../../src/files/durable.ts';
import { begunFile } from '../../src/protocol/workers.ts';

export interface LogNotes {
  /**
   * Notes that this segment of an owner's holds something, and that the log is synced up to this position. Resolves when that is on
   * the disk, or at once where no such segment or an earlier one was noted (0 is none); the position follows then. A full disk
   * keeps it from being noted. Rejects with what the system says.
   */
  noteBegun(owner: number, sequence: number, position: number): Promise<void>;
  /** Notes a position in the segment that was noted last, as soon as may be. */
  noteSynced(owner: number, position: number): void;
  /** By owner what was noted last. */
  begun(): ReadonlyMap<number, LogNote>;
}

export interface LogNote {
  readonly sequence: number;
  readonly position: number;
}

const SECTOR_BYTES = 512;
const BEGUN_MAGIC = Buffer.from('kvbg');
const BEGUN_BYTES = 24;
/** From one position that is noted under load to the next, milliseconds. */
const NOTE_MS = 1000;

/** The notes beside the log of a data directory. */
export function logNotes(directory: string): LogNotes {
  const path = join(directory, begunFile);
  const notes = new Map<number, OwnNote>();
  const noteOf = (owner: number): OwnNote => {
    const note = notes.get(owner) ?? new OwnNote(path, owner);
    notes.set(owner, note);
    return note;
  };
  return {
    noteBegun: (owner, sequence, position) => noteOf(owner).begin({ sequence, position }),
    noteSynced: (owner, position) => noteOf(owner).move(position),
    begun: () => readBegun(path),
  };
}

/** One owner's note; one write at a time. */
class OwnNote {
  readonly #path: string;
  readonly #owner: number;
  #note: LogNote = { sequence: 0, position: 0 };
  #writing: Promise<void> = Promise.resolve();
  #movedAt = 0;

  constructor(path: string, owner: number) {
    this.#path = path;
    this.#owner = owner;
  }

  async begin(note: LogNote): Promise<void> {
    if (note.sequence > this.#note.sequence) {
      this.#note = note;
      await this.#write(true);
    } else if (note.sequence > 0 && performance.now() - this.#movedAt > NOTE_MS) {
      this.move(note.position);
    }
  }

  /** Not synced: what it says is true whenever it gets to the disk, and if it never does, less is known. */
  move(position: number): void {
    const { sequence } = this.#note;
    if (sequence === 0 || position <= this.#note.position) return;
    this.#note = { sequence, position };
    this.#movedAt = performance.now();
    this.#write(false).catch(() => {});
  }

  #write(isNew: boolean): Promise<void> {
    const writing = this.#writing.then(() => writeBegun(this.#path, this.#owner, this.#note, isNew));
    this.#writing = writing.catch(() => {});
    return writing;
  }
}

async function writeBegun(path: string, owner: number, note: LogNote, isNew: boolean): Promise<void> {
  const bytes = Buffer.alloc(BEGUN_BYTES);
  BEGUN_MAGIC.copy(bytes);
  bytes.writeDoubleLE(note.sequence, 8);
  bytes.writeDoubleLE(note.position, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  try {
    const file = await open(path, isNew ? constants.O_WRONLY | constants.O_CREAT : constants.O_WRONLY, 0o600);
    try {
      const isEmpty = (await file.stat()).size === 0;
      await writeBeside(file.fd, bytes, owner * SECTOR_BYTES);
      if (isNew) await file.datasync();
      if (isEmpty) syncPath(dirname(path));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC' && codeOf(error) !== 'EDQUOT') throw error;
  }
}

function readBegun(path: string): Map<number, LogNote> {
  const begun = new Map<number, LogNote>();
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return begun;
    throw error;
  }
  for (let at = 0; at + BEGUN_BYTES <= bytes.length; at += SECTOR_BYTES) {
    const note = bytes.subarray(at, at + BEGUN_BYTES);
    const isWhole = BEGUN_MAGIC.equals(note.subarray(0, 4)) && crc32(note.subarray(8)) === note.readUInt32LE(4);
    if (isWhole) begun.set(at / SECTOR_BYTES, { sequence: note.readDoubleLE(8), position: note.readDoubleLE(16) });
  }
  return begun;
}
