/**
 * What the client remembers of each node: whether it answered last, and until when it is asked only after the others.
 * A node that fails rests for 250 ms, then twice as long each time, up to 30 s; its first answer ends that. Nobody is
 * given up: where all rest, the one whose rest ends first is asked first. Pure: time and chance are parameters.
 */

export interface Health {
  readonly url: string;
  /** Failures since its last answer. */
  readonly failures: number;
  /** On the clock of the caller, milliseconds. */
  readonly restsUntilMs: number;
  /** Whether it has answered anything, and has not failed since. */
  readonly hasAnswered: boolean;
}

const REST_MS = 250;
const REST_MS_MAX = 30_000;

export function unknownHealth(url: string): Health {
  return { url, failures: 0, restsUntilMs: 0, hasAnswered: false };
}

export function afterAnswer({ url }: Health): Health {
  return { url, failures: 0, restsUntilMs: 0, hasAnswered: true };
}

/** A node that answers, but asks to come back in `restMs`. */
export function afterRefusal({ url }: Health, nowMs: number, restMs: number): Health {
  return { url, failures: 0, restsUntilMs: nowMs + Math.min(restMs, REST_MS_MAX), hasAnswered: true };
}

/** `chance` from 0 to 1: clients that lost a node together do not come back together. */
export function afterFailure({ url, failures }: Health, nowMs: number, chance: number): Health {
  const restMs = Math.min(REST_MS * 2 ** failures, REST_MS_MAX) * (1 - chance / 2);
  return { url, failures: failures + 1, restsUntilMs: nowMs + restMs, hasAnswered: false };
}

/** Who is asked first: those that do not rest in the order given, then the others by the end of their rest. */
export function inOrder(nodes: readonly Health[], nowMs: number): readonly Health[] {
  const resting = nodes.filter(({ restsUntilMs }) => restsUntilMs > nowMs);
  const well = nodes.filter(({ restsUntilMs }) => restsUntilMs <= nowMs);
  return [...well, ...resting.toSorted((a, b) => a.restsUntilMs - b.restsUntilMs)];
}

/**
 * For how long all nodes have asked to be left alone; 0 if one has not. A node that does not answer has asked for nothing: it
 * may be back at any time.
 */
export function askedRestMs(nodes: readonly Health[], nowMs: number): number {
  const rests = nodes.map(({ hasAnswered, restsUntilMs }) => (hasAnswered ? restsUntilMs - nowMs : 0));
  return Math.max(0, Math.min(...rests));
}
