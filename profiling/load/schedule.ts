/**
 * When each request should be sent, fixed before the run: an open loop. A server that stalls does not slow the schedule
 * down, so the requests that it keeps waiting are counted with all of their wait (G. Tene, "How NOT to measure latency").
 *
 * Times are microseconds from the start of the measured window; those of the warm-up are negative.
 */
import type { Random } from './random.ts';
import type { Arrival } from './result.ts';

/** Gives the intended starts one after another, in rising order, without end. */
export type Schedule = () => number;

export interface ScheduleOptions {
  readonly arrival: Arrival;
  /** Requests a second. */
  readonly rate: number;
  readonly warmupUs: number;
}

/** The same options and a random of the same seed give the same schedule. */
export function schedule({ arrival, rate, warmupUs }: ScheduleOptions, random: Random): Schedule {
  return arrival === 'constant' ? constant(rate, warmupUs) : poisson(rate, warmupUs, random);
}

/** `i / rate`, each from the start and not from the one before, so that no error adds up; one stands exactly at 0. */
function constant(rate: number, warmupUs: number): Schedule {
  let index = 0 - Math.floor((warmupUs * rate) / 1e6);
  return () => (index++ * 1e6) / rate;
}

/** Gaps are exponential: clients that know nothing of each other. */
function poisson(rate: number, warmupUs: number, random: Random): Schedule {
  let atUs = -warmupUs;
  return () => (atUs -= (Math.log(1 - random()) * 1e6) / rate);
}
