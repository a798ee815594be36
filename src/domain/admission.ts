/**
 * How many operations may be in flight, by time: what would wait longer than its deadline is better refused at once, while
 * nothing has been done, than answered "outcome unknown" when the deadline has passed.
 *
 * As CoDel does (Nichols and Jacobson, 2012, RFC 8289): the least time that any operation took in an interval tells whether
 * a queue stands, since one that is only a burst lets some through quickly. While a queue stands, the rate of answers is
 * what the node can do, and the operations in flight are the queue (Little's law): so many are let in as are answered
 * within a share of the deadline. Without a queue the rate says only what was asked for, and there is no bound.
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

/** Shares of the deadline. Up to this there is no queue to speak of. */
const quickShare = 0.05;
/** A queue that takes longer than this has not gone by itself: no more than so much of it is kept. */
const standingShare = 0.2;
/** A shorter one may grow up to this. */
const growingShare = 0.8;

/** How many operations may be in flight after an interval; `last` is how many might before it. */
export function inFlightMaxAfter(last: number, interval: Interval, rules: AdmissionRules): number {
  const { ms, answered, tookMsMin } = interval;
  if (answered === 0) return last;
  if (tookMsMin <= rules.timeoutMs * quickShare) return Infinity;
  const share = tookMsMin > rules.timeoutMs * standingShare ? standingShare : growingShare;
  return Math.max(rules.inFlightMin, Math.floor((answered / ms) * rules.timeoutMs * share));
}
