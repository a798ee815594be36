/**
 * How far this node's clock is from the others', and what follows from it. Pure: who asks the peers, and when, is elsewhere.
 *
 * A peer's offset is measured by the four stamps of NTP (RFC 5905 section 8): asked at t1, received at t2, answered at t3,
 * received back at t4. Half of what the way there and back took bounds the error, so of the last measures the one with the
 * quickest way counts.
 *
 * A clock that differs from most of at least three is taken for the wrong one. Of two nobody can tell which is wrong.
 */

/** One measure of a peer's clock, microseconds. */
export interface Offset {
  /** How far the peer's clock is ahead of this node's; negative: behind. */
  readonly micros: number;
  /** By how much that can be wrong. */
  readonly errorMicros: number;
}

/** The stamps of one question and its answer, microseconds; the first and the last by the asker's clock. */
export interface Exchange {
  readonly askedAt: number;
  readonly receivedAt: number;
  readonly answeredAt: number;
  readonly returnedAt: number;
}

export interface ClockBounds {
  /** A clock that is off by more than this writes nothing. */
  readonly clockDriftMsMax: number;
}

export type ClockVerdict =
  /** Nobody else's clock is known. */
  | { readonly kind: 'unmeasured' }
  | { readonly kind: 'good'; readonly measured: number; readonly offMicros: number }
  /** Off by more than a second, or one of two clocks is wrong: to be told, and no more. */
  | { readonly kind: 'doubtful'; readonly measured: number; readonly offMicros: number }
  /** Off by more than clocks may be. */
  | { readonly kind: 'skewed'; readonly measured: number; readonly offMicros: number; readonly against: number };

/** Measures of one peer that are kept. */
const OFFSETS_MAX = 8;
/** By how much two measures may differ beyond their errors: clocks are read to the millisecond, and drift meanwhile. */
const UNSTEADY_MICROS = 10_000;
/** A clock that is off by more than this is worth a word, milliseconds; never more than the bound itself. */
const DOUBTFUL_MS = 1000;
/** Fewer clocks than this, the node's own included, do not say which of them is wrong. */
const CLOCKS_MIN = 3;

/** The offset that an exchange measures. */
export function offsetOf({ askedAt, receivedAt, answeredAt, returnedAt }: Exchange): Offset {
  const micros = (receivedAt - askedAt + (answeredAt - returnedAt)) / 2;
  const away = returnedAt - askedAt - (answeredAt - receivedAt);
  return { micros: Math.round(micros), errorMicros: Math.ceil(Math.max(0, away) / 2) };
}

/**
 * The measures of a peer with one more, the oldest first. Those that contradict it are of another time: one of the two clocks
 * was put right since.
 */
export function withOffset(offsets: readonly Offset[], offset: Offset): readonly Offset[] {
  const { micros, errorMicros } = offset;
  const agreeing = offsets.filter(
    (one) => Math.abs(one.micros - micros) <= one.errorMicros + errorMicros + UNSTEADY_MICROS,
  );
  return [...agreeing.slice(1 - OFFSETS_MAX), offset];
}

/** The measure that counts: the most exact one, of equals the newest. */
export function bestOffset(offsets: readonly Offset[]): Offset | undefined {
  return offsets.reduce<Offset | undefined>(
    (best, one) => (best === undefined || one.errorMicros <= best.errorMicros ? one : best),
    undefined,
  );
}

/** What measures say once this node's clock has been put forward by so many microseconds. */
export function afterJump(offsets: readonly Offset[], jumpMicros: number): readonly Offset[] {
  return offsets.map(({ micros, errorMicros }) => ({ micros: micros - jumpMicros, errorMicros }));
}

/** The measure of each peer that counts, for those that were measured. */
export function bestOffsets(peers: Iterable<readonly Offset[]>): Offset[] {
  return Array.from(peers).flatMap((offsets) => bestOffset(offsets) ?? []);
}

/** What this node's clock is worth, judged by the offset of each peer that was measured. */
export function judgeClock(offsets: readonly Offset[], { clockDriftMsMax }: ClockBounds): ClockVerdict {
  if (offsets.length === 0) return { kind: 'unmeasured' };
  const measured = offsets.length + 1;
  const skewed = differing(offsets, clockDriftMsMax);
  const isMost = (clocks: number): boolean => clocks > measured / 2;
  if (measured >= CLOCKS_MIN && isMost(skewed.length)) {
    return { kind: 'skewed', measured, offMicros: -medianOf(skewed), against: skewed.length };
  }
  const doubtful = differing(offsets, Math.min(DOUBTFUL_MS, clockDriftMsMax));
  const isDoubtful = measured < CLOCKS_MIN ? doubtful.length > 0 : isMost(doubtful.length);
  if (isDoubtful) return { kind: 'doubtful', measured, offMicros: -medianOf(doubtful) };
  return { kind: 'good', measured, offMicros: -medianOf(offsets) };
}

/** Says by how much a clock is off: `300.0 s slow`. */
export function describeOff(offMicros: number): string {
  return `${(Math.abs(offMicros) / 1e6).toFixed(1)} s ${offMicros < 0 ? 'slow' : 'fast'}`;
}

/** Those that differ by more than so much, whatever the error of their measure. */
function differing(offsets: readonly Offset[], boundMs: number): readonly Offset[] {
  return offsets.filter(({ micros, errorMicros }) => Math.abs(micros) - errorMicros > boundMs * 1000);
}

/** The middle one; of two the one nearer to this node's clock. */
function medianOf(offsets: readonly Offset[]): number {
  const sorted = offsets.map(({ micros }) => micros).sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)] ?? 0, sorted[Math.ceil(middle)] ?? 0];
  return Math.abs(low) <= Math.abs(high) ? low : high;
}
