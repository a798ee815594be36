/**
 * Which key each request is about. Keys are `k000000` to `k` and `keys - 1`, as in scripts/keyspace.lua, so that what one
 * engine wrote the other reads.
 *
 * - `uniform`: each key as likely as the others.
 * - `zipfian`: YCSB's (Cooper et al., SoCC 2010), drawn as Gray et al. do (SIGMOD 1994, section 3.2), exponent 0.99, and
 *   scrambled: a hash spreads the popular keys over the key space, which would otherwise lie on one page of the store.
 *   As in YCSB two ranks may meet on one key.
 * - `latest`: the newest key is the most popular and the others follow zipfian by age. PUTs of `mixed` write the next key of
 *   the key space; inserts make it larger. Without either `keys - 1` is the newest.
 * - `sequential`: one after another, and again from the first.
 */
import type { Random } from './random.ts';
import type { Distribution } from './result.ts';

/** Draws the number of a key, 0 to `keys - 1`. `isNew`: the request is a PUT among GETs. */
export type KeyPicker = (isNew: boolean) => number;

/** The number of the newest key, which inserts move on. */
export interface Frontier {
  newest: number;
}

const exponent = 0.99;
/** The sum of the harmonic series is exact up to here; what follows is its integral (error below 1e-9). */
const summedExactly = 100_000;

export function keyPicker(
  distribution: Distribution,
  keys: number,
  random: Random,
  frontier: Frontier = { newest: keys - 1 },
): KeyPicker {
  switch (distribution) {
    case 'uniform':
      return () => Math.floor(random() * keys);
    case 'sequential':
      return sequential(keys);
    case 'zipfian': {
      const rank = zipfianRanks(keys, random);
      return () => scramble(rank()) % keys;
    }
    case 'latest':
      return latest(keys, random, frontier);
    default:
      return distribution satisfies never;
  }
}

/** As many digits as the last key needs, and six at least. */
export function keyName(key: number, width: number): string {
  return `k${String(key).padStart(width, '0')}`;
}

export function keyWidth(keys: number): number {
  return Math.max(6, String(keys - 1).length);
}

function sequential(keys: number): KeyPicker {
  let last = -1;
  return () => (last = (last + 1) % keys);
}

function latest(keys: number, random: Random, frontier: Frontier): KeyPicker {
  const age = zipfianRanks(keys, random);
  return (isNew) => {
    if (isNew) return (frontier.newest = (frontier.newest + 1) % keys);
    const key = frontier.newest - age();
    return key < 0 ? key + keys : key;
  };
}

/** Ranks from 0, the most popular. */
export function zipfianRanks(keys: number, random: Random): () => number {
  const zeta = harmonic(keys);
  const zetaOfTwo = harmonic(2);
  const alpha = 1 / (1 - exponent);
  const eta = (1 - (2 / keys) ** (1 - exponent)) / (1 - zetaOfTwo / zeta);
  return () => {
    const drawn = random();
    const scaled = drawn * zeta;
    if (scaled < 1) return 0;
    if (scaled < zetaOfTwo) return Math.min(1, keys - 1);
    return Math.min(keys - 1, Math.floor(keys * (eta * drawn - eta + 1) ** alpha));
  };
}

/** The sum of i^-0.99 for i from 1 to n, in bounded time (Euler and Maclaurin). */
function harmonic(n: number): number {
  let sum = 0;
  const exact = Math.min(n, summedExactly);
  for (let i = 1; i <= exact; i++) sum += i ** -exponent;
  if (n === exact) return sum;
  const integral = (n ** (1 - exponent) - exact ** (1 - exponent)) / (1 - exponent);
  return sum + integral + (n ** -exponent - exact ** -exponent) / 2;
}

/** T. Wang's hash of 32 bits: shifts and sums only, so that Lua draws the same keys. */
export function scramble(rank: number): number {
  let hash = rank | 0;
  hash = (~hash + (hash << 15)) | 0;
  hash ^= hash >>> 12;
  hash = (hash + (hash << 2)) | 0;
  hash ^= hash >>> 4;
  hash = (hash + (hash << 3) + (hash << 11)) | 0;
  hash ^= hash >>> 16;
  return hash >>> 0;
}
