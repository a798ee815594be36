/**
 * The hints for one node, the oldest first: segments, of which the last one is being filled and the first one being delivered.
 * What is delivered is shown by `peek` and let go by `advance`; after a crash the segment that was being delivered is
 * delivered again from its start, which changes nothing at the target.
 */
import type { Version } from '../../src/formats/record.ts';
import type { HintDrop, HintsKept, RoomTaken } from '../../src/domain/hints.ts';
import type { Hint } from '../../src/formats/hint.ts';
import { tableKey } from '../store/key-table.ts';
import type { HintSegment, KeptHint } from './hint-segment.ts';

export interface HintQueueOptions {
  /** URL of the node that the hints are for. */
  readonly target: string;
  /** An empty segment for it. Throws what the system says. */
  readonly create: () => HintSegment;
  readonly onDropped: (reason: HintDrop, count: number) => void;
  /** A file could not be written or read; its hints are dropped. */
  readonly onFailed: (error: unknown) => void;
}

interface Delivering {
  readonly segment: HintSegment;
  readonly hints: Iterator<KeptHint>;
  /** Shown and not let go. */
  readonly shown: KeptHint[];
  done: number;
}

export class HintQueue {
  readonly #options: HintQueueOptions;
  /** Those that nothing is delivered of, the oldest first. */
  readonly #waiting: HintSegment[] = [];
  /** The last of them, where it is not full. */
  #filling: HintSegment | undefined;
  #delivering: Delivering | undefined;

  constructor(options: HintQueueOptions) {
    this.#options = options;
  }

  /** Takes a segment that a start has found; the oldest first. */
  adopt(segment: HintSegment): void {
    this.#waiting.push(segment);
  }

  get count(): number {
    const delivering = this.#delivering;
    const rest = delivering === undefined ? 0 : delivering.segment.count - delivering.done;
    return this.#waiting.reduce((sum, { count }) => sum + count, rest);
  }

  get kept(): HintsKept {
    const { target } = this.#options;
    return { target, count: this.count, bytes: this.#bytes, oldest: this.#oldest };
  }

  get roomTaken(): RoomTaken {
    return { bytes: this.#bytes, canDrop: this.#waiting.length > (this.#filling === undefined ? 0 : 1) };
  }

  /** Whether there is a hint already that will bring the target whatever the keeper's own store holds then. */
  knows({ bytes, keyStart, keyEnd, isHere }: Hint): boolean {
    if (!isHere) return false;
    const key = tableKey(bytes, keyStart, keyEnd);
    return this.#waiting.some((segment) => segment.refersTo(key));
  }

  /** Keeps a hint, which `flush` writes; false where that cannot be. */
  keep(hint: Hint): boolean {
    if (this.#filling?.add(hint) === true) return true;
    this.flush();
    const isMade = this.#guard(() => {
      this.#filling = this.#options.create();
      this.#waiting.push(this.#filling);
    });
    return isMade && this.#filling?.add(hint) === true;
  }

  /** Writes what was kept. */
  flush(): void {
    const segment = this.#filling;
    if (segment !== undefined) this.#guard(() => segment.flush(), segment);
  }

  /** Resolves when what was written is on the disk. */
  async sync(): Promise<void> {
    for (const segment of this.#waiting.slice()) {
      await segment.sync().catch((error: unknown) => this.#options.onFailed(error));
    }
  }

  /** The oldest hints, up to so many; the same ones until `advance`. */
  peek(countMax: number): readonly KeptHint[] {
    while (this.#delivering !== undefined || this.#begin()) {
      const { hints, shown, segment } = this.#delivering as Delivering;
      this.#guard(() => {
        while (shown.length < countMax) {
          const next = hints.next();
          if (next.done === true) break;
          shown.push(next.value);
        }
      }, segment);
      if (shown.length > 0) return shown.slice(0, countMax);
      segment.remove();
      this.#delivering = undefined;
    }
    return [];
  }

  /** The first hints that `peek` showed are not needed any more. */
  advance(count: number): void {
    const delivering = this.#delivering;
    if (delivering === undefined) return;
    delivering.shown.splice(0, count);
    delivering.done += count;
    if (delivering.done < delivering.segment.count) return;
    delivering.segment.remove();
    this.#delivering = undefined;
  }

  /** Drops the oldest segment that `roomTaken` said can go. */
  dropOldest(): void {
    const oldest = this.#waiting.shift();
    if (oldest === undefined) return;
    if (oldest === this.#filling) this.#filling = undefined;
    this.#drop(oldest, oldest.count, 'bound');
  }

  /** Everything goes, for a reason. */
  dropAll(reason: HintDrop): void {
    for (const segment of this.#waiting.splice(0)) this.#drop(segment, segment.count, reason);
    this.#filling = undefined;
  }

  /** Writes everything and closes the files; those without hints go. */
  async close(): Promise<void> {
    this.flush();
    const segments = this.#waiting.splice(0);
    if (this.#delivering !== undefined) segments.push(this.#delivering.segment);
    this.#filling = this.#delivering = undefined;
    for (const segment of segments) await segment.close().catch((error: unknown) => this.#options.onFailed(error));
  }

  get #bytes(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes, this.#delivering?.segment.bytes ?? 0);
  }

  get #oldest(): Version | undefined {
    if (this.count === 0) return undefined;
    const first = this.#delivering?.segment.oldest ?? Number.POSITIVE_INFINITY;
    return this.#waiting.reduce((least, { oldest }) => Math.min(least, oldest), first);
  }

  /** Begins the delivery of the oldest segment, which is not filled any more. */
  #begin(): boolean {
    this.flush();
    const segment = this.#waiting.shift();
    if (segment === undefined) return false;
    if (segment === this.#filling) this.#filling = undefined;
    this.#delivering = { segment, hints: segment.hints(), shown: [], done: 0 };
    return true;
  }

  /** Does something with files; where that fails the segment is dropped, of which nobody knows what is on the disk. */
  #guard(work: () => void, segment?: HintSegment): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#options.onFailed(error);
      if (segment === undefined) return false;
      const delivering = this.#delivering;
      const isDelivering = delivering?.segment === segment;
      if (isDelivering) delivering.shown.length = 0;
      if (this.#filling === segment) this.#filling = undefined;
      const at = this.#waiting.indexOf(segment);
      if (at >= 0) this.#waiting.splice(at, 1);
      if (at >= 0) this.#drop(segment, segment.count, 'disk');
      else if (isDelivering) this.#options.onDropped('disk', segment.count - delivering.done);
      return false;
    }
  }

  #drop(segment: HintSegment, count: number, reason: HintDrop): void {
    this.#options.onDropped(reason, count);
    segment.remove();
  }
}
