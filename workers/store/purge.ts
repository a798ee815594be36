/**
 * The purge floors of one owner, in force from the moment that they are raised, and the removal of what lies below them
 * (src/domain/purge.ts has the rules, store-writer.ts removes).
 */
import { Buffer } from 'node:buffer';
import type { ClusterList } from '../../src/domain/node-claim.ts';
import {
  floorOfNow,
  floorRule,
  floorUnder,
  formatFloors,
  isPurged,
  parseFloors,
  raiseFloor,
  type FloorRule,
  type PurgeFloor,
} from '../../src/domain/purge.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { type Entry, isRepair, isVouched, keyOf } from '../../src/formats/frame.ts';
import { isGone, readVersion, type Version } from '../../src/formats/record.ts';
import type { LoggedWrites } from './logged-writes.ts';
import type { Removable } from './removable.ts';
import type { Superseding } from './wins.ts';
import type { SurplusCopy } from './writer-protocol.ts';
import type { Writer } from './writer.ts';

export interface PurgeOptions {
  readonly list: ClusterList;
  readonly self: string;
  /** As they were kept. */
  readonly floors: string | undefined;
  readonly writer: Pick<Writer, 'purge' | 'letGo'>;
  readonly logged: Pick<LoggedWrites, 'oldest' | 'removableFrom' | 'checkpointEarly'>;
  readonly removable: Removable;
  readonly onFatal: (error: unknown) => void;
}

/** How long a floor from peers waits for checkpoints of what was merged from them: 20 s. */
const FLOOR_TRIES_MAX = 100;
const FLOOR_PAUSE_MS = 200;

/** What is to go that no former list needs any more. */
export interface LettingGo {
  readonly copies: readonly SurplusCopy[];
  /** What every node has confirmed. */
  readonly bound: Version;
  /** Whether nothing is left then. */
  readonly isAll: boolean;
}

export class Purge {
  /** Records that were removed. */
  removed = 0;
  /** Writes that were not stored, since what they say was deleted. */
  refused = 0;
  /** Told of the key of each value that a peer brought and that was not stored. */
  onRefused: ((key: Buffer) => void) | undefined;
  readonly #options: PurgeOptions;
  #floors: readonly PurgeFloor[];
  #rule: FloorRule;
  /** Ends with the removal that is under way; there is one at a time, since each puts the floors. */
  #running: Promise<unknown> | undefined;
  /** When a record was last found damaged, microseconds of the wall clock. */
  #damagedAt: Version = 0;

  constructor(options: PurgeOptions) {
    this.#options = options;
    this.#floors = parseFloors(options.floors);
    this.#rule = floorRule(this.#floors, options.self);
  }

  /** No floor is above this. */
  get newestFloor(): Version {
    return this.#rule.newest;
  }

  /** The floor under the list of now; 0 where there is none. */
  get ownFloor(): Version {
    return floorUnder(this.#floors, this.#options.list);
  }

  /** Records that can be removed one day, of all owners; some of them may have been replaced. */
  get waiting(): number {
    return this.#options.removable.count;
  }

  /** What is older than this and missing under a key was deleted; 0: nobody knows. */
  floorOf(bytes: Buffer, keyStart: number, keyEnd: number): Version {
    return this.#rule.newest === 0 ? 0 : this.#rule.floorOf(hashKey(bytes, keyStart, keyEnd));
  }

  /** What a write is told that is older than the floor of its key and not to be stored; undefined where it is to be merged. */
  refusal(entry: Entry, isMissing: boolean): Superseding | undefined {
    const { bytes, keyStart, keyEnd } = entry;
    const floor = this.floorOf(bytes, keyStart, keyEnd);
    if (readVersion(bytes, keyEnd) >= floor) return undefined;
    if (!isPurged({ isFirstHand: !isRepair(entry), isMissing, isVouched: isVouched(entry) })) return undefined;
    this.refused++;
    if (isRepair(entry) && !isGone(bytes, keyEnd, () => floor / 1000)) this.onRefused?.(Buffer.from(keyOf(entry)));
    return { version: floor, nodeId: 0 };
  }

  /**
   * Raises the floor to `bound`, which every node has confirmed, as far as the log goes on from there, and has what lies below it
   * removed. What only the log holds goes into LMDB first, and is removed the next time.
   */
  run(bound: Version): void {
    const { logged, list, self, removable, writer, onFatal } = this.#options;
    // What was missing when the nodes were compared before that may have been lost.
    if (bound <= this.#damagedAt) return;
    const below = Math.min(bound, logged.oldest);
    const isLogged = logged.oldest < bound && Math.min(logged.removableFrom, removable.first ?? Infinity) < bound;
    if (isLogged) logged.checkpointEarly();
    if (this.#running !== undefined || (removable.first ?? Infinity) >= below) return;
    this.#floors = raiseFloor(this.#floors, list, below);
    this.#rule = floorRule(this.#floors, self);
    this.#running = writer
      .purge({ below, floors: formatFloors(this.#floors) })
      .then((end) => {
        this.#running = undefined;
        if (end.kind === 'done') this.removed += end.records;
      })
      .catch(onFatal);
  }

  /**
   * Takes a floor from peers with whose stores this one was merged: what is missing here is missing there, too, and was deleted there
   * if it is older.
   */
  async takeFloor(floor: Version): Promise<void> {
    const { list, self, logged, writer, onFatal } = this.#options;
    for (let tries = 0; logged.oldest < floor && tries < FLOOR_TRIES_MAX; tries++) {
      logged.checkpointEarly();
      await new Promise((resolve) => setTimeout(resolve, FLOOR_PAUSE_MS).unref());
    }
    while (this.#running !== undefined) await this.#running;
    // A damaged log may lose what it holds alone, and a floor above that would keep it from coming back.
    const below = Math.min(floor, logged.oldest);
    if (below <= this.ownFloor) return;
    this.#floors = raiseFloor(this.#floors, list, below);
    this.#rule = floorRule(this.#floors, self);
    const kept = writer.letGo({ copies: [], floors: formatFloors(this.#floors), isAll: false }).catch(onFatal);
    this.#running = kept;
    await kept;
    this.#running = undefined;
  }

  /**
   * Removes copies of keys that are none of this node's any more, and with the first of them the floors of former lists, so that
   * nobody takes them for deleted. Resolves to how many have gone; undefined: not now.
   */
  async letGo({ copies, bound, isAll }: LettingGo): Promise<number | undefined> {
    const { logged, list, self, writer, onFatal } = this.#options;
    while (this.#running !== undefined) await this.#running;
    if (bound <= this.#damagedAt) return undefined;
    const below = Math.min(bound, logged.oldest);
    const isLogged = copies.some(({ header }) => readVersion(header, 0) >= below);
    const floors = floorOfNow(this.#floors, list, below);
    if (isLogged || floors === undefined) {
      if (logged.oldest < bound) logged.checkpointEarly();
      return undefined;
    }
    this.#floors = floors;
    this.#rule = floorRule(floors, self);
    const going = writer.letGo({ copies, floors: formatFloors(floors), isAll });
    this.#running = going.catch(() => undefined);
    try {
      const end = await going;
      return end.kind === 'done' ? end.records : undefined;
    } catch (error) {
      onFatal(error);
      return undefined;
    } finally {
      this.#running = undefined;
    }
  }

  /** A record is damaged: what is missing here may be lost, so nothing follows from that until nodes have compared anew. */
  forget(): void {
    this.#damagedAt = Date.now() * 1000;
    this.#floors = [];
    this.#rule = floorRule([], this.#options.self);
  }
}
