/**
 * A log's files on a disk in memory, which knows what was written and what was synced. Its calls can be made to fail, its
 * syncs wait when they are told to, and it can lose its power: each sector that was not synced is then there or not.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { LogFile, LogFiles } from '../../workers/store/log-files.ts';
import type { LogNote } from '../../workers/store/log-notes.ts';
import { eventually } from './eventually.ts';
import type { Random } from './random.ts';

export type DiskCall = 'create' | 'open' | 'read' | 'write' | 'sync' | 'remove';

const SECTOR_BYTES = 512;

interface Content {
  written: Buffer;
  /** Undefined while the name is not on the disk. */
  synced: Buffer;
}

export class FakeLogFiles implements LogFiles {
  /** Every call so far, as "write 0-1.log". */
  readonly calls: string[] = [];
  /** Asked before each call: what it throws. */
  failing: (call: DiskCall, name: string, offset: number) => string | undefined = () => undefined;
  /** Syncs wait until `endSync`. */
  isHoldingSyncs = false;
  readonly #files = new Map<string, Content>();
  readonly #open = new Set<LogFile>();
  readonly #held: (() => void)[] = [];
  readonly #begun: Map<number, LogNote>;

  constructor(files: Iterable<readonly [string, Buffer]> = [], begun: ReadonlyMap<number, LogNote> = new Map()) {
    this.#begun = new Map(begun);
    for (const [name, bytes] of files) this.put(name, bytes);
  }

  list(): string[] {
    return [...this.#files.keys()];
  }

  bytesOf(name: string): number {
    return this.#content(name).written.length;
  }

  read(name: string): Buffer {
    this.#call('read', name);
    return Buffer.from(this.#content(name).written);
  }

  open(name: string): LogFile {
    this.#call('open', name);
    return this.#handle(name, this.#content(name));
  }

  async create(name: string, bytes: number): Promise<LogFile> {
    this.#call('create', name);
    await Promise.resolve();
    this.put(name, Buffer.alloc(bytes));
    return this.#handle(name, this.#content(name));
  }

  remove(name: string): void {
    this.#call('remove', name);
    this.#files.delete(name);
  }

  async noteBegun(owner: number, sequence: number, position: number): Promise<void> {
    await Promise.resolve();
    if (sequence > (this.#begun.get(owner)?.sequence ?? 0)) this.#begun.set(owner, { sequence, position });
  }

  noteSynced(owner: number, position: number): void {
    const note = this.#begun.get(owner);
    if (note !== undefined) this.#begun.set(owner, { ...note, position });
  }

  begun(): ReadonlyMap<number, LogNote> {
    return this.#begun;
  }

  /** Puts a file there, on the disk. */
  put(name: string, bytes: Buffer): void {
    this.#files.set(name, { written: Buffer.from(bytes), synced: Buffer.from(bytes) });
  }

  /** Handles that are open. */
  get handles(): number {
    return this.#open.size;
  }

  /** How many syncs are under way. */
  get syncsHeld(): number {
    return this.#held.length;
  }

  /** Lets the oldest sync that is held end, when there is one. */
  async endSync(): Promise<void> {
    await eventually(() => assert.ok(this.#held.length > 0, 'no sync is under way'));
    this.#held.shift()?.();
    await settleTurns();
  }

  /** The disk as it may be after a power loss now. */
  afterPowerLoss(random: Random): FakeLogFiles {
    const images = [...this.#files].map(([name, { written, synced }]) => {
      const image = Buffer.from(synced);
      const share = random.below(5);
      for (let at = 0; at < image.length; at += SECTOR_BYTES) {
        if (random.below(4) < share) written.copy(image, at, at, at + SECTOR_BYTES);
      }
      return [name, image] as const;
    });
    return new FakeLogFiles(images, this.#begun);
  }

  #content(name: string): Content {
    const content = this.#files.get(name);
    assert.ok(content !== undefined, `there is no file ${name}`);
    return content;
  }

  #call(call: DiskCall, name: string, offset = 0): void {
    this.calls.push(`${call} ${name}`);
    const code = this.failing(call, name, offset);
    if (code !== undefined) throw Object.assign(new Error(`${code}: ${call} of ${name}`), { code });
  }

  #handle(name: string, content: Content): LogFile {
    const handle: LogFile = {
      name,
      write: (bytes, offset) => {
        assert.ok(this.#open.has(handle), `${name} is written after it was closed`);
        this.#call('write', name, offset);
        assert.ok(offset + bytes.length <= content.written.length, `${name} is written past its end`);
        bytes.copy(content.written, offset);
      },
      sync: async () => {
        const asWritten = Buffer.from(content.written);
        if (this.isHoldingSyncs) await new Promise<void>((resolve) => this.#held.push(resolve));
        else await Promise.resolve();
        assert.ok(this.#open.has(handle), `${name} is synced after it was closed`);
        this.#call('sync', name);
        content.synced = asWritten;
      },
      close: () => {
        assert.ok(this.#open.delete(handle), `${name} is closed twice`);
      },
    };
    this.#open.add(handle);
    return handle;
  }
}

/** Lets everything go on that waits for no more than promises. */
export async function settleTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
