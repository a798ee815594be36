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
  readonly writer: Pick<Writer, 'checkpoint'>;
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

/** Time after which a checkpoint is tried again that met a full disk, milliseconds. */
const RETRY_MS = 500;

export class Checkpoints {
  readonly measures = new CheckpointMeasures();
  readonly #options: CheckpointsOptions;
  readonly #waiting: SealedSegment[] = [];
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isEnding = false;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /** Segments that are not in LMDB yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  add(segment: SealedSegment): void {
    this.#waiting.push(segment);
    this.#start();
  }

  /** Resolves when nothing waits any more, or the disk is full; nothing is tried after that, and all files are closed. */
  async end(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#retry);
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
      const end = await this.#options.writer.checkpoint(segment.file.name, segment.sequence);
      this.measures.isDiskFull = end.kind === 'full';
      if (end.kind === 'full') return this.#metFullDisk();
      if (end.kind === 'closed') return;
      this.#waiting.shift();
      this.measures.seconds.observe(end.seconds);
      this.measures.records += end.records;
      this.measures.endedAt = performance.now();
      this.#options.onDone(segment);
    }
  }

  #metFullDisk(): void {
    this.#options.onFull();
    if (this.#isEnding) return;
    this.#retry = setTimeout(() => this.#start(), RETRY_MS);
    this.#retry.unref();
  }
}
