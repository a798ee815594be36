/**
 * Range queries on their way to the workers and back: admits a bounded number, gives each to the worker that has the
 * fewest, and carries its pages between the worker and whoever writes them to the client.
 *
 * Pages are transferred, never shared: a page that was written goes back to the worker to be filled again, and that is
 * all the flow control there is.
 */
import { Buffer } from 'node:buffer';
import { family, type MetricFamily } from '../metrics/metrics.ts';
import type { RangeEnd, RangeRequest } from '../domain/range.ts';
import type { RangeCommand, RangeMessage } from '../protocol/workers.ts';

/** What this needs of the pool. */
export interface RangeWorkers {
  /** The indexes of the workers that listen. */
  readonly workers: readonly number[];
  tell(worker: number, command: RangeCommand, transfer?: ArrayBuffer[]): void;
}

/** Whoever asked for a range. */
export interface RangeReader {
  /** Takes the bytes of a page; `giveBack` when they are written. */
  readonly onPage: (bytes: Buffer) => void;
  /** Called once, last, unless the range is cancelled. */
  readonly onEnd: (end: RangeEnd) => void;
}

export interface RangeHandle {
  giveBack(page: Buffer): void;
  /** The client has left: nothing more is read, and nothing more is heard of it. */
  cancel(): void;
}

interface Running {
  readonly worker: number;
  readonly reader: RangeReader;
}

export class RangeDispatcher {
  readonly #pool: RangeWorkers;
  readonly #rangesMax: number;
  readonly #running = new Map<number, Running>();
  #started = 0;
  #refused = 0;

  constructor(pool: RangeWorkers, rangesMax: number) {
    this.#pool = pool;
    this.#rangesMax = rangesMax;
  }

  /** Begins a range with so many pages under way; undefined where there are too many ranges. */
  start(request: RangeRequest, pages: number, reader: RangeReader): RangeHandle | undefined {
    const worker = this.#leastBusyWorker();
    if (this.#running.size >= this.#rangesMax || worker === undefined) {
      this.#refused++;
      return undefined;
    }
    const id = ++this.#started;
    this.#running.set(id, { worker, reader });
    this.#pool.tell(worker, { kind: 'range-start', id, request, pages });
    return {
      giveBack: (page) => {
        if (this.#running.has(id))
          this.#pool.tell(worker, { kind: 'range-page', id, page }, [page.buffer as ArrayBuffer]);
      },
      cancel: () => {
        if (this.#running.delete(id)) this.#pool.tell(worker, { kind: 'range-cancel', id });
      },
    };
  }

  metrics(): MetricFamily[] {
    return [
      family('gauge', 'kvorum_ranges_in_flight', 'Range queries admitted and not ended', this.#running.size),
      family('counter', 'kvorum_ranges_started_total', 'Range queries admitted', this.#started),
      family(
        'counter',
        'kvorum_ranges_refused_total',
        'Range queries refused since too many were running',
        this.#refused,
      ),
    ];
  }

  /** A worker has ended. Where its scans stood is not known: nothing can follow what they have sent. */
  onWorkerGone(gone: number): void {
    for (const [id, { worker, reader }] of this.#running) {
      if (worker !== gone) continue;
      this.#running.delete(id);
      reader.onEnd({ kind: 'failed', detail: 'A worker thread ended', isMidRecord: true });
    }
  }

  /** Takes what the workers' scans say. */
  onMessage(message: RangeMessage): void {
    const running = this.#running.get(message.id);
    if (running === undefined) return;
    if (message.kind === 'range-page') {
      running.reader.onPage(Buffer.from(message.page.buffer, message.page.byteOffset, message.page.byteLength));
    } else {
      this.#running.delete(message.id);
      running.reader.onEnd(message.end);
    }
  }

  #leastBusyWorker(): number | undefined {
    const busy = new Map(this.#pool.workers.map((worker) => [worker, 0]));
    for (const { worker } of this.#running.values()) busy.set(worker, (busy.get(worker) ?? 0) + 1);
    return [...busy].sort(([, left], [, right]) => left - right)[0]?.[0];
  }
}
