/**
 * The store of a simulated node, as the replica uses it: merged by the real rules, durable when the simulated disk says so.
 * At `fsync` a write is answered, and seen by reads, after a sync; at `commit` at once, and synced within a second.
 */
import { Buffer } from 'node:buffer';
import type { Durability } from '../../src/domain/modes.ts';
import type { ClusterList } from '../../src/domain/node-claim.ts';
import { floorRule, isPurged, raiseFloor, type FloorRule } from '../../src/domain/purge.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { isRepair, isVouched, keyOf, recordOf, type Entry } from '../../src/formats/frame.ts';
import { isIntact, isTombstone, readVersion, type Version } from '../../src/formats/record.ts';
import { replyCodes } from '../../src/formats/codes.ts';
import type { Settled } from '../../workers/store/logged-writes.ts';
import { loserOf, meet, termsOf, type Merged } from '../../workers/store/wins.ts';
import type { Random } from '../support/random.ts';
import type { DiskWrite, SimDisk } from './disk.ts';

export interface SimStoreOptions {
  readonly disk: SimDisk;
  readonly durability: Durability;
  /** Runs later in this life of the process, unless that ends before. */
  readonly after: (ms: number, run: () => void) => void;
  /** How long the next sync takes, milliseconds. */
  readonly syncMs: () => number;
  readonly list: ClusterList;
  readonly self: string;
  /** Whether what is removed leaves a floor. */
  readonly keepsFloors: boolean;
}

/** Unsynced writes at `commit` wait so long at most, milliseconds. */
const COMMIT_SYNC_MS = 1000;

export class SimStore {
  readonly paceMs = 0;
  /** Records that were written, and tombstones that were removed. */
  written = 0;
  purged = 0;
  /** Tombstones below this were removed. */
  purgedBelow = 0;
  readonly #options: SimStoreOptions;
  /** What reads see. */
  readonly #visible: Map<string, Buffer>;
  /** What merges see besides. */
  readonly #pending = new Map<string, Buffer>();
  #group: DiskWrite[] = [];
  #waiting: ((settled: Settled) => void)[] = [];
  #isSyncing = false;
  #floor: FloorRule;

  constructor(options: SimStoreOptions) {
    this.#options = options;
    this.#floor = floorRule(options.disk.floors, options.self);
    this.purgedBelow = this.#floor.newest;
    this.#visible = new Map(options.disk.records);
    // What a start finds is durable before the node is ready.
    options.disk.sync(options.disk.unsynced.length);
    if (options.durability === 'commit') this.#syncLater();
  }

  /** A version that no stored record exceeds. */
  get newest(): Version {
    return [...this.#visible.values()].reduce((newest, record) => Math.max(newest, readVersion(record, 0)), 0);
  }

  /** What reads see, for those who copy it. */
  get records(): ReadonlyMap<string, Buffer> {
    return this.#visible;
  }

  /** A byte inside one stored value is not what it was. */
  damage(random: Random): void {
    const names = [...this.#visible.keys()].filter((name) => !this.#pending.has(name));
    const name = names[random.below(Math.max(1, names.length))];
    const record = name === undefined ? undefined : this.#visible.get(name);
    if (name === undefined || record === undefined) return;
    const damaged = Buffer.from(record);
    damaged[damaged.length - 1] = (damaged[damaged.length - 1] as number) ^ 0xff;
    this.#visible.set(name, damaged);
    this.#options.disk.damage(name, damaged);
  }

  room(): 'yes' {
    return 'yes';
  }

  whenRoom(call: () => void): void {
    call();
  }

  read(key: Buffer): Buffer | 'damaged' | undefined {
    const record = this.#visible.get(key.toString('latin1'));
    if (record === undefined) return undefined;
    return isIntact(record, 0, record.length, key) ? record : 'damaged';
  }

  readLarge(key: Buffer): Promise<Buffer | 'damaged' | undefined> {
    return Promise.resolve(this.read(key));
  }

  floorOf({ bytes, keyStart, keyEnd }: Entry): Version {
    return this.#floor.floorOf(hashKey(bytes, keyStart, keyEnd));
  }

  /** The oldest version that a loss of power, or of the log, could take; Infinity where none could. */
  get oldestUnsafe(): Version {
    let oldest = Infinity;
    for (const { record } of this.#options.disk.unsynced) oldest = Math.min(oldest, readVersion(record, 0));
    for (const record of this.#pending.values()) oldest = Math.min(oldest, readVersion(record, 0));
    return oldest;
  }

  isRemovable(record: Buffer, below: Version): boolean {
    return isTombstone(record, 0) && readVersion(record, 0) < below;
  }

  /** Removes the tombstones below a bound that is confirmed, as far as what is not safe goes on from there. */
  purge(bound: Version): void {
    const { disk, list, self, keepsFloors } = this.#options;
    const below = Math.min(bound, this.oldestUnsafe);
    const gone = [...this.#visible].filter(
      ([name, record]) => !this.#pending.has(name) && this.isRemovable(record, below),
    );
    if (gone.length === 0) return;
    if (keepsFloors) disk.floors = raiseFloor(disk.floors, list, below);
    this.#floor = floorRule(disk.floors, self);
    for (const [name] of gone) {
      this.#visible.delete(name);
      disk.remove(name);
    }
    this.purged += gone.length;
    this.purgedBelow = Math.max(this.purgedBelow, below);
  }

  merge(entry: Entry, newest: Version): Merged {
    const key = keyOf(entry);
    const record = recordOf(entry);
    if (!isIntact(record, 0, record.length, key)) return replyCodes.failed;
    const name = key.toString('latin1');
    const current = this.#pending.get(name) ?? this.#visible.get(name);
    const isBelow = readVersion(record, 0) < this.floorOf(entry);
    const met = { isFirstHand: !isRepair(entry), isMissing: current === undefined, isVouched: isVouched(entry) };
    if (isBelow && isPurged(met)) {
      return { version: this.floorOf(entry), nodeId: 0 };
    }
    const terms = termsOf(entry, newest);
    const lost = current === undefined ? undefined : loserOf(meet(record, current, key), record, current, terms);
    if (lost !== undefined) return lost;
    const own = Buffer.from(record);
    this.#pending.set(name, own);
    this.#group.push({ key: name, record: own });
    this.written++;
    return replyCodes.applied;
  }

  mergeLarge(entry: Entry, newest: Version): Promise<Merged> {
    const merged = this.merge(entry, newest);
    return new Promise((resolve) => this.settle((settled) => resolve(settled === 'full' ? replyCodes.full : merged)));
  }

  settle(done: (settled: Settled) => void): void {
    this.#waiting.push(done);
    if (!this.#isSyncing) this.#settle();
  }

  #settle(): void {
    const { disk, durability, after, syncMs } = this.#options;
    const [group, waiting] = [this.#group, this.#waiting];
    [this.#group, this.#waiting] = [[], []];
    disk.write(group);
    const end = (): void => {
      this.#isSyncing = false;
      for (const { key, record } of group) {
        this.#visible.set(key, record);
        if (this.#pending.get(key) === record) this.#pending.delete(key);
      }
      for (const done of waiting) done('durable');
      if (this.#waiting.length > 0) this.#settle();
    };
    if (durability === 'commit') return end();
    this.#isSyncing = true;
    const count = disk.unsynced.length;
    after(syncMs(), () => {
      disk.sync(count);
      end();
    });
  }

  #syncLater(): void {
    const { disk, after } = this.#options;
    after(COMMIT_SYNC_MS, () => {
      disk.sync(disk.unsynced.length);
      this.#syncLater();
    });
  }
}
