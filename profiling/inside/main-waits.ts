/**
 * The main thread's part of a wait recording: marks of sampled operations from their first bytes to their answer. Loaded
 * when a recording starts.
 */
import type { DispatchWaits, MainMarks, WaitOptions } from '../../src/waits/wait-marks.ts';
import { isSampled } from '../../src/waits/wait-marks.ts';
import type { MainRecording, TimedExchange } from '../../src/waits/wait-recording.ts';
import { clockOriginMs, NativeWatch, ThreadWatch } from './thread-waits.ts';

export class MainWaits implements DispatchWaits<TimedExchange> {
  readonly #options: WaitOptions;
  readonly #startedAt = performance.now();
  readonly #originMs = clockOriginMs();
  readonly #watch = new ThreadWatch('main');
  readonly #native = new NativeWatch();
  readonly #running = new Map<number, MainMarks>();
  readonly #done: MainMarks[] = [];
  #skipped = 0;
  #deliveredAt = 0;

  constructor(options: WaitOptions) {
    this.#options = options;
  }

  taken(tag: number, { method, arrivedAt, startedAt }: TimedExchange): void {
    // What came before the recording has no arrival, or one of an earlier recording.
    if (!isSampled(tag, this.#options.every) || arrivedAt < this.#startedAt) return;
    if (this.#done.length + this.#running.size >= this.#options.operationsMax) {
      this.#skipped++;
      return;
    }
    const dispatchedAt = performance.now();
    const later = { flushedAt: 0, postedAt: 0, deliveredAt: 0, answeredAt: 0 };
    this.#running.set(tag, { tag, method, arrivedAt, admittedAt: startedAt, dispatchedAt, ...later });
  }

  flushed(tags: readonly number[]): (() => void) | undefined {
    const marked = tags.map((tag) => this.#running.get(tag)).filter((marks) => marks !== undefined);
    if (marked.length === 0) return undefined;
    const now = performance.now();
    for (const marks of marked) marks.flushedAt = now;
    return () => {
      const postedAt = performance.now();
      for (const marks of marked) marks.postedAt = postedAt;
    };
  }

  delivered(): void {
    this.#deliveredAt = performance.now();
  }

  answered(tag: number): void {
    const marks = this.#running.get(tag);
    if (marks === undefined) return;
    this.#running.delete(tag);
    marks.deliveredAt = this.#deliveredAt;
    marks.answeredAt = performance.now();
    this.#done.push(marks);
  }

  /** `scripted` are the system's ids of the threads that run JavaScript. */
  stop(scripted: ReadonlySet<string>): MainRecording {
    const waits = this.#watch.stop();
    return {
      originMs: this.#originMs,
      waits,
      pauses: this.#watch.pauses,
      runQueue: this.#watch.runQueue,
      operations: this.#done,
      skipped: this.#skipped,
      unfinished: this.#running.size,
      native: this.#native.stop(scripted),
    };
  }
}
