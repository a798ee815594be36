/**
 * The books of a run: which requests are due, which were taken, what came of each. Pure: the time comes in with every
 * call and nothing is sent here, so that a test can run hours of load on a clock of its own.
 *
 * Latency counts from the intended start, service time from the sending; both are of good answers, and errors have a
 * histogram of their own, so that a cluster that refuses quickly does not look quick. What is due and not yet sent is not kept
 * anywhere: the schedule is drawn twice, once by what is due and once by what is taken, and the distance between the two
 * is the queue, as long as it may become.
 *
 * Times are microseconds from the start of the measured window; the warm-up is before 0.
 */
import type { Breakdown } from './breakdown.ts';
import { LatencyHistogram } from './histogram.ts';
import type { LoadResult } from './engine.ts';
import type { OperationKind } from './load-shape.ts';
import type { SecondResult, StatusCount } from './result.ts';
import type { Schedule } from './schedule.ts';

export interface LedgerOptions {
  /** Makes the schedule; called twice. */
  readonly schedule: () => Schedule;
  readonly warmupUs: number;
  readonly durationUs: number;
  readonly targets: readonly string[];
  readonly breakdown: Breakdown;
  /** The longest that the generator's event loop was held up since the last call. */
  readonly delayMsMax: () => number;
  /** Called at the end of each second, of the warm-up too. */
  readonly onSecond: (second: SecondResult) => void;
}

/** A request that was sent: where to, when it should have been, and when it was. */
export interface SentRequest {
  readonly target: number;
  readonly kind: OperationKind;
  readonly intendedUs: number;
  readonly sentUs: number;
}

/** No answer because nobody waited for it any longer; these are no errors of the nodes. */
export const notSent = 'not sent';
export const cutOff = 'cut';

/** A request that starts later than this although a connection was free is late. */
const lateUs = 1000;

interface Tally {
  completed: number;
  failed: number;
  unanswered: number;
  /** Of good answers. */
  readonly latency: LatencyHistogram;
}

const emptyTally = (): Tally => ({ completed: 0, failed: 0, unanswered: 0, latency: new LatencyHistogram() });

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #taken: Cursor;
  readonly #due: Cursor;
  /** The end of the measured window; earlier than planned where the run was cut short. */
  #endUs: number;
  /** All that are due and settled, those of the warm-up included. */
  #dueCount = 0;
  #settledCount = 0;
  #takenCount = 0;
  #windowDue = 0;
  #windowTaken = 0;
  #pendingMax = 0;
  #answeredInWindow = 0;
  #second: number;
  #secondDue = 0;
  #inSecond = emptyTally();
  readonly #seconds: SecondResult[] = [];
  readonly #targets: readonly Tally[];
  readonly #errors = new LatencyHistogram();
  readonly #service = new LatencyHistogram();
  readonly #lateness = new LatencyHistogram();
  #lateStarts = 0;
  #freeSinceUs = Number.NEGATIVE_INFINITY;
  readonly #statuses = new Float64Array(1000);
  readonly #unanswered = new Map<string, number>();
  #isCut = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#endUs = options.durationUs;
    this.#second = -Math.ceil(options.warmupUs / 1e6);
    this.#taken = new Cursor(options.schedule());
    this.#due = new Cursor(options.schedule());
    this.#targets = options.targets.map(emptyTally);
  }

  get endUs(): number {
    return this.#endUs;
  }

  /** When the next request is to be taken, or was to be; Infinity where none is left. */
  get nextUs(): number {
    return this.#taken.nextUs < this.#endUs ? this.#taken.nextUs : Infinity;
  }

  /** Sent and neither answered nor lost. */
  get inFlight(): number {
    return this.#takenCount - this.#settledCount;
  }

  /** From now on a connection is free, after none was. */
  freed(nowUs: number): void {
    this.#freeSinceUs = nowUs;
  }

  /** Takes the request that is due the longest for sending now; its intended start, or undefined where none is due. */
  take(nowUs: number): number | undefined {
    const intendedUs = this.nextUs;
    if (intendedUs > nowUs) return undefined;
    this.#taken.move();
    this.#takenCount++;
    if (intendedUs < 0) return intendedUs;
    this.#windowTaken++;
    const lateByUs = nowUs - Math.max(intendedUs, this.#freeSinceUs);
    this.#lateness.record(lateByUs);
    if (lateByUs > lateUs) this.#lateStarts++;
    return intendedUs;
  }

  answered(request: SentRequest, status: number, isFailure: boolean, nowUs: number): void {
    this.#settle(nowUs);
    const latencyUs = nowUs - request.intendedUs;
    this.#options.breakdown.answered(request, isFailure, latencyUs);
    this.#inSecond.completed++;
    if (isFailure) this.#inSecond.failed++;
    else this.#inSecond.latency.record(latencyUs);
    if (nowUs >= 0 && nowUs < this.#endUs) this.#answeredInWindow++;
    if (request.intendedUs < 0) return;
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    const target = this.#targets[request.target] as Tally;
    target.completed++;
    if (isFailure) {
      target.failed++;
      this.#errors.record(latencyUs);
      return;
    }
    this.#service.record(nowUs - request.sentUs);
    target.latency.record(latencyUs);
  }

  /** No answer will come; `why` is what stands in the place of a status. Only `cutOff` is no error. */
  lost(request: SentRequest, why: string, nowUs: number): void {
    this.#settle(nowUs);
    if (why !== cutOff) this.#options.breakdown.lost(request);
    if (why !== cutOff) this.#inSecond.unanswered++;
    if (request.intendedUs < 0) return;
    this.#unanswered.set(why, (this.#unanswered.get(why) ?? 0) + 1);
    if (why === cutOff) return;
    (this.#targets[request.target] as Tally).unanswered++;
    this.#errors.record(nowUs - request.intendedUs);
  }

  /** Brings the books up to now. Each call that settles a request does so first. */
  advance(nowUs: number): void {
    while (this.#second < this.#endUs / 1e6 && nowUs >= this.#secondEndUs()) this.#closeSecond(this.#secondEndUs());
    this.#countDue(nowUs);
  }

  /** The window ends now: nothing that is due later is sent or counted. */
  cut(nowUs: number): void {
    this.#isCut = true;
    this.#endUs = Math.max(0, Math.min(this.#endUs, nowUs));
    this.advance(nowUs);
  }

  /** Where no more comes. What was due and never taken was not sent, or was cut by the interruption. */
  result(): LedgerResult {
    this.advance(this.#endUs);
    const seconds = this.#endUs / 1e6;
    const unsent = this.#windowDue - this.#windowTaken;
    const why = this.#isCut ? cutOff : notSent;
    if (unsent > 0) this.#unanswered.set(why, (this.#unanswered.get(why) ?? 0) + unsent);
    const sum = (count: 'completed' | 'failed' | 'unanswered'): number =>
      this.#targets.reduce((total, target) => total + target[count], 0);
    const latency = new LatencyHistogram();
    for (const target of this.#targets) latency.add(target.latency.snapshot());
    return {
      totals: {
        due: this.#windowDue,
        completed: sum('completed'),
        failed: sum('failed'),
        unanswered: sum('unanswered'),
        notSent: this.#unanswered.get(notSent) ?? 0,
        cut: this.#unanswered.get(cutOff) ?? 0,
        lateStarts: this.#lateStarts,
        pendingMax: this.#pendingMax,
        seconds,
        rate: seconds === 0 ? 0 : this.#answeredInWindow / seconds,
      },
      latency: latency.snapshot(),
      errorLatency: this.#errors.snapshot(),
      service: this.#service.snapshot(),
      statuses: this.#statusCounts(),
      targets: this.#targets.map((target, index) => ({
        ...target,
        url: this.#options.targets[index] as string,
        latency: target.latency.snapshot(),
      })),
      ...this.#options.breakdown.result(),
      seconds: this.#seconds,
      lateness: this.#lateness.snapshot(),
    };
  }

  #settle(nowUs: number): void {
    this.advance(nowUs);
    this.#pendingMax = Math.max(this.#pendingMax, nowUs >= 0 ? this.#dueCount - this.#settledCount : 0);
    this.#settledCount++;
  }

  #countDue(nowUs: number): void {
    const { nextUs } = this.#due;
    if (nextUs > nowUs) return;
    for (let atUs = nextUs; atUs <= nowUs && atUs < this.#endUs; atUs = this.#due.move()) {
      this.#dueCount++;
      this.#secondDue++;
      if (atUs >= 0) this.#windowDue++;
      this.#options.breakdown.due(atUs);
    }
  }

  #secondEndUs(): number {
    return Math.min((this.#second + 1) * 1e6, this.#second < 0 ? 0 : this.#endUs);
  }

  #closeSecond(endUs: number): void {
    // What is due at the very end belongs to the next second.
    this.#countDue(endUs - 1e-3);
    const pending = this.#dueCount - this.#settledCount;
    if (this.#second >= 0) this.#pendingMax = Math.max(this.#pendingMax, pending);
    const second: SecondResult = {
      ...this.#inSecond,
      second: this.#second,
      due: this.#secondDue,
      pending,
      latency: this.#inSecond.latency.snapshot(),
      generatorDelayMsMax: this.#options.delayMsMax(),
    };
    if (this.#second >= 0) this.#seconds.push(second);
    this.#second++;
    this.#secondDue = 0;
    this.#inSecond = emptyTally();
    this.#options.onSecond(second);
  }

  #statusCounts(): StatusCount[] {
    const counts: StatusCount[] = [];
    for (const [status, count] of this.#statuses.entries()) if (count > 0) counts.push({ status: `${status}`, count });
    return [...counts, ...[...this.#unanswered].map(([status, count]) => ({ status, count }))];
  }
}

export type LedgerResult = Omit<LoadResult, 'startedAt' | 'cutShort' | 'generator' | 'saturated' | 'errorLatency'> & {
  readonly errorLatency: LoadResult['latency'];
  /** How late requests started although a connection was free. */
  readonly lateness: LoadResult['latency'];
};

/** Where in the schedule one of its two readers is. */
class Cursor {
  readonly #schedule: Schedule;
  nextUs: number;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.nextUs = schedule();
  }

  move(): number {
    return (this.nextUs = this.#schedule());
  }
}
