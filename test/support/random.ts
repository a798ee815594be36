/** Random numbers that a seed repeats. `KVORUM_TEST_SEED` repeats a run that failed. */
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';
import { seededRandom as randomOfSeed } from '../../profiling/load/random.ts';

export interface Random {
  /** A whole number from 0 up to and without `end`. */
  below(end: number): number;
}

/** A generator whose seed stands in the test's output. */
export function seededRandom(t: TestContext): Random {
  const given = process.env['KVORUM_TEST_SEED'];
  const seed = given === undefined ? randomInt(2 ** 32) : Number(given);
  t.diagnostic(`KVORUM_TEST_SEED=${seed}`);
  const next = randomOfSeed(seed);
  return { below: (end) => Math.floor(next() * end) };
}
