/** Random numbers that a seed repeats: a run with the same seed draws the same keys and arrivals. */

/** Draws from [0, 1). */
export type Random = () => number;

/**
 * Mulberry32 (T. Ettinger): 32 bits of state, 2^32 numbers before it repeats, about 5 ns a draw. `stream` tells several
 * generators of one seed apart, so that drawing more keys does not move the arrivals.
 */
export function seededRandom(seed: number, stream = 0): Random {
  let state = (Math.imul(seed, 0x9e3779b1) + Math.imul(stream, 0x85ebca6b)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let hash = Math.imul(state ^ (state >>> 15), state | 1);
    hash ^= hash + Math.imul(hash ^ (hash >>> 7), hash | 61);
    return ((hash ^ (hash >>> 14)) >>> 0) / 2 ** 32;
  };
}
