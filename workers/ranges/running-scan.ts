/**
 * One scan from its start to its end: moves pages between the scan that fills them and whoever asked for it, and ends it
 * when it is done, when whoever asked has left, when something fails, or after `rangeMsMax`. Until it ends it holds an
 * LMDB snapshot.
 */
import { Buffer } from 'node:buffer';
import { messageOf } from '../../src/diagnostics/errors.ts';
import type { RangeEnd } from '../../src/domain/range.ts';
import type { RangeSource } from '../ground/range-source.ts';
import { allocatePage } from './page.ts';
import type { RangeScan, Stop } from './scan.ts';

/** Who asked for a scan. */
export const scanKinds = ['node', 'cluster', 'peer'] as const;
export type ScanKind = (typeof scanKinds)[number];

/** What ends a scan: as `RangeEnd`, or whoever asked for it has left. */
export const scanEnds = ['complete', 'not-enough-replicas', 'unwritable', 'expired', 'failed', 'cancelled'] as const;
export type ScanEndKind = (typeof scanEnds)[number];

/** Where a scan's pages go. */
export interface ScanOutlet {
  /** Takes a page's bytes; the page comes back with `giveBack`. */
  readonly onPage: (bytes: Buffer) => void;
  /** Called once, after the last page, unless the scan is cancelled. */
  readonly onEnd: (end: RangeEnd) => void;
}

/** A scan as whoever asked for it sees it. */
export interface ScanHandle {
  giveBack(page: Buffer): void;
  cancel(): void;
}

/** A scan and what it reads. */
export interface OpenedScan {
  readonly scan: RangeScan;
  readonly sources: readonly RangeSource[];
}

export interface RunningScanOptions {
  readonly kind: ScanKind;
  /** How many pages go round. */
  readonly pages: number;
  readonly outlet: ScanOutlet;
  readonly rangeMsMax: number;
  /** Opens its sources; `wake` is to be called when one of them does not wait for its peer any more. */
  readonly open: (wake: () => void) => OpenedScan;
  /** It can be resumed. */
  readonly onReady: () => void;
  /** Called once, when everything is let go. */
  readonly onClosed: (end: ScanEndKind) => void;
}

/** `ready`: it runs, or waits for its turn. Else what it stands still for, or that it has ended. */
type RunState = 'ready' | Extract<Stop, 'page' | 'source'> | 'over';

const noPage = Buffer.alloc(0);

export class RunningScan implements ScanHandle {
  readonly kind: ScanKind;
  readonly openedAt = performance.now();
  /** Sent so far. */
  bytes = 0;
  readonly #options: RunningScanOptions;
  readonly #free: Buffer[];
  #state: RunState = 'ready';
  #opened: OpenedScan | undefined;
  #steps: Generator<Stop, RangeEnd> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RunningScanOptions) {
    this.kind = options.kind;
    this.#options = options;
    this.#free = Array.from({ length: options.pages }, allocatePage);
  }

  get records(): number {
    return this.#opened?.scan.records ?? 0;
  }

  begin(): void {
    this.#timer = setTimeout(() => this.#finish({ kind: 'expired' }), this.#options.rangeMsMax).unref();
    this.#guard(() => {
      this.#opened = this.#options.open(() => this.#goOn('source'));
      this.#steps = this.#opened.scan.steps();
      this.#options.onReady();
    });
  }

  /** Runs for a slice; returns whether it could go on. */
  resume(): boolean {
    if (this.#state === 'over') return false;
    return this.#guard(() => this.#run()) ?? false;
  }

  giveBack(page: Buffer): void {
    if (this.#state === 'over') return;
    this.#free.push(page);
    this.#goOn('page');
  }

  cancel(): void {
    if (this.#state !== 'over') this.#close('cancelled');
  }

  #run(): boolean {
    for (;;) {
      if (!this.#hasPage()) return this.#standStill('page');
      const step = (this.#steps as Generator<Stop, RangeEnd>).next();
      if (step.done === true) {
        this.#finish(step.value);
        return false;
      }
      if (step.value === 'time') return true;
      this.#deliver();
      if (step.value === 'source') return this.#standStill('source');
    }
  }

  #hasPage(): boolean {
    const page = this.#opened?.scan.page;
    if (page === undefined || page.bytes.length > 0) return true;
    const free = this.#free.pop();
    if (free === undefined) return false;
    page.bytes = free;
    page.length = 0;
    return true;
  }

  /** Sends what the page holds. */
  #deliver(): void {
    const page = this.#opened?.scan.page;
    if (page === undefined || page.length === 0) return;
    const bytes = page.bytes.subarray(0, page.length);
    page.bytes = noPage;
    page.length = 0;
    this.bytes += bytes.length;
    this.#options.outlet.onPage(bytes);
  }

  /** Unless whoever took its last page has ended it. */
  #standStill(state: 'page' | 'source'): false {
    if (this.#state === 'ready') this.#state = state;
    return false;
  }

  /** What it stood still for has come. */
  #goOn(from: 'page' | 'source'): void {
    if (this.#state !== from) return;
    this.#state = 'ready';
    this.#options.onReady();
  }

  /** What the store throws ends this scan and nothing else. */
  #guard<Result>(run: () => Result): Result | undefined {
    try {
      return run();
    } catch (error) {
      this.#finish({ kind: 'failed', detail: messageOf(error), isMidRecord: false });
      return undefined;
    }
  }

  #finish(end: RangeEnd): void {
    if (this.#state === 'over') return;
    this.#deliver();
    const isMidRecord = this.#opened?.scan.isMidRecord === true;
    this.#close(end.kind);
    const brokenOff = isMidRecord && end.kind !== 'complete';
    const detail = `A record broke off: ${end.kind}`;
    this.#options.outlet.onEnd(brokenOff ? { kind: 'failed', detail, isMidRecord } : end);
  }

  #close(end: ScanEndKind): void {
    this.#state = 'over';
    clearTimeout(this.#timer);
    for (const source of this.#opened?.sources ?? []) source.close();
    this.#free.length = 0;
    this.#options.onClosed(end);
  }
}
