/** What a run is worth, in one word and one sentence; pure. */
import { percentileUs, type LatencyCounts } from './histogram.ts';
import { cutOff, notSent } from './ledger.ts';
import type { StatusCount, Totals, Verdict, Workload } from './result.ts';
import { heldShare } from './saturation.ts';

export interface Judged {
  readonly workload: Workload;
  readonly totals: Totals;
  readonly latency: LatencyCounts;
  readonly statuses: readonly StatusCount[];
  readonly saturated: string | null;
}

const namedMax = 3;

/** What some statuses mean, for who does not know Kvorum's protocol. */
const meanings: Readonly<Record<string, string>> = {
  '503': 'overloaded or not ready',
  '504': 'quorum not met',
  '507': 'disk full',
};

export function judgeRun(run: Judged): Verdict {
  const { totals, latency, workload, saturated } = run;
  if (saturated !== null) {
    const figures = `${perSecond(totals.rate)} of ${perSecond(workload.rate)} answered`;
    return { kind: 'invalid', sentence: `INVALID: generator saturated, ${saturated}; ${figures}` };
  }
  const errors = errorCount(run);
  if (errors > 0) {
    const share = `${count(errors)} of ${count(totals.due)} requests were not successful`;
    return { kind: 'failed', sentence: `FAILED: ${share}: ${namedErrors(run)}` };
  }
  if (totals.due === 0) return { kind: 'missed', sentence: 'MISSED: nothing was measured' };
  const p99 = latency.count === 0 ? 'no request answered' : `p99 ${milliseconds(percentileUs(latency, 99))}`;
  const offered = totals.due / totals.seconds;
  if (totals.rate >= heldShare * offered) {
    return { kind: 'held', sentence: `HELD ${perSecond(workload.rate)}: ${p99}, no errors` };
  }
  const share = `${perSecond(totals.rate)} answered (${((totals.rate / offered) * 100).toFixed(0)}%)`;
  const waiting = `${count(totals.pendingMax)} requests waiting at most`;
  return { kind: 'missed', sentence: `MISSED ${perSecond(workload.rate)}: ${share}, ${p99}, ${waiting}` };
}

/** Requests that went wrong; what was only not sent, since no connection was free, is a matter of the rate. */
export function errorCount({ totals, statuses }: Pick<Judged, 'totals' | 'statuses'>): number {
  const unsent = statuses.reduce((sum, { status, count: n }) => sum + (isNoError(status) ? n : 0), 0);
  return totals.failed + totals.unanswered - unsent;
}

export function milliseconds(micros: number): string {
  const value = micros / 1000;
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)} ms`;
}

export function perSecond(rate: number): string {
  return `${rate >= 100 ? count(Math.round(rate)) : Number(rate.toFixed(2))}/s`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function isNoError(status: string): boolean {
  return status === notSent || status === cutOff;
}

function namedErrors({ statuses, workload }: Judged): string {
  const reads = workload.op === 'get' || workload.op === 'mixed';
  const errors = statuses
    .filter(({ status }) => !isNoError(status) && !/^2\d\d$/.test(status) && !(reads && status === '404'))
    .toSorted((left, right) => right.count - left.count);
  const named = errors.slice(0, namedMax).map(({ status, count: n }) => {
    const meaning = meanings[status];
    return `${count(n)} times ${status}${meaning === undefined ? '' : ` (${meaning})`}`;
  });
  return [...named, ...(errors.length > namedMax ? ['others'] : [])].join(', ');
}
