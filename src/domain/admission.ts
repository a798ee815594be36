/**
 * How many operations may be in flight, by time: what would wait longer than its deadline is better refused at once, while
 * nothing has been done, than answered "outcome unknown" when the deadline has passed.
 *
 * As CoDel does (Nichols and Jacobson, 2012, RFC 8289): the least time that any operation took in an interval tells whether
 * a queue stands, since one that is only a burst lets some through quickly. While a queue stands, the rate of answers is
 * what the node can do, and the operations in flight are the queue (Little's law): so many are let in as are answered
 * within a share of the deadline. Without a queue the rate says only what was asked for, and there is no bound.
 *
 * The rate is the best of the last intervals (as BBR's estimate of a bottleneck): many clients that wait for their answers
 * come in waves, and an interval between two waves, with an answer or two, would let in next to nothing of the next one.
 */

export interface AdmissionRules {
  /** The deadline of an operation. */
  readonly timeoutMs: number;
  /** So many are let in whatever was measured. */
  readonly inFlightMin: number;
}

/** What was seen in an interval. */
export interface Interval {
  readonly ms: number;
  /** Operations that reached their quorum: what ended otherwise says nothing of how fast the node is. */
  readonly answered: number;
  /** The least time that one of them took. */
  readonly tookMsMin: number;
}

/** What the intervals before an interval leave to it. */
export interface Admitted {
  /** How many operations may be in flight. */
  readonly inFlightMax: number;
  /** Answers a millisecond that the node has shown it can give, less by the time since. */
  readonly rate: number;
}

export const nothingMeasured: Admitted = { inFlightMax: Infinity, rate: 0 };

/** What is left after 100 ms of a rate that was not reached again: of one that the node has lost, a tenth after a second. */
const keptRate = 0.8;
const KEPT_MS = 100;
/** Shares of the deadline. Up to this there is no queue to speak of. */
const quickShare = 0.05;
/** A queue that takes longer than this has not gone by itself: no more than so much of it is kept. */
const standingShare = 0.2;
/** A shorter one may grow up to this. */
const growingShare = 0.8;

/** How many operations may be in flight after an interval. */
export function admittedAfter(last: Admitted, interval: Interval, rules: AdmissionRules): Admitted {
  const { ms, answered, tookMsMin } = interval;
  const rate = Math.max(answered / ms, last.rate * keptRate ** (ms / KEPT_MS));
  if (answered === 0) return { ...last, rate };
  if (tookMsMin <= rules.timeoutMs * quickShare) return { inFlightMax: Infinity, rate };
  const share = tookMsMin > rules.timeoutMs * standingShare ? standingShare : growingShare;
  return { inFlightMax: Math.max(rules.inFlightMin, Math.floor(rate * rules.timeoutMs * share)), rate };
}
