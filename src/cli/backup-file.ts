/**
 * Files of backups: one that is being written has another name until it is whole and on the disk, and one that is read is
 * checked as it comes.
 */
import { createReadStream } from 'node:fs';
import { open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { BackupReader, entriesIn, isWhole, type BackupCounts, type BackupPiece } from '../formats/backup.ts';
import { writeNotice, writeResult } from './output.ts';
import { sizeCell } from './status-section.ts';

/** Where a backup goes. */
export interface BackupTarget {
  write(pieces: readonly Uint8Array[]): Promise<void>;
  /** All is written: it gets its name. */
  keep(): Promise<void>;
  /** What was written goes, unless it was kept. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** `-` is stdout, which has no name to be given at the end. */
export const standardStream = '-';

/** Opens a file beside `path`, for its owner only. Throws `output-unwritable`. */
export async function openTarget(path: string): Promise<BackupTarget> {
  if (path === standardStream) {
    return {
      write: async (pieces) => {
        for (const piece of pieces) await writeResult(piece);
      },
      keep: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const partial = `${path}.partial-${process.pid}`;
  const file = await orUnwritable(path, () => open(partial, 'wx', 0o600));
  let isKept = false;
  return {
    write: (pieces) => orUnwritable(path, async () => void (await file.writev([...pieces]))),
    keep: () =>
      orUnwritable(path, async () => {
        await file.sync();
        await rename(partial, path);
        isKept = true;
        await syncDirectory(dirname(path));
      }),
    [Symbol.asyncDispose]: async () => {
      await file.close().catch(() => {});
      if (!isKept) await unlink(partial).catch(() => {});
    },
  };
}

/** The pieces of a backup in order; each record in them is whole. Throws `backup-damaged` and `bad-request`. */
export async function* readBackup(path: string): AsyncGenerator<BackupPiece> {
  const reader = new BackupReader();
  let entries = 0;
  for await (const bytes of bytesOf(path)) {
    reader.push(bytes);
    for (let piece = reader.next(); piece !== undefined; piece = reader.next()) {
      if (piece.kind === 'block') {
        checkRecords(piece.entries, entries);
        entries += piece.count;
      }
      yield piece;
    }
  }
  reader.finish();
}

/** Reads all of a backup; resolves to what it has. Throws as `readBackup`. */
export async function verifyBackup(
  path: string,
): Promise<{ readonly beganAtMs: number; readonly counts: BackupCounts }> {
  let beganAtMs = 0;
  for await (const piece of readBackup(path)) {
    if (piece.kind === 'header') beganAtMs = piece.beganAtMs;
    if (piece.kind === 'end') return { beganAtMs, counts: piece.counts };
  }
  throw new KvorumError('backup-damaged', 'The backup has no end');
}

/** `120,000 records, 34.5 MiB`. */
export function describeAmount(records: number, bytes: number): string {
  return `${records.toLocaleString('en')} record${records === 1 ? '' : 's'}, ${sizeCell(bytes)}`;
}

/** Says on stderr now and then how far something has come. */
export class Progress {
  readonly #what: string;
  #saidAt = performance.now();

  constructor(what: string) {
    this.#what = what;
  }

  tell(records: number, bytes: number): void {
    const now = performance.now();
    if (now - this.#saidAt < PROGRESS_MS) return;
    this.#saidAt = now;
    writeNotice(`kvorum: ${this.#what} ${describeAmount(records, bytes)} so far`);
  }
}

const PROGRESS_MS = 5000;

function checkRecords(bytes: Buffer, before: number): void {
  const entries = entriesIn(bytes) ?? [];
  const at = entries.findIndex((entry) => !isWhole(entry));
  if (at < 0) return;
  const number = before + at + 1;
  throw new KvorumError('backup-damaged', `The backup is damaged: record ${number} fails its own checksum`);
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const source: AsyncIterable<Buffer> =
    path === standardStream ? process.stdin : createReadStream(path, { highWaterMark: 256 * 1024 });
  try {
    yield* source;
  } catch (error) {
    throw new KvorumError('bad-request', `Cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory: FileHandle = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function orUnwritable<Result>(path: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw new KvorumError('output-unwritable', `Cannot write "${path}": ${messageOf(error)}`, { cause: error });
  }
}
