/**
 * When each request should be sent, fixed before the run: an open loop. A server that stalls does not slow the schedule
 * down, so the requests that it keeps waiting are counted with all of their wait (G. Tene, "How NOT to measure latency").
 *
 * Times are microseconds from the start of the measured window; those of the warm-up are negative.
 */
import type { Random } from './random.ts';
import { rateAtStart, spansOf, timeWithin, type Stage } from './load-shape.ts';
import type { Arrival } from './result.ts';

/** Gives the intended starts one after another, in rising order, without end. */
export type Schedule = () => number;

export interface ScheduleOptions {
  readonly arrival: Arrival;
  /** Requests a second, where there are no stages. */
  readonly rate: number;
  readonly stages?: readonly Stage[];
  readonly warmupUs: number;
}

/** The same options and a random of the same seed give the same schedule. */
export function schedule({ arrival, rate, warmupUs, stages }: ScheduleOptions, random: Random): Schedule {
  if (stages !== undefined) return staged(stages, { arrival, warmupUs, random });
  return arrival === 'constant' ? constant(rate, warmupUs) : poisson(rate, warmupUs, random);
}

/** `i / rate`, each from the start and not from the one before, so that no error adds up; one stands exactly at 0. */
function constant(rate: number, warmupUs: number): Schedule {
  let index = 0 - Math.floor((warmupUs * rate) / 1e6);
  return () => (index++ * 1e6) / rate;
}

interface StagedOptions {
  readonly arrival: Arrival;
  readonly warmupUs: number;
  readonly random: Random;
}

/**
 * The warm-up at the rate at which the stages begin, then requests at equal or random distances on the integral of the
 * rate, which turns one that changes into one that does not (Çinlar's time change). Infinity after the last stage.
 */
function staged(stages: readonly Stage[], { arrival, warmupUs, random }: StagedOptions): Schedule {
  const spans = spansOf(stages);
  const warming = schedule({ arrival, rate: rateAtStart(stages), warmupUs }, random);
  let isWarming = warmupUs > 0;
  let span = 0;
  let count = arrival === 'constant' ? 0 : -Math.log(1 - random());
  return () => {
    if (isWarming) {
      const atUs = warming();
      if (atUs < 0) return atUs;
      isWarming = false;
    }
    while (span < spans.length && count >= (spans[span]?.toCount ?? 0)) span++;
    const current = spans[span];
    if (current === undefined) return Infinity;
    const atUs = timeWithin(current, count);
    count += arrival === 'constant' ? 1 : -Math.log(1 - random());
    return atUs;
  };
}

/** Gaps are exponential: clients that know nothing of each other. */
function poisson(rate: number, warmupUs: number, random: Random): Schedule {
  let atUs = -warmupUs;
  return () => (atUs -= (Math.log(1 - random()) * 1e6) / rate);
}
