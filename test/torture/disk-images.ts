/**
 * What a disk may hold when the power goes, out of the calls up to that moment. What a completed sync covers is there.
 * Every other write is there, or not, or torn: each of its sectors for itself. A change of a name is there for sure when
 * its directory was synced after it; a write through a descriptor of O_DSYNC when it has ended.
 */
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { Random } from '../support/random.ts';
import type { FileCall } from './system-calls.ts';

const SECTOR_BYTES = 512;

type WriteCall = Extract<FileCall, { kind: 'write' | 'truncate' }>;

interface Inode {
  synced: Buffer;
  /** In the order of their starts, not covered by a sync. */
  pending: WriteCall[];
}

interface NameChange {
  readonly directory: string;
  readonly end: number;
  readonly apply: (names: Map<string, Inode>) => void;
}

/** A disk that goes through the calls one after another. */
export class DiskImages {
  readonly #directory: string;
  readonly #isIgnored: (path: string) => boolean;
  /** Names as the process sees them, and as they are on the disk. */
  readonly #names = new Map<string, Inode>();
  readonly #syncedNames = new Map<string, Inode>();
  #changes: NameChange[] = [];
  readonly #steps: { readonly at: number; readonly run: () => void }[] = [];
  #done = 0;

  /** `isIgnored`: syncs of these files do nothing, for a control. */
  constructor(calls: readonly FileCall[], directory: string, isIgnored: (path: string) => boolean = () => false) {
    this.#directory = directory;
    this.#isIgnored = isIgnored;
    for (const call of calls) this.#plan(call);
    this.#steps.sort((left, right) => left.at - right.at);
  }

  /** Takes all calls up to this moment. */
  goTo(moment: number): void {
    for (; (this.#steps[this.#done]?.at ?? Infinity) <= moment; this.#done++) this.#steps[this.#done]?.run();
  }

  /** Writes one of the images that the disk may have now. */
  write(target: string, random: Random): void {
    const names = new Map(this.#syncedNames);
    const share = random.below(3);
    for (const { apply } of this.#changes) if (random.below(2) < share) apply(names);
    mkdirSync(target, { recursive: true });
    for (const [path, inode] of names) {
      const file = join(target, relative(this.#directory, path));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, imageOf(inode, random));
    }
  }

  /** Whether a write is on the disk for sure. */
  isSynced(call: WriteCall): boolean {
    const inode = this.#names.get(call.path);
    return inode !== undefined && !inode.pending.includes(call);
  }

  #plan(call: FileCall): void {
    const { start, end } = call;
    // The lock file is LMDB's own affair among processes that live: nothing of it counts after a power loss.
    if (basename(call.path).endsWith('-lock')) return;
    if (call.kind === 'write' || call.kind === 'truncate') {
      this.#steps.push({ at: start, run: () => this.#names.get(call.path)?.pending.push(call) });
      if (call.kind === 'write' && call.isSynced)
        this.#steps.push({ at: end, run: () => this.#sync(call.path, [call]) });
    } else if (call.kind === 'sync') {
      this.#steps.push({ at: end, run: () => this.#takeSync(call.path, start) });
    } else if (call.kind !== 'make-directory') {
      this.#steps.push({ at: end, run: () => this.#rename(call) });
    }
  }

  #takeSync(path: string, start: number): void {
    if (this.#isIgnored(path)) return;
    const inode = this.#names.get(path);
    if (inode !== undefined)
      return this.#sync(
        path,
        inode.pending.filter((call) => call.end <= start),
      );
    const isDone = ({ directory, end }: NameChange): boolean => directory === path && end <= start;
    for (const { apply } of this.#changes.filter(isDone)) apply(this.#syncedNames);
    this.#changes = this.#changes.filter((change) => !isDone(change));
    return undefined;
  }

  #sync(path: string, calls: readonly WriteCall[]): void {
    const inode = this.#names.get(path);
    if (inode === undefined) return;
    for (const call of calls) inode.synced = applied(inode.synced, call);
    inode.pending = inode.pending.filter((call) => !calls.includes(call));
  }

  #rename(call: Exclude<FileCall, { kind: 'write' | 'truncate' | 'sync' | 'make-directory' }>): void {
    const { path, end } = call;
    if (call.kind === 'open') {
      const known = this.#names.get(path);
      const length = known === undefined ? 0 : known.synced.length + known.pending.length;
      if (call.isTruncating && length > 0) known?.pending.push({ ...call, kind: 'truncate', length: 0 });
      if (known !== undefined || !call.isCreating) return;
    }
    const inode = this.#names.get(path) ?? { synced: Buffer.alloc(0), pending: [] };
    const apply = (names: Map<string, Inode>): void => {
      if (call.kind === 'open') names.set(path, inode);
      else if (call.kind !== 'link') names.delete(path);
      if (call.kind === 'rename' || call.kind === 'link') names.set(call.to, inode);
    };
    apply(this.#names);
    this.#changes.push({ directory: dirname(path), end, apply });
  }
}

function applied(content: Buffer, call: WriteCall): Buffer {
  if (call.kind === 'truncate') return Buffer.concat([content], call.length);
  const { offset, bytes } = call;
  const end = offset + bytes.length;
  const whole = end <= content.length ? content : Buffer.concat([content], end);
  bytes.copy(whole, offset);
  return whole;
}

function imageOf({ synced, pending }: Inode, random: Random): Buffer {
  let image: Buffer = Buffer.from(synced);
  const share = random.below(3);
  for (const call of pending) {
    if (random.below(2) >= share) continue;
    if (call.kind === 'truncate' || random.below(2) === 0) image = applied(image, call);
    else for (const sector of sectorsOf(call)) if (random.below(2) === 0) image = applied(image, sector);
  }
  return image;
}

function sectorsOf(call: Extract<FileCall, { kind: 'write' }>): (typeof call)[] {
  const { offset, bytes } = call;
  const sectors: (typeof call)[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = SECTOR_BYTES - ((offset + at) % SECTOR_BYTES);
    sectors.push({ ...call, offset: offset + at, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return sectors;
}
