/** Random numbers that a seed repeats. `KVORUM_TEST_SEED` repeats a run that failed. */
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';

export interface Random {
  /** A whole number from 0 up to and without `end`. */
  below(end: number): number;
}

/** A generator (mulberry32) whose seed stands in the test's output. */
export function seededRandom(t: TestContext): Random {
  const given = process.env['KVORUM_TEST_SEED'];
  let state = given === undefined ? randomInt(2 ** 32) : Number(given);
  t.diagnostic(`KVORUM_TEST_SEED=${state}`);
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let hash = Math.imul(state ^ (state >>> 15), state | 1);
    hash ^= hash + Math.imul(hash ^ (hash >>> 7), hash | 61);
    return ((hash ^ (hash >>> 14)) >>> 0) / 2 ** 32;
  };
  return { below: (end) => Math.floor(next() * end) };
}
