/**
 * The segments that are to be brought into LMDB, one after another. A full disk stops none of them for good: the same one is
 * tried again, and until it is done its segment and its entries in the memtable stay.
 */
import { Histogram, latencyBounds } from '../../src/metrics/metrics.ts';
import type { LogFile } from './log-files.ts';
import type { MemtableLayer } from './memtable.ts';
import type { Writer } from './writer.ts';

/** A segment of which everything is durable, and nothing more is written to. */
export interface SealedSegment {
  readonly file: LogFile;
  readonly sequence: number;
  readonly layer: MemtableLayer;
}

export interface CheckpointsOptions {
  readonly writer: Pick<Writer, 'checkpoint' | 'hurry'>;
  /** The segment's entries are in LMDB. */
  readonly onDone: (segment: SealedSegment) => void;
  /** The disk has no room for what waits. */
  readonly onFull: () => void;
  readonly onFatal: (error: unknown) => void;
}

/** What checkpoints measure. */
export class CheckpointMeasures {
  readonly seconds = new Histogram(latencyBounds);
  records = 0;
  /** When the newest one ended, `performance.now()`; at first the start. */
  endedAt = performance.now();
  /** Whether the newest try met a full disk. */
  isDiskFull = false;
}

/** Keeps segments that are full only after it was taken from being checkpointed. */
export interface CheckpointHold {
  /** Ends it; returns whether it held all the time. */
  release(): boolean;
}

/** A hold with the number of the newest segment that it lets through. */
interface Hold {
  readonly upTo: number;
}

/**
 * Over how much of the time that the segment took to fill its checkpoint is spread, and over how long at most: in one burst
 * it would take the cores from requests. Another segment that is full ends that.
 */
const SPREAD_SHARE = 0.5;
const SPREAD_MS_MAX = 5000;
/** How long a segment waits for those who hold it back, milliseconds: far above what it takes a range to begin. */
const HELD_MS_MAX = 1000;
/** Time after which a checkpoint is tried again that met a full disk, milliseconds. */
const RETRY_MS = 500;

export class Checkpoints {
  readonly measures = new CheckpointMeasures();
  readonly #options: CheckpointsOptions;
  readonly #waiting: SealedSegment[] = [];
  readonly #holds = new Set<Hold>();
  /** Segments that were added, and the number of the newest whose checkpoint has begun; they count from 1. */
  #added = 0;
  #begun = 0;
  /** A segment that is held back looks again. */
  #onRelease: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isEnding = false;
  /** When the newest segment came, `performance.now()`. */
  #addedAt = performance.now();
  #fillMs = 0;
  #isHurried = false;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /** Segments that are not in LMDB yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  add(segment: SealedSegment): void {
    this.#waiting.push(segment);
    this.#added++;
    this.#fillMs = performance.now() - this.#addedAt;
    this.#addedAt += this.#fillMs;
    if (this.#waiting.length > 1 || this.#isHurried) this.#options.writer.hurry();
    this.#start();
  }

  /**
   * Keeps segments that are added from now on out of LMDB, for as long as it takes to open a snapshot of it: so that the
   * snapshot has nothing that is newer than the memtable is now. Others go on, so holds that follow each other keep no
   * segment waiting. A segment that has waited for a second is checkpointed all the same; then `release` says so.
   */
  hold(): CheckpointHold {
    const hold = { upTo: this.#added };
    this.#holds.add(hold);
    return {
      release: () => {
        if (this.#holds.delete(hold)) this.#onRelease?.();
        return this.#begun <= hold.upTo;
      },
    };
  }

  /** Lets what waits, or the next segment where none does, be checkpointed as soon as it can. */
  hurry(): void {
    this.#isHurried = true;
    this.#options.writer.hurry();
  }

  /** Resolves when nothing waits any more, or the disk is full; nothing is tried after that, and all files are closed. */
  async end(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#retry);
    this.#onRelease?.();
    this.hurry();
    if (this.#waiting.length > 0) this.#start();
    await this.#running;
    for (const { file } of this.#waiting) file.close();
  }

  #start(): void {
    clearTimeout(this.#retry);
    this.#running ??= this.#run()
      .then(() => {
        this.#running = undefined;
        if (this.#waiting.length > 0 && !this.measures.isDiskFull) this.#start();
      })
      .catch((error: unknown) => this.#options.onFatal(error));
  }

  async #run(): Promise<void> {
    for (let segment = this.#waiting[0]; segment !== undefined; segment = this.#waiting[0]) {
      const number = this.#added - this.#waiting.length + 1;
      if (this.#isHeld(number)) await this.#untilReleased(number);
      this.#begun = number;
      const end = await this.#options.writer.checkpoint({
        name: segment.file.name,
        sequence: segment.sequence,
        offsets: segment.layer.toCheckpoint(),
        spreadMs: this.#spreadMs,
      });
      this.measures.isDiskFull = end.kind === 'full';
      if (end.kind === 'full') return this.#metFullDisk();
      if (end.kind === 'closed') return;
      this.#waiting.shift();
      if (this.#waiting.length === 0) this.#isHurried = false;
      this.measures.seconds.observe(end.seconds);
      this.measures.records += end.records;
      this.measures.endedAt = performance.now();
      this.#options.onDone(segment);
    }
  }

  get #spreadMs(): number {
    return this.#isHurried || this.#waiting.length > 1 ? 0 : Math.min(SPREAD_MS_MAX, SPREAD_SHARE * this.#fillMs);
  }

  #isHeld(number: number): boolean {
    if (this.#isEnding) return false;
    for (const { upTo } of this.#holds) if (upTo < number) return true;
    return false;
  }

  async #untilReleased(number: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, HELD_MS_MAX);
      this.#onRelease = () => {
        if (this.#isHeld(number)) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onRelease = undefined;
  }

  #metFullDisk(): void {
    this.#options.onFull();
    if (this.#isEnding) return;
    this.#retry = setTimeout(() => this.#start(), RETRY_MS);
    this.#retry.unref();
  }
}
