/**
 * What a run is worth: what was asked of it, one by one (enough of its rate, few enough errors, the bounds of its latency),
 * and the answer in one word and one sentence. Pure.
 */
import { meanUs, percentileUs, type LatencyCounts } from './histogram.ts';
import { cutOff, notSent } from './ledger.ts';
import type { Bounds, Check, StatusCount, Totals, Verdict, Workload } from './result.ts';
import { heldShare } from './saturation.ts';

export interface Measured {
  readonly workload: Workload;
  readonly totals: Totals;
  readonly latency: LatencyCounts;
  readonly statuses: readonly StatusCount[];
}

export interface Judged extends Measured {
  readonly bounds: Bounds;
  /** The generator could not keep the schedule; why. Null where it did. */
  readonly saturated: string | null;
}

const namedMax = 3;
/** From here on a run is more about keys that are not there than about reads. */
const notFoundShareMax = 0.5;

/** What some statuses mean, for who does not know Kvorum's protocol. */
const meanings: Readonly<Record<string, string>> = {
  '503': 'overloaded or not ready',
  '504': 'quorum not met',
  '507': 'disk full',
};

export function judgeRun(run: Judged): Verdict {
  const asked: Asked = {
    rate: rateCheck(run),
    errors: errorsCheck(run.totals, run.bounds),
    latencies: latencyChecks(run.latency, run.bounds),
  };
  return { ...inWords(run, asked), checks: [asked.rate, asked.errors, ...asked.latencies] };
}

interface Asked {
  readonly rate: Check;
  readonly errors: Check;
  readonly latencies: readonly Check[];
}

function inWords(run: Judged, { rate, errors, latencies }: Asked): Pick<Verdict, 'kind' | 'sentence'> {
  const { totals, workload, saturated } = run;
  const asked = perSecond(workload.rate);
  if (saturated !== null) {
    const figures = `${perSecond(totals.rate)} of ${asked} answered`;
    return { kind: 'invalid', sentence: `INVALID: generator saturated, ${saturated}; ${figures}` };
  }
  if (errors.reason !== null) {
    const share = `${count(errorCount(run))} of ${count(totals.due)} requests were not successful`;
    return { kind: 'failed', sentence: `FAILED: ${share}: ${namedErrors(run)}` };
  }
  if (totals.due === 0) return { kind: 'missed', sentence: 'MISSED: nothing was measured' };
  const over = latencies.flatMap(({ reason }) => reason ?? []);
  if (rate.reason === null && over.length === 0) {
    const found = `${p99Of(run)}, ${errors.found}${readsInVain(run)}`;
    return { kind: 'held', sentence: `HELD ${asked}: ${found}` };
  }
  const waiting = `${count(totals.pendingMax)} requests waiting at most`;
  const reasons = rate.reason === null ? over : [rate.found, ...(over.length > 0 ? over : [p99Of(run)]), waiting];
  return { kind: 'missed', sentence: `MISSED ${asked}: ${reasons.join(', ')}${readsInVain(run)}` };
}

/** Of a run most of whose reads found nothing, that; else nothing. */
export function readsInVain(run: Omit<Measured, 'latency'>): string {
  const share = notFoundShare(run);
  return share > notFoundShareMax ? `; ${(share * 100).toFixed(0)}% of the GETs found no key` : '';
}

/** The rate first, then errors, then latency. */
export function checksOf(run: Pick<Measured, 'workload' | 'totals' | 'latency'>, bounds: Bounds): Check[] {
  return [rateCheck(run), errorsCheck(run.totals, bounds), ...latencyChecks(run.latency, bounds)];
}

/** Requests that were refused, failed, or stayed without an answer; what was not sent or was cut is none. */
export function errorCount({ totals }: Pick<Measured, 'totals'>): number {
  return totals.failed + totals.unanswered;
}

/** Share of the GETs that found no key; 0 where nothing was read. */
function notFoundShare({ workload, totals, statuses }: Omit<Measured, 'latency'>): number {
  const readShare = { put: 0, delete: 0, get: 1, mixed: workload.readShare }[workload.op];
  const reads = totals.completed * readShare;
  const notFound = statuses.find(({ status }) => status === '404')?.count ?? 0;
  return reads === 0 ? 0 : Math.min(1, notFound / reads);
}

/** `2%`, `0.1%`, as a bound of errors is written. */
function allowedErrors({ errorsMax }: Bounds): string {
  if (errorsMax === undefined) return 'no errors';
  return `at most ${errorsMax.of === 'share' ? percent(errorsMax.max) : count(errorsMax.max)} errors`;
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

function p99Of({ latency }: Judged): string {
  return latency.count === 0 ? 'no good answer' : `p99 ${milliseconds(percentileUs(latency, 99))}`;
}

function namedErrors({ statuses, workload }: Judged): string {
  const reads = workload.op === 'get' || workload.op === 'mixed';
  const errors = statuses
    .filter(({ status }) => status !== notSent && status !== cutOff)
    .filter(({ status }) => !/^2\d\d$/.test(status) && !(reads && status === '404'))
    .toSorted((left, right) => right.count - left.count);
  const named = errors.slice(0, namedMax).map(({ status, count: n }) => {
    const meaning = meanings[status];
    return `${count(n)} times ${status}${meaning === undefined ? '' : ` (${meaning})`}`;
  });
  return [...named, ...(errors.length > namedMax ? ['others'] : [])].join(', ');
}

function rateCheck({ workload, totals }: Pick<Measured, 'workload' | 'totals'>): Check {
  const offered = totals.seconds === 0 ? 0 : totals.due / totals.seconds;
  const share = offered === 0 ? 0 : totals.rate / offered;
  const isMet = totals.due > 0 && totals.rate >= heldShare * offered;
  return {
    asked: `at least ${percent(heldShare)} of ${perSecond(workload.rate)}`,
    found: `${perSecond(totals.rate)} answered (${(share * 100).toFixed(0)}%)`,
    reason: isMet ? null : `achieved ${Math.floor(share * 100)}% of the rate`,
  };
}

function errorsCheck(totals: Totals, bounds: Bounds): Check {
  const errors = errorCount({ totals });
  const { errorsMax = { of: 'count', max: 0 } } = bounds;
  const allowed = errorsMax.of === 'share' ? errorsMax.max * totals.due : errorsMax.max;
  return {
    asked: allowedErrors(bounds),
    found: errors === 0 ? 'no errors' : `${count(errors)} errors`,
    reason: errors <= allowed ? null : `${count(errors)} errors`,
  };
}

function latencyChecks(latency: LatencyCounts, { meanMsMax, p99MsMax, p999MsMax }: Bounds): Check[] {
  const bound = (name: string, msMax: number | undefined, us: number): Check[] => {
    if (msMax === undefined) return [];
    const found = latency.count === 0 ? 'no good answer' : `${name} ${milliseconds(us)}`;
    const isMet = latency.count > 0 && us <= msMax * 1000;
    const reason = latency.count === 0 ? found : `${found} over ${msMax} ms`;
    return [{ asked: `${name} of at most ${msMax} ms`, found, reason: isMet ? null : reason }];
  };
  return [
    ...bound('mean', meanMsMax, meanUs(latency)),
    ...bound('p99', p99MsMax, percentileUs(latency, 99)),
    ...bound('p99.9', p999MsMax, percentileUs(latency, 99.9)),
  ];
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}
