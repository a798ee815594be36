/**
 * Whether an operation is taken in: by number, by time (src/domain/admission.ts), and not after a pause of the process,
 * when nobody knows how long ago it was asked for.
 *
 * Reads and writes are measured apart: reads that are quick would hide that writes wait for the disk.
 */
import { admittedAfter, nothingMeasured, type AdmissionRules, type Admitted } from '../domain/admission.ts';
import type { MetricFamily } from '../metrics/metrics.ts';
import type { Pulse } from './pulse.ts';

export type Lane = 'read' | 'write';

/** Why an operation is not taken in; nothing of it was done. */
export type Refusal = 'too-many' | 'too-late' | 'paused';

export interface AdmissionOptions {
  readonly operationsInFlightMax: number;
  /** The deadline of an operation. */
  readonly timeoutMs: number;
  readonly pulse: Pick<Pulse, 'isResuming' | 'hasPausedSince'>;
}

/** How long is measured at a time: long enough for a few turns, short beside the deadline. */
const INTERVAL_MS = 100;
/** Whoever has so few operations in flight asks no more than a few busy clients do. */
const IN_FLIGHT_MIN = 64;

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #lanes: Readonly<Record<Lane, MeasuredLane>>;
  readonly #refused: Record<Refusal, number> = { 'too-many': 0, 'too-late': 0, paused: 0 };
  #inFlight = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const rules = { timeoutMs: options.timeoutMs, inFlightMin: IN_FLIGHT_MIN };
    this.#lanes = { read: new MeasuredLane(rules), write: new MeasuredLane(rules) };
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Why an operation that begins now would be refused, `now` being `performance.now()`; undefined if it would not be.
   * `heldSince` tells since when it has waited for its turn, 0 if it has not.
   */
  refusal(lane: Lane, now: number, heldSince = 0): Refusal | undefined {
    const refusal = this.#judge(lane, now, heldSince);
    if (refusal !== undefined) this.#refused[refusal]++;
    return refusal;
  }

  /** An operation begins. */
  begin(lane: Lane): void {
    this.#inFlight++;
    this.#lanes[lane].inFlight++;
  }

  /** An operation that began at `beganAt` has ended, by its quorum or otherwise. */
  end(lane: Lane, beganAt: number, now: number, isAnswered: boolean): void {
    this.#inFlight--;
    this.#lanes[lane].end(beganAt, now, isAnswered);
  }

  /** What was refused, by reason. */
  metrics(): MetricFamily {
    const samples = Object.entries(this.#refused).map(([reason, value]) => ({ labels: { reason }, value }));
    return {
      type: 'counter',
      name: 'kvorum_operations_refused_total',
      help: 'Operations refused with 503 before anything was done: too many, too late, or after a pause of the process',
      samples,
    };
  }

  #judge(lane: Lane, now: number, heldSince: number): Refusal | undefined {
    const { operationsInFlightMax, pulse } = this.#options;
    if (pulse.isResuming(now) || (heldSince !== 0 && pulse.hasPausedSince(heldSince))) return 'paused';
    if (this.#inFlight >= operationsInFlightMax) return 'too-many';
    return this.#lanes[lane].hasRoom(now) ? undefined : 'too-late';
  }
}

class MeasuredLane {
  inFlight = 0;
  readonly #rules: AdmissionRules;
  #admitted: Admitted = nothingMeasured;
  #since = 0;
  #answered = 0;
  #tookMsMin = Infinity;

  constructor(rules: AdmissionRules) {
    this.#rules = rules;
  }

  hasRoom(now: number): boolean {
    this.#measure(now);
    return this.inFlight < this.#admitted.inFlightMax;
  }

  end(beganAt: number, now: number, isAnswered: boolean): void {
    this.inFlight--;
    if (!isAnswered) return;
    this.#answered++;
    this.#tookMsMin = Math.min(this.#tookMsMin, now - beganAt);
  }

  /** Intervals end when somebody asks after their time: an idle node needs no timer. */
  #measure(now: number): void {
    const ms = now - this.#since;
    if (ms < INTERVAL_MS) return;
    const interval = { ms, answered: this.#answered, tookMsMin: this.#tookMsMin };
    this.#admitted = admittedAfter(this.#admitted, interval, this.#rules);
    this.#since = now;
    this.#answered = 0;
    this.#tookMsMin = Infinity;
  }
}
