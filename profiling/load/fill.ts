/**
 * Puts every key of a key space once, so that reads find something: as fast as the nodes take them, which fill-pace.ts
 * finds out for each node. What a node refuses for now is tried again, as often as it takes; the fill ends where a node
 * refuses for good, or where none has accepted anything for `timeoutMs`.
 */
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { judgeStatus, maySend, paceAfter, paceAtStart, type Pace } from './fill-pace.ts';
import { fillTimeoutMsDefault, stuckSentence, type FillProgress } from './fill-progress.ts';
import { LoadConnection, reach, type Address, type ConnectionEvents } from './connection.ts';
import type { Workload } from './result.ts';
import { wireOf, type Wire } from './wire.ts';

export type FillWorkload = Pick<
  Workload,
  'targets' | 'connections' | 'keys' | 'valueBytes' | 'valueSizes' | 'ack' | 'from' | 'seed' | 'protocol'
>;

export interface FillOptions {
  readonly signal?: AbortSignal;
  /** Called every `progressMs` (default 100), and at an end that is not an error. */
  readonly onProgress?: (progress: FillProgress) => void;
  readonly progressMs?: number;
  /** Without anything accepted for so long the fill gives up; default 60 s. */
  readonly timeoutMs?: number;
  /** Longest pause between two tries where a node takes nothing; default 1 s. */
  readonly pauseMsMax?: number;
}

/** Longer than a node takes with any usual `--timeout-ms`, so that mostly the node says what became of a request. */
const answerMsMax = 15_000;
/** Pauses end, and what takes too long is seen, this much late at most. */
const tickMs = 20;
/** Rates over less are noise. */
const rateMsMin = 1000;

/** Resolves with whether all keys were put; false where the signal ended it. Throws `KvorumError` where a node refuses. */
export async function fillKeys(workload: FillWorkload, options: FillOptions = {}): Promise<boolean> {
  const addresses = await Promise.all(workload.targets.map(reach));
  return new Fill(workload, options, addresses).run();
}

/** What goes to one target. */
interface Lane {
  pace: Pace;
  inFlight: number;
  readonly free: Set<LoadConnection>;
}

class Fill {
  readonly #workload: FillWorkload;
  readonly #options: FillOptions;
  readonly #addresses: readonly Address[];
  readonly #connections: LoadConnection[] = [];
  readonly #lanes: readonly Lane[];
  readonly #keyOf = new Map<LoadConnection, number>();
  /** Keys that were refused. */
  readonly #again: number[] = [];
  readonly #wire: Wire;
  #end: (outcome: boolean | KvorumError) => void = () => {};
  #next = 0;
  #filled = 0;
  #refused = 0;
  #why = 'no connection';
  #acceptedMs = performance.now();
  #mark: { ms: number; filled: number; rate?: number } = { ms: performance.now(), filled: 0 };

  constructor(workload: FillWorkload, options: FillOptions, addresses: readonly Address[]) {
    this.#workload = workload;
    this.#options = options;
    this.#addresses = addresses;
    const perTarget = Math.ceil(this.#connectionCount / addresses.length);
    this.#lanes = addresses.map(() => {
      return { pace: paceAtStart(perTarget, options.pauseMsMax), inFlight: 0, free: new Set() };
    });
    this.#wire = wireOf(workload);
  }

  async run(): Promise<boolean> {
    const { signal, onProgress, progressMs = 100 } = this.#options;
    if (signal?.aborted === true) return false;
    const telling = setInterval(() => onProgress?.(this.#progress()), progressMs);
    const ticking = setInterval(() => this.#tick(), tickMs);
    const stop = (): void => this.#end(false);
    try {
      const isWhole = await new Promise<boolean>((resolve, reject) => {
        this.#end = (outcome) => (typeof outcome === 'boolean' ? resolve(outcome) : reject(outcome));
        signal?.addEventListener('abort', stop, { once: true });
        this.#connect();
      });
      onProgress?.(this.#progress());
      return isWhole;
    } finally {
      signal?.removeEventListener('abort', stop);
      clearInterval(telling);
      clearInterval(ticking);
      for (const connection of this.#connections) connection.close();
    }
  }

  get #connectionCount(): number {
    return Math.min(this.#workload.connections, this.#workload.keys);
  }

  #connect(): void {
    const laneOf = ({ target }: LoadConnection): Lane => this.#lanes[target] as Lane;
    const events: ConnectionEvents = {
      onFree: (connection) => {
        laneOf(connection).free.add(connection);
        this.#fillLane(laneOf(connection));
      },
      onIdleLost: (connection) => void laneOf(connection).free.delete(connection),
      onAnswer: (connection, status, retryAfterMs) => this.#answered(connection, { status, retryAfterMs }),
      onLost: (connection, why) => this.#tryAgain(connection, { why, retryAfterMs: null }),
    };
    for (let index = 0; index < this.#connectionCount; index++) {
      const target = index % this.#addresses.length;
      this.#connections.push(
        new LoadConnection(target, this.#addresses[target] as Address, events, this.#wire.parserFor),
      );
    }
  }

  #fillLane(lane: Lane): void {
    const nowMs = performance.now();
    for (const connection of lane.free) {
      if (!maySend(lane.pace, lane.inFlight, nowMs)) return;
      const key = this.#again.pop() ?? (this.#next < this.#workload.keys ? this.#next++ : undefined);
      if (key === undefined) return;
      lane.free.delete(connection);
      lane.inFlight++;
      this.#keyOf.set(connection, key);
      connection.sentUs = nowMs * 1000;
      connection.isRead = false;
      this.#wire.send(connection, { method: 'put', key, limit: 0 });
    }
  }

  #answered(connection: LoadConnection, answer: { status: number; retryAfterMs: number | null }): void {
    const { status, retryAfterMs } = answer;
    const verdict = judgeStatus(status);
    if (verdict === 'for-now') return this.#tryAgain(connection, { why: `answers ${status}`, retryAfterMs });
    if (verdict === 'for-good') return this.#end(refusal(this.#workload.targets[connection.target], status));
    const lane = this.#lanes[connection.target] as Lane;
    lane.inFlight--;
    lane.pace = paceAfter(lane.pace, { kind: 'accepted' });
    this.#acceptedMs = performance.now();
    if (++this.#filled === this.#workload.keys) this.#end(true);
  }

  #tryAgain(connection: LoadConnection, { why, retryAfterMs }: { why: string; retryAfterMs: number | null }): void {
    const lane = this.#lanes[connection.target] as Lane;
    const refused = { sentMs: connection.sentUs / 1000, nowMs: performance.now(), retryAfterMs };
    lane.inFlight--;
    lane.pace = paceAfter(lane.pace, { kind: 'refused', ...refused });
    this.#again.push(this.#keyOf.get(connection) as number);
    this.#refused++;
    this.#why = why;
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const connection of this.#connections) {
      if (connection.isInFlight && connection.sentUs / 1000 < nowMs - answerMsMax)
        connection.giveUp('no answer in time');
    }
    for (const lane of this.#lanes) this.#fillLane(lane);
    const { timeoutMs = fillTimeoutMsDefault } = this.#options;
    if (nowMs - this.#acceptedMs < timeoutMs) return;
    const { targets } = this.#workload;
    const why = this.#refused === 0 && this.#keyOf.size > 0 ? 'no answer' : this.#why;
    const sentence = stuckSentence({ ...this.#progress(), targets, timeoutMs, why });
    this.#end(new KvorumError('node-unreachable', sentence));
  }

  #progress(): FillProgress {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#mark.ms;
    const lately = ((this.#filled - this.#mark.filled) * 1000) / Math.max(elapsedMs, 1);
    if (elapsedMs >= rateMsMin) this.#mark = { ms: nowMs, filled: this.#filled, rate: lately };
    const { rate = lately } = this.#mark;
    return { filled: this.#filled, keys: this.#workload.keys, rate, refused: this.#refused };
  }
}

function refusal(url: string | undefined, status: number): KvorumError {
  if (status === 507) return new KvorumError('disk-full', `Cannot fill: ${url} answers 507, its disk is full`);
  return new KvorumError('worker-failed', `Cannot fill: ${url}: answers ${status}`);
}
