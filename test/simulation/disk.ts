/**
 * What outlives a simulated process: records as the operating system holds them, and which of them a power loss leaves.
 * Damage and wipes happen here.
 */
import type { Buffer } from 'node:buffer';
import type { PurgeFloor } from '../../src/domain/purge.ts';
import { readVersion } from '../../src/formats/record.ts';
import { parseState, type StoreState } from '../../src/store-state.ts';
import type { Random } from '../support/random.ts';

/** A record as it was written, under its key. */
export interface DiskWrite {
  readonly key: string;
  readonly record: Buffer;
}

/** A write that is kept for another node, which missed it; without a record it is in the store. */
export interface SimHint {
  readonly node: number;
  readonly key: string;
  readonly record: Buffer | undefined;
}

export class SimDisk {
  /** What a process that starts finds. */
  records = new Map<string, Buffer>();
  /** What is not synced yet, in order; after a power loss a beginning of it is left. */
  unsynced: DiskWrite[] = [];
  #synced = new Map<string, Buffer>();
  /** Stamps up to this one may have been given. */
  bound = 0;
  /** What a node keeps of its standing, as text. */
  stateText: string | undefined;
  #parsed: { readonly text: string; readonly state: StoreState } | undefined;
  /** What is kept for other nodes, by whom and which key it is for. */
  hints = new Map<string, SimHint>();
  /** What was deleted and removed leaves these (src/domain/purge.ts). */
  floors: readonly PurgeFloor[] = [];
  hasStore = false;
  /** What the next start finds. */
  lostPower = false;
  isLogDamaged = false;

  /** What a node keeps of its standing; it is written far more often than it is read. */
  get state(): StoreState | undefined {
    const text = this.stateText;
    if (text === undefined) return undefined;
    if (this.#parsed?.text !== text) this.#parsed = { text, state: parseState(text) };
    return this.#parsed.state;
  }

  write(writes: readonly DiskWrite[]): void {
    for (const { key, record } of writes) this.records.set(key, record);
    this.unsynced.push(...writes);
  }

  /** Everything up to the first `count` unsynced writes is on the disk for good. */
  sync(count: number): void {
    for (const { key, record } of this.unsynced.splice(0, count)) this.#synced.set(key, record);
  }

  /** A record is removed for good; it was synced. */
  remove(key: string): void {
    this.records.delete(key);
    this.#synced.delete(key);
  }

  /** The power fails: of what was not synced some is there, up to a tear. */
  losePower(random: Random): void {
    this.sync(random.below(this.unsynced.length + 1));
    this.unsynced = [];
    this.records = new Map(this.#synced);
    this.lostPower = true;
  }

  /** Some of the log can be read no more. What is older than a floor is not in it. */
  damageLog(random: Random): void {
    const floor = Math.max(0, ...this.floors.map(({ below }) => below));
    for (const [key, record] of this.records) {
      if (random.below(2) === 0 || readVersion(record, 0) < floor) continue;
      this.records.delete(key);
      this.#synced.delete(key);
    }
    this.unsynced = this.unsynced.filter(({ key }) => this.records.has(key));
    this.isLogDamaged = true;
  }

  /** A stored record is not what it was. */
  damage(key: string, damaged: Buffer): void {
    this.records.set(key, damaged);
    this.#synced.set(key, damaged);
  }

  /** The whole directory is deleted. */
  wipe(): void {
    Object.assign(this, new SimDisk());
    // No assignment reaches what is private.
    this.#synced = new Map();
  }

  /** The directory as it is now; `restore` puts it back. */
  copy(): SimDisk {
    const copy = new SimDisk();
    copy.take(this);
    return copy;
  }

  take(other: SimDisk): void {
    this.records = new Map(other.records);
    this.#synced = new Map(other.records);
    this.unsynced = [];
    this.hints = new Map(other.hints);
    this.bound = other.bound;
    this.floors = other.floors;
    this.stateText = other.stateText;
    this.hasStore = other.hasStore;
    this.lostPower = other.lostPower;
    this.isLogDamaged = other.isLogDamaged;
  }
}
