/** Runs of seeds, each played by whichever thread is free, and what came of them together. */
import { Worker } from 'node:worker_threads';
import { playHistory, type HistoryResult } from './run.ts';

/** Seeds that follow each other. */
export interface Share {
  readonly first: number;
  readonly count: number;
}

export interface Sum {
  operations: number;
  acknowledged: number;
  answered: number;
  linearizable: number;
  converged: number;
  purged: number;
  failed: number;
}

export interface Failure {
  readonly seed: number;
  readonly result: HistoryResult;
}

export interface Played {
  readonly sum: Sum;
  readonly failures: readonly Failure[];
}

/** Histories that a thread plays before it asks for more: few enough that no thread is left with many at the end. */
const SHARE_MAX = 200;
/** With V8's own 16 MiB for what is short-lived an eighth of the time goes into copying it. */
const resourceLimits = { maxYoungGenerationSizeMb: 192 };

export function seedAt(first: number, count: number): number {
  return (first + count) % 2 ** 32;
}

export async function playShare({ first, count }: Share): Promise<Played> {
  const sum = nothing();
  const failures: Failure[] = [];
  for (let index = 0; index < count; index++) {
    const seed = seedAt(first, index);
    const result = await playHistory(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed} cannot be played`, { cause: error });
    });
    sum.operations += result.operations;
    sum.acknowledged += result.acknowledged;
    sum.answered += result.answered;
    sum.linearizable += result.linearizable;
    sum.converged += result.isConverged ? 1 : 0;
    sum.purged += result.purged;
    if (result.violations.length === 0) continue;
    sum.failed++;
    failures.push({ seed, result });
  }
  return { sum, failures };
}

/** Plays a run of seeds in so many threads, until `onFailure` returns false. Rejects where one cannot be played. */
export async function playShares(
  { first, count }: Share,
  { threads, onFailure }: { readonly threads: number; readonly onFailure: (failure: Failure) => boolean },
): Promise<Sum> {
  const sum = nothing();
  let next = 0;
  const work = async (): Promise<void> => {
    const player = new Worker(new URL('player.js', import.meta.url), { resourceLimits });
    try {
      while (next < count) {
        const share = { first: seedAt(first, next), count: Math.min(SHARE_MAX, count - next) };
        next += share.count;
        const played = await playIn(player, share);
        for (const name of Object.keys(sum) as (keyof Sum)[]) sum[name] += played.sum[name];
        if (!played.failures.every(onFailure)) next = count;
      }
    } finally {
      await player.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(threads, Math.ceil(count / SHARE_MAX)) }, work));
  return sum;
}

function playIn(player: Worker, share: Share): Promise<Played> {
  return new Promise((resolve, reject) => {
    player.once('error', reject);
    player.once('message', (played: Played) => {
      player.off('error', reject);
      resolve(played);
    });
    player.postMessage(share);
  });
}

function nothing(): Sum {
  return { operations: 0, acknowledged: 0, answered: 0, linearizable: 0, converged: 0, purged: 0, failed: 0 };
}
