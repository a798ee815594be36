/**
 * When scans run: one scan for one slice in a turn of the event loop, in order, so that no operation waits longer for all
 * scans together than for one slice.
 */
import type { Slice } from './scan.ts';

export interface ScanTurnsOptions {
  /** A count that grows with the point operations of this thread: scans give way to them. */
  readonly operationsSoFar: () => number;
  /** Called after each slice. */
  readonly onSliceEnd: () => void;
}

/** Something that runs until the slice is over. */
export interface Resumable {
  /** Returns whether it could go on. */
  resume(): boolean;
}

/** What all scans of a turn may take together; a point operation waits for at most this, several times on its way. */
const SLICE_MS = 0.5;
/**
 * While point operations come, scans pause this long between slices: one third of the thread instead of all of it. Else
 * two scans and their readers would leave a machine of two cores no room for the operations of other threads.
 */
const GIVE_WAY_MS = 1;
/** How long after a point operation scans expect more. */
const OPERATIONS_EXPECTED_MS = 20;

export class ScanTurns {
  /** The slice of the scan that runs. */
  readonly slice: Slice = { endsAt: 0 };
  readonly #options: ScanTurnsOptions;
  readonly #ready: Resumable[] = [];
  #isScheduled = false;
  #operationsSeen = 0;
  #givesWayUntil = 0;

  constructor(options: ScanTurnsOptions) {
    this.#options = options;
  }

  /** Resumes the scan in a later turn, and again as long as it could go on. */
  schedule(scan: Resumable): void {
    this.#ready.push(scan);
    this.#scheduleNext();
  }

  #scheduleNext(): void {
    if (this.#isScheduled || this.#ready.length === 0) return;
    this.#isScheduled = true;
    if (this.#givesWay(performance.now())) setTimeout(() => this.#runOne(), GIVE_WAY_MS);
    else setImmediate(() => this.#runOne());
  }

  #givesWay(now: number): boolean {
    const operations = this.#options.operationsSoFar();
    if (operations !== this.#operationsSeen) this.#givesWayUntil = now + OPERATIONS_EXPECTED_MS;
    this.#operationsSeen = operations;
    return now < this.#givesWayUntil;
  }

  /** Whatever else waits for this thread comes in between two of these. */
  #runOne(): void {
    this.#isScheduled = false;
    const scan = this.#ready.shift();
    this.slice.endsAt = performance.now() + SLICE_MS;
    if (scan?.resume() === true) this.#ready.push(scan);
    this.#options.onSliceEnd();
    this.#scheduleNext();
  }
}
