/**
 * The built-in load generator: sends what the schedule says when it says so, over connections that stay open, and keeps
 * the books (ledger.ts). It runs in a process of its own (generator-process.ts), so that nothing else delays it.
 *
 * Node's timers tick once a millisecond: all that is due goes out at each tick, and at each answer that arrives, which
 * at high rates is far more often. While no request is in flight there is nothing to hear, so the thread itself sleeps
 * until the next is due, which is exact to a tenth of a millisecond.
 */
import { performance } from 'node:perf_hooks';
import { Breakdown } from './breakdown.ts';
import type { LoadProgress, LoadResult } from './engine.ts';
import { percentileUs, sumOf } from './histogram.ts';
import { LoadConnection, reach, type Address, type ConnectionEvents } from './connection.ts';
import { cutOff, Ledger } from './ledger.ts';
import { LoopWatch } from './loop-watch.ts';
import { seededRandom } from './random.ts';
import { kindsOf, requestSource, type LoadRequest, type RequestSource } from './requests.ts';
import type { SecondResult, Workload } from './result.ts';
import { saturation } from './saturation.ts';
import { schedule } from './schedule.ts';
import { wireOf } from './wire.ts';

export interface GenerateOptions {
  /** A request without an answer after this, from its sending, is given up. */
  readonly timeoutMs: number;
  readonly onProgress: (progress: LoadProgress) => void;
  readonly onMeasuring: () => void;
  readonly signal: AbortSignal;
}

const housekeepingMs = 20;
const connectMsMax = 5000;
/** A timer wakes up to this much after its time; the rest is slept. */
const tickMs = 1.2;
/** After an interruption, for requests in flight. */
const cutMsMax = 1000;

/** Runs the workload in this process. Throws `KvorumError` where a target cannot be reached. */
export async function generate(workload: Workload, options: GenerateOptions): Promise<LoadResult> {
  const addresses = await Promise.all(workload.targets.map(reach));
  return new Generator(workload, options, addresses).run();
}

class Generator {
  readonly #workload: Workload;
  readonly #options: GenerateOptions;
  readonly #ledger: Ledger;
  readonly #connections: LoadConnection[];
  /** Connections that can take a request; the one that is free the longest takes the next. */
  readonly #free: LoadConnection[] = [];
  #freeHead = 0;
  readonly #requests: RequestSource;
  readonly #breakdown: Breakdown;
  /** Of operations of two requests: what is sent once the connection can take it. */
  readonly #then = new Map<LoadConnection, LoadRequest>();
  readonly #send: (connection: LoadConnection, request: LoadRequest) => void;
  readonly #watch = new LoopWatch();
  #startMs = Infinity;
  #isArmed = false;
  #isMeasuring = false;
  #sendsUntilUs: number;
  #isCut = false;
  #finish: (() => void) | undefined;

  constructor(workload: Workload, options: GenerateOptions, addresses: readonly Address[]) {
    this.#workload = workload;
    this.#options = options;
    const { arrival, rate, stages, warmupMs, durationMs, targets, seed } = workload;
    const warmupUs = warmupMs * 1000;
    const durationUs = durationMs * 1000;
    // What is still due at the end is sent a while longer, so that its latency is known.
    this.#sendsUntilUs = durationUs + 1000 * Math.min(options.timeoutMs, Math.max(1000, durationMs / 5));
    this.#breakdown = new Breakdown(kindsOf(workload), stages);
    this.#ledger = new Ledger({
      schedule: () => schedule({ rate, arrival, warmupUs, ...(stages && { stages }) }, seededRandom(seed)),
      breakdown: this.#breakdown,
      warmupUs,
      durationUs,
      targets,
      delayMsMax: () => this.#watch.takeSecond(),
      onSecond: (second) => this.#onSecond(second),
    });
    this.#requests = requestSource(workload);
    const { send, parserFor } = wireOf(workload);
    this.#send = send;
    const events: ConnectionEvents = {
      onFree: (connection) => this.#onFree(connection),
      onAnswer: (connection, status) => this.#onAnswer(connection, status),
      onLost: (connection, why) => this.#onLost(connection, why),
      onIdleLost: (connection) => this.#onIdleLost(connection),
    };
    this.#connections = Array.from({ length: workload.connections }, (_, index) => {
      const target = index % addresses.length;
      return new LoadConnection(target, addresses[target] as Address, events, parserFor);
    });
  }

  async run(): Promise<LoadResult> {
    const { signal } = this.#options;
    await this.#connected();
    const startedAt = new Date(Date.now() + this.#workload.warmupMs).toISOString();
    this.#startMs = performance.now() + this.#workload.warmupMs;
    this.#ledger.freed(this.#nowUs());
    const keeping = setInterval(() => this.#keepHouse(), housekeepingMs);
    const cut = (): void => this.#cut();
    signal.addEventListener('abort', cut);
    const finished = new Promise<void>((resolve) => (this.#finish = resolve));
    if (signal.aborted) this.#cut();
    this.#pump();
    await finished;
    clearInterval(keeping);
    signal.removeEventListener('abort', cut);
    for (const connection of this.#connections) connection.close();
    const { lateness, ...result } = this.#ledger.result();
    const generator = this.#watch.result();
    const latency = sumOf([result.latency, result.errorLatency]);
    const saturated = saturation({ totals: result.totals, latency, lateness, generator });
    return { ...result, startedAt, cutShort: this.#isCut, generator, saturated };
  }

  /** Microseconds from the start of the measured window. */
  #nowUs(): number {
    return (performance.now() - this.#startMs) * 1000;
  }

  /** Most connections are there at once; what is not there after a while, or is refused, comes later or never. */
  async #connected(): Promise<void> {
    const deadlineMs = performance.now() + connectMsMax;
    while (this.#free.length < this.#connections.length && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (this.#options.signal.aborted) return;
    }
  }

  #freeCount(): number {
    return this.#free.length - this.#freeHead;
  }

  #onFree(connection: LoadConnection): void {
    const second = this.#then.get(connection);
    if (second !== undefined) {
      this.#then.delete(connection);
      connection.isRead = false;
      return this.#send(connection, second);
    }
    if (this.#freeCount() === 0) this.#ledger.freed(this.#nowUs());
    this.#free.push(connection);
    this.#pump();
  }

  #onLost(connection: LoadConnection, why: string): void {
    this.#then.delete(connection);
    this.#ledger.lost(connection, why, this.#nowUs());
  }

  #onIdleLost(connection: LoadConnection): void {
    const index = this.#free.indexOf(connection, this.#freeHead);
    if (index >= 0) this.#free.splice(index, 1);
  }

  #onAnswer(connection: LoadConnection, status: number): void {
    const isSuccess = (status >= 200 && status < 300) || (status === 404 && connection.isRead);
    // The second half of a read-modify-write; its latency counts from when the first was due.
    if (isSuccess && connection.kind === 'modify' && connection.isRead) {
      this.#then.set(connection, { method: 'put', key: connection.key, limit: 0 });
      return;
    }
    if (isSuccess && connection.kind === 'insert') this.#requests.inserted(connection.key);
    this.#ledger.answered(connection, status, !isSuccess, this.#nowUs());
  }

  /** Sends all that is due, as far as connections are free, and sees to it that it is called when more is. */
  #pump(): void {
    if (this.#startMs === Infinity) return;
    while (this.#freeCount() > 0) {
      const nowUs = this.#nowUs();
      if (nowUs >= this.#sendsUntilUs) return;
      const intendedUs = this.#ledger.take(nowUs);
      if (intendedUs === undefined) {
        const delayMs = (this.#ledger.nextUs - nowUs) / 1000;
        if (delayMs >= tickMs || this.#ledger.inFlight > 0) return this.#arm(delayMs);
        this.#watch.sleep(delayMs);
        continue;
      }
      const connection = this.#nextFree();
      const request = this.#requests.draw();
      connection.intendedUs = intendedUs;
      connection.sentUs = nowUs;
      connection.kind = request.kind;
      connection.key = request.key;
      connection.isRead = request.method === 'get';
      this.#send(connection, request);
    }
  }

  #nextFree(): LoadConnection {
    const connection = this.#free[this.#freeHead++] as LoadConnection;
    if (this.#freeHead > 1024 && this.#freeHead * 2 > this.#free.length) {
      this.#free.splice(0, this.#freeHead);
      this.#freeHead = 0;
    }
    return connection;
  }

  #arm(delayMs: number): void {
    if (this.#isArmed || delayMs === Infinity) return;
    this.#isArmed = true;
    const wake = (): void => {
      this.#isArmed = false;
      this.#pump();
    };
    setTimeout(wake, Math.max(1, delayMs - tickMs));
  }

  #keepHouse(): void {
    const nowUs = this.#nowUs();
    const ledger = this.#ledger;
    if (!this.#isMeasuring && nowUs >= 0 && !this.#isCut) {
      this.#isMeasuring = true;
      this.#watch.begin();
      this.#options.onMeasuring();
    }
    ledger.advance(nowUs);
    const oldestUs = nowUs - this.#options.timeoutMs * 1000;
    for (const connection of this.#connections) {
      if (connection.sentUs >= oldestUs) continue;
      if (connection.isInFlight) connection.giveUp('timeout');
      else if (this.#then.has(connection)) this.#onLost(connection, 'timeout');
    }
    if (nowUs < ledger.endUs) return;
    this.#watch.end();
    if (ledger.inFlight > 0 && this.#isCut && nowUs > ledger.endUs + cutMsMax * 1000) this.#drop(nowUs);
    const isAllSent = ledger.nextUs === Infinity || nowUs >= this.#sendsUntilUs;
    if (isAllSent && ledger.inFlight === 0) this.#finish?.();
  }

  #cut(): void {
    if (this.#isCut || this.#nowUs() >= this.#ledger.endUs) return;
    this.#isCut = true;
    this.#sendsUntilUs = -Infinity;
    this.#ledger.cut(this.#nowUs());
  }

  #drop(nowUs: number): void {
    for (const connection of this.#connections) {
      if (!connection.isInFlight && !this.#then.has(connection)) continue;
      connection.close();
      this.#ledger.lost(connection, cutOff, nowUs);
    }
  }

  #onSecond(second: SecondResult): void {
    this.#options.onProgress({
      second: second.second,
      due: second.due,
      completed: second.completed,
      failed: second.failed + second.unanswered,
      pending: second.pending,
      p99Us: percentileUs(second.latency, 99),
      kinds: this.#breakdown.takeSecond(),
    });
  }
}
