/**
 * The data directory's own file beside the store: which format wrote it, at which durability, in which boot of the
 * machine, and whether it was closed cleanly.
 *
 * It is a file apart, since it must be readable where the store is not. Formats 1 and 2 had no log: under durability
 * `commit` a power loss could damage such a store, so after an unclean stop and a new boot the node refuses it. The mark is
 * on the disk before the first write, by fsync of the file and of the directory.
 */
import { Buffer } from 'node:buffer';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { uptime } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { codeOf, KvorumError, messageOf, refillAdvice } from './diagnostics/errors.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import type { Durability } from './domain/modes.ts';
import { overwriteFile, putFile, syncPath } from './files/durable.ts';
import { StateFile } from './files/state-file.ts';
import { begunFile, logDamageFile } from './protocol/workers.ts';
import { parseState, type StoreState } from './store-state.ts';

/** The format that this version writes; it reads this and all older ones. */
export const storeFormat = 3;
/** The first format with a write-ahead log, in front of which LMDB is always whole. */
const firstFormatWithLog = 3;

interface Mark {
  readonly format: number;
  readonly durability: Durability;
  readonly bootId: string;
  readonly clean: boolean;
}

const MARK_FILE = 'kvorum.json';
const STATE_FILE = 'state';
const STORE_FILE = 'store.mdb';
/** What makes a store, besides the lock and what the clock keeps. */
const storeNames = [STORE_FILE, `${STORE_FILE}-lock`, 'log', begunFile, logDamageFile, STATE_FILE, MARK_FILE];

/**
 * Whatever this process and its children create from now on is for its user alone: directories 0700, files 0600. By the
 * umask, since LMDB makes its files with a mode of its own.
 */
export function keepFilesPrivate(): void {
  process.umask(0o077);
}

export class DataDirectory {
  readonly hasStore: boolean;
  /** What the store has lost by what stands beside it: a power loss may have cost its last writes. */
  readonly lost: 'damaged-log' | 'power-loss' | undefined;
  readonly #path: string;
  readonly #durability: Durability;
  readonly #lock: DirectoryLock;
  #isInUse = false;

  private constructor(path: string, durability: Durability, lock: DirectoryLock, isPowerLost: boolean) {
    this.#path = path;
    this.#durability = durability;
    this.#lock = lock;
    if (existsSync(join(path, logDamageFile))) this.lost = 'damaged-log';
    else this.lost = isPowerLost ? 'power-loss' : undefined;
    // It is made whole under another name, so one without a byte has lost them all.
    this.hasStore = (statSync(join(path, STORE_FILE), { throwIfNoEntry: false })?.size ?? 0) > 0;
  }

  /**
   * Creates the directory where there is none, locks it, and checks that its store can be used. Throws `store-unusable`,
   * `store-locked`, `store-newer` and `store-unclean`.
   */
  static open(path: string, durability: Durability, bootId = currentBootId()): DataDirectory {
    try {
      makeDirectory(path);
      accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw unusable(path, error);
    }
    const lock = lockDirectory(path);
    try {
      const mark = readMark(path);
      if (mark !== undefined) assertUsable(path, mark, bootId);
      return new DataDirectory(path, durability, lock, mark !== undefined && hasLostPower(mark, bootId));
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Whether a node has used the directory. */
  static isUsed(path: string): boolean {
    return existsSync(join(path, STATE_FILE));
  }

  get path(): string {
    return this.#path;
  }

  /** What is kept of the store; undefined where nothing is. Throws `store-unusable`. */
  readState(): StoreState | undefined {
    try {
      const text = StateFile.read(join(this.#path, STATE_FILE));
      return text === undefined || text === '' ? undefined : parseState(text);
    } catch (error) {
      throw unusable(this.#path, new Error(`${messageOf(error)}; ${refillAdvice}`, { cause: error }));
    }
  }

  /** Where that is kept from now on. Throws `store-unusable`. */
  openStateFile(): StateFile {
    try {
      return StateFile.open(join(this.#path, STATE_FILE));
    } catch (error) {
      throw unusable(this.#path, error);
    }
  }

  /** That the log was damaged is kept elsewhere now. */
  forgetLogDamage(): void {
    rmSync(join(this.#path, logDamageFile), { force: true });
  }

  /** Puts the store out of the way, for people to look at; returns the directory that it is in now. Nothing of it may be open. */
  setAside(): string {
    const aside = join(this.#path, `set-aside-${new Date().toISOString().replaceAll(':', '')}`);
    try {
      mkdirSync(aside, { mode: 0o700 });
      for (const name of storeNames) {
        const from = join(this.#path, name);
        if (existsSync(from)) renameSync(from, join(aside, name));
      }
      syncPath(this.#path);
      return aside;
    } catch (error) {
      throw unusable(this.#path, error);
    }
  }

  /** Lets another process have the directory; nothing of it may be open any more. */
  close(): void {
    this.#lock.release();
  }

  /** Its mode (`0755`) where it was made by other hands and other users may look into it or change it; else undefined. */
  get openMode(): string | undefined {
    const mode = statSync(this.#path).mode & 0o777;
    // Windows has no such modes; what is reported there says nothing.
    if (process.platform === 'win32' || (mode & 0o077) === 0) return undefined;
    return mode.toString(8).padStart(4, '0');
  }

  /** Whether `markOpen` was called: before, the mark says how the run before ended, and is not to be lost. */
  get isInUse(): boolean {
    return this.#isInUse;
  }

  /** From now on the store is in use: an unclean stop will be noticed. */
  markOpen(): void {
    this.#mark(false);
    this.#isInUse = true;
  }

  /** Everything is on the disk and the store is closed. */
  markClean(): void {
    this.#mark(true);
  }

  #mark(clean: boolean): void {
    try {
      writeMark(this.#path, { format: storeFormat, durability: this.#durability, bootId: currentBootId(), clean });
    } catch (error) {
      throw unusable(this.#path, error);
    }
  }
}

function assertUsable(path: string, mark: Mark, bootId: string): void {
  if (mark.format > storeFormat) {
    const text = `it is of format ${mark.format}, this version reads up to ${storeFormat}; use a newer kvorum`;
    throw new KvorumError('store-newer', `Cannot open store "${path}": ${text}`);
  }
  if (mark.format < firstFormatWithLog && hasLostPower(mark, bootId)) {
    const text =
      `it is of format ${mark.format}, had durability "commit" and was not closed before the machine restarted, so it may ` +
      'be damaged; remove the directory, and the peers refill the node as its keys are read';
    throw new KvorumError('store-unclean', `Cannot open store "${path}": ${text}`);
  }
}

/** The last writes of durability `commit` were in the system's memory only. */
function hasLostPower(mark: Mark, bootId: string): boolean {
  return mark.durability === 'commit' && !mark.clean && mark.bootId !== bootId;
}

function readMark(path: string): Mark | undefined {
  const file = join(path, MARK_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unusable(path, error);
  }
  const mark = parseMark(text);
  if (mark === undefined) throw unusable(path, new Error(`"${file}" is damaged; ${refillAdvice}`));
  return mark;
}

function parseMark(text: string): Mark | undefined {
  try {
    const mark = JSON.parse(text) as Partial<Mark> | null;
    return typeof mark?.format === 'number' ? (mark as Mark) : undefined;
  } catch {
    return undefined;
  }
}

/** The mark has one length always, so that it can be overwritten where there is no room for a second file. */
const MARK_BYTES = 256;

function writeMark(path: string, mark: Mark): void {
  const file = join(path, MARK_FILE);
  const bytes = Buffer.from(`${JSON.stringify(mark)}\n`.padEnd(MARK_BYTES));
  try {
    putFile(file, bytes);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    // One sector, already allocated: the disk writes it whole or not at all.
    overwriteFile(file, bytes);
  }
}

function isDiskFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Names this boot of the machine: Linux's boot id, elsewhere the minute in which it started. */
export function currentBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `started ${Math.round((Date.now() / 1000 - uptime()) / 60)}`;
  }
}

/** Makes a directory and those above it. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    // So Node calls what is wrong with those above, whatever it is: the first one that is not there tells by itself (EROFS).
    let missing = resolve(path);
    while (!existsSync(dirname(missing))) missing = dirname(missing);
    mkdirSync(missing, { mode: 0o700 });
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }
}

const notAllowed = new Set(['EACCES', 'EPERM', 'EROFS']);

function unusable(path: string, error: unknown): KvorumError {
  const advice = notAllowed.has(codeOf(error) ?? '') ? '; name a directory that this user may write to (--data)' : '';
  return new KvorumError('store-unusable', `Cannot open store "${path}": ${messageOf(error)}${advice}`, {
    cause: error,
  });
}
