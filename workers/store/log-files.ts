/**
 * The files of a log, as the log and its replay use them: the one place where a disk is asked for anything that the log
 * needs. Another implementation can stand in its place, which remembers what was written and what was synced.
 *
 * A file gets its whole length when it is made, as zeros that are written and synced: appending to it then changes
 * nothing but data, so that `fdatasync` is one flush, and a full disk is met where a file is made and not where a client
 * waits for its write.
 */
import { Buffer } from 'node:buffer';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { syncData, syncPath, writeBeside, writeWhole } from '../../src/files/durable.ts';
import { logNotes, type LogNotes } from './log-notes.ts';

export interface LogFile {
  readonly name: string;
  /** Writes the bytes at `offset`; throws what the system says. */
  write(bytes: Buffer, offset: number): void;
  /** Resolves when all that was written is on the disk. */
  sync(): Promise<void>;
  close(): void;
}

export interface LogFiles extends LogNotes {
  /** Names of the log's files. */
  list(): string[];
  bytesOf(name: string): number;
  /** A file's bytes; in `memory`, which nobody may read any more, where that has their length. */
  read(name: string, memory?: Buffer): Buffer;
  open(name: string): LogFile;
  /** Makes a file of `bytes` zeros, on the disk with its name. Rejects with what the system says; nothing is left then. */
  create(name: string, bytes: number): Promise<LogFile>;
  remove(name: string): void;
}

/** What is written at a time while a file is made. */
const STEP_BYTES = 1024 * 1024;
const SUFFIX = '.log';

/** The log's files in `directory`, which is made if it is not there. Throws what the system says. */
export function openLogFiles(directory: string): LogFiles {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pathOf = (name: string): string => join(directory, name);
  return {
    list: () => readdirSync(directory).filter((name) => name.endsWith(SUFFIX)),
    bytesOf: (name) => statSync(pathOf(name)).size,
    read: (name, memory) => readInto(pathOf(name), memory),
    open: (name) => diskFile(name, openSync(pathOf(name), 'r+')),
    create: (name, bytes) => create(directory, name, bytes),
    remove: (name) => rmSync(pathOf(name), { force: true }),
    ...logNotes(dirname(directory)),
  };
}

/** What a log's file number `number` of an owner is called. */
export function logFileName(owner: number, number: number): string {
  return `${owner}-${number}${SUFFIX}`;
}

/** The owner and number in a log file's name; undefined for a name of another form. */
export function parseLogFileName(name: string): { readonly owner: number; readonly number: number } | undefined {
  const [, owner, number] = /^(\d{1,6})-(\d{1,15})\.log$/.exec(name) ?? [];
  return owner === undefined ? undefined : { owner: Number(owner), number: Number(number) };
}

function readInto(path: string, memory: Buffer | undefined): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const bytes = memory?.length === size ? memory : Buffer.allocUnsafeSlow(size);
    for (let done = 0; done < size;) {
      const length = readSync(descriptor, bytes, done, size - done, done);
      if (length === 0) throw new Error(`"${path}" ends after ${done} of ${size} bytes`);
      done += length;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

async function create(directory: string, name: string, bytes: number): Promise<LogFile> {
  const path = join(directory, name);
  const fresh = `${path}.new`;
  const descriptor = openSync(fresh, 'w', 0o600);
  try {
    const zeros = Buffer.alloc(Math.min(STEP_BYTES, bytes));
    for (let at = 0; at < bytes; at += zeros.length) {
      await writeBeside(descriptor, zeros.subarray(0, bytes - at), at);
    }
    await syncData(descriptor);
    renameSync(fresh, path);
    syncPath(directory);
    return diskFile(name, descriptor);
  } catch (error) {
    closeSync(descriptor);
    rmSync(fresh, { force: true });
    throw error;
  }
}

function diskFile(name: string, descriptor: number): LogFile {
  return {
    name,
    write: (bytes, offset) => writeWhole(descriptor, bytes, offset),
    sync: () => syncData(descriptor),
    close: () => closeSync(descriptor),
  };
}
