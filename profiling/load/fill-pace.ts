/**
 * How many PUTs of a fill one node gets at once, decided from what it answers. Pure.
 *
 * As TCP finds the rate of a path (RFC 5681): begin with few, double while answers are good, halve at a refusal, from then
 * on grow by one a window. Refusals of what was sent before the last halving say nothing new. Where even a single request
 * is refused the next one waits, each time twice as long.
 */

export interface Pace {
  /** Requests in flight at most, from 1; its fraction is growth that does not make a whole request yet. */
  readonly limit: number;
  readonly limitMax: number;
  /** Below it each acceptance adds one to the limit; above it a whole window of them does. */
  readonly fastBelow: number;
  /** The next pause where a single request was refused. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
  /** Nothing is sent before. */
  readonly resumeAtMs: number;
  readonly slowedAtMs: number;
}

export type FillAnswer =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'refused';
      readonly sentMs: number;
      readonly nowMs: number;
      /** What the node asked for; null where it did not. */
      readonly retryAfterMs: number | null;
    };

const limitAtStart = 2;
const pauseMsMin = 50;
export const pauseMsMaxDefault = 1000;
/** A node that asks for more is asked again after this. */
const retryAfterMsMax = 10_000;

export function paceAtStart(limitMax: number, pauseMsMax = pauseMsMaxDefault): Pace {
  return {
    limit: Math.min(limitAtStart, limitMax),
    limitMax,
    fastBelow: limitMax,
    pauseMs: Math.min(pauseMsMin, pauseMsMax),
    pauseMsMax,
    resumeAtMs: -Infinity,
    slowedAtMs: -Infinity,
  };
}

export function paceAfter(pace: Pace, answer: FillAnswer): Pace {
  return answer.kind === 'accepted' ? grown(pace) : slowed(pace, answer);
}

export function maySend(pace: Pace, inFlight: number, nowMs: number): boolean {
  return nowMs >= pace.resumeAtMs && inFlight < Math.floor(pace.limit);
}

/** What a status means to a fill: the key is in, it may go in later, or trying again is of no use. */
export function judgeStatus(status: number): 'accepted' | 'for-now' | 'for-good' {
  if (status === 201) return 'accepted';
  return forNow.has(status) ? 'for-now' : 'for-good';
}

/** 500 is a worker that died and is replaced; a PUT that is sent again does no harm. */
const forNow: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

function grown(pace: Pace): Pace {
  const step = pace.limit < pace.fastBelow ? 1 : 1 / pace.limit;
  const pauseMs = Math.min(pauseMsMin, pace.pauseMsMax);
  return { ...pace, limit: Math.min(pace.limit + step, pace.limitMax), pauseMs };
}

function slowed(pace: Pace, { sentMs, nowMs, retryAfterMs }: Extract<FillAnswer, { kind: 'refused' }>): Pace {
  const askedMs = retryAfterMs === null ? -Infinity : nowMs + Math.min(retryAfterMs, retryAfterMsMax);
  const asked = { ...pace, resumeAtMs: Math.max(pace.resumeAtMs, askedMs) };
  if (sentMs < pace.slowedAtMs) return asked;
  if (pace.limit >= 2) {
    const limit = Math.floor(pace.limit / 2);
    return { ...asked, limit, fastBelow: limit, slowedAtMs: nowMs };
  }
  return {
    ...asked,
    limit: 1,
    fastBelow: 1,
    slowedAtMs: nowMs,
    pauseMs: Math.min(pace.pauseMs * 2, pace.pauseMsMax),
    resumeAtMs: Math.max(asked.resumeAtMs, nowMs + pace.pauseMs),
  };
}
