/**
 * What wrk2 prints, as figures; pure. Its percentile spectrum is its histogram in steps, so counts are exact and each
 * latency is as exact as its step is wide. `kvorum-statuses` is a line of our scripts (scripts/keyspace.lua).
 */
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { bucketOf, type LatencyCounts } from './histogram.ts';
import type { StatusCount } from './result.ts';

export interface Wrk2Part {
  readonly latency: LatencyCounts;
  /** Without the wait for a late start; null where it was not asked for. */
  readonly service: LatencyCounts | null;
  readonly statuses: readonly StatusCount[];
  readonly unanswered: number;
  /** The time that the histogram is about. */
  readonly seconds: number;
}

/** `calibrationSeconds`: what of the run's time is not in the histogram. Throws `worker-failed`. */
export function parseWrk2Output(output: string, calibrationSeconds: number): Wrk2Part {
  const [, duration] = /^\s*\d+ requests in (\S+),/m.exec(output) ?? [];
  const [first, second] = output.split('Detailed Percentile spectrum:').slice(1);
  if (duration === undefined || first === undefined) {
    throw new KvorumError('worker-failed', 'wrk2 printed no percentile spectrum; is it wrk2?');
  }
  const seconds = Math.max(0, secondsOf(duration) - calibrationSeconds);
  const [, ...socketErrors] =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output)?.map(Number) ?? [];
  const [refused = 0, read = 0, write = 0, timeout = 0] = socketErrors;
  const lost = [
    { status: 'connection refused', count: refused },
    { status: 'connection lost', count: read + write },
    { status: 'timeout', count: timeout },
  ].filter(({ count }) => count > 0);
  return {
    latency: seconds === 0 ? countsOf('') : countsOf(first),
    service: second === undefined || seconds === 0 ? null : countsOf(second),
    statuses: [...statusesOf(output), ...lost],
    unanswered: read + write + timeout + refused,
    seconds,
  };
}

/** The spectrum's counts are running totals; each step's own count goes to the step's value. */
function countsOf(spectrum: string): LatencyCounts {
  const counts = new Map<number, number>();
  let seen = 0;
  let minUs = 0;
  let lastUs = 0;
  for (const [, value, total] of spectrum.matchAll(/^ *([\d.]+) +[01]\.\d+ +(\d+) +(?:[\d.]+|inf) *$/gm)) {
    lastUs = Math.round(Number(value) * 1000);
    if (seen === 0) minUs = lastUs;
    const added = Number(total) - seen;
    seen += added;
    if (added > 0) counts.set(bucketOf(lastUs), (counts.get(bucketOf(lastUs)) ?? 0) + added);
  }
  const meanMs = figure(spectrum, 'Mean');
  const maxUs = Math.round(figure(spectrum, 'Max') * 1000);
  const buckets = [...counts].toSorted(([left], [right]) => left - right).flat();
  return { count: seen, minUs, maxUs: Math.max(maxUs, Math.min(lastUs, maxUs)), sumUs: meanMs * 1000 * seen, buckets };
}

function figure(spectrum: string, name: string): number {
  return Number(new RegExp(`#\\[${name} += +([\\d.]+)`).exec(spectrum)?.[1] ?? 0);
}

function statusesOf(output: string): StatusCount[] {
  const [, list = ''] = /^kvorum-statuses (.*)$/m.exec(output) ?? [];
  return [...list.matchAll(/(\d{3})=(\d+)/g)].map(([, status = '', count]) => ({ status, count: Number(count) }));
}

const unitSeconds: Readonly<Record<string, number>> = { us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

function secondsOf(duration: string): number {
  const [, digits, unit = ''] = /^([\d.]+)([a-z]+)$/.exec(duration) ?? [];
  return Number(digits) * (unitSeconds[unit] ?? NaN);
}
