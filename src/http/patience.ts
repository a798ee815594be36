/**
 * Whom a connection waits for, since when, and whether that has been too long. The server asks once a second, so there is
 * no timer per request.
 *
 * A client that sends a body or reads an answer may take as long as it wants while it makes progress (pace.ts).
 */
import { waitMsMax, type Awaited } from './connection-states.ts';
import { keepsPace, type Progress } from './pace.ts';

export interface PatienceRules {
  /** How long a connection may idle between requests. */
  readonly keepAliveMs: number;
  readonly bodyBytesPerSecondMin: number;
  /** How long a client may read its answers at less than that rate. */
  readonly readerGraceMs: () => number;
}

/** What becomes of a connection: it waits on, ends now, or ends with an answer that says why. */
export type Verdict = 'wait' | 'end' | 'time-out';

export class Patience {
  readonly #rules: PatienceRules;
  #awaits: Awaited = 'next-request';
  #since: number;
  /** Bytes of a body that have come without its end, since `#since`. */
  #bodyBytes = 0;
  /** What the client has read, as of when it was first seen that some is left. */
  #reading: Progress | undefined;

  /** Times are milliseconds of one clock. */
  constructor(rules: PatienceRules, now: number) {
    this.#rules = rules;
    this.#since = now;
  }

  /** Notes whom the connection waits for now; the wait begins where that has changed. */
  note(awaits: Awaited, now: number): void {
    if (awaits === this.#awaits) return;
    this.#awaits = awaits;
    this.#since = now;
  }

  /** The node has work of the client's: the next wait begins when that is done. */
  noteWork(): void {
    this.#awaits = 'answer';
  }

  /** The wait begins anew: the client has done something. */
  restart(now: number): void {
    this.#since = now;
  }

  startBody(): void {
    this.#bodyBytes = 0;
  }

  addBody(bytes: number): void {
    this.#bodyBytes += bytes;
  }

  /** Answers wait for their client, which has taken `taken` bytes of them by now: it may take long, but must go on. */
  judgeReader(now: number, taken: number): Verdict {
    const progress = { since: now, bytes: taken };
    const { bodyBytesPerSecondMin: bytesPerSecondMin } = this.#rules;
    const pace = { graceMs: this.#rules.readerGraceMs(), bytesPerSecondMin };
    this.#reading = keepsPace(this.#reading ?? progress, progress, pace);
    return this.#reading === undefined ? 'end' : 'wait';
  }

  /** No answer waits for its client. */
  judge(now: number, isReceivingBody: boolean): Verdict {
    this.#reading = undefined;
    if (this.#awaits === 'answer') return 'wait';
    const waitedMs = now - this.#since;
    const mayWaitMs = this.#awaits === 'next-request' ? this.#rules.keepAliveMs : waitMsMax[this.#awaits];
    if (waitedMs <= mayWaitMs) return 'wait';
    if (this.#awaits !== 'rest-of-request') return 'end';
    return isReceivingBody ? this.#judgeBody(now) : 'time-out';
  }

  /** A body has not come whole: it may take long, but must go on. */
  #judgeBody(now: number): Verdict {
    const pace = { graceMs: waitMsMax['rest-of-request'], bytesPerSecondMin: this.#rules.bodyBytesPerSecondMin };
    const progress = { since: now, bytes: this.#bodyBytes };
    if (keepsPace({ since: this.#since, bytes: 0 }, progress, pace) === undefined) return 'time-out';
    this.#since = now;
    this.#bodyBytes = 0;
    return 'wait';
  }
}
