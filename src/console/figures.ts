/**
 * What the page at `/` tells of a node over time, as one sample for each interval: rates and latencies as differences of
 * counters between two readings of the node's metrics, and what waits as it stands at the end. Pure.
 */
import type { HistogramSnapshot, Labels, MetricFamily, MetricSample } from '../metrics/metrics.ts';
import { percentileOf } from '../metrics/percentile.ts';

/** A node's metrics at a moment. */
export interface Reading {
  /** By this node's clock, milliseconds since 1970. */
  readonly at: number;
  /** By a clock that never goes back, milliseconds. */
  readonly monotonicMs: number;
  readonly families: ReadonlyMap<string, MetricFamily>;
}

export interface Sample {
  /** When the interval ended, by the node's clock, milliseconds since 1970. */
  readonly at: number;
  /** How long the interval was. */
  readonly seconds: number;
  /** Reads that were answered, by latency: `reads[i]` within `latencyBounds[i]`; zeros at the end are left out. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  /** Requests that got 503, of which nothing was done; 504, without a quorum; 500 and 507. */
  readonly refused: number;
  readonly unanswered: number;
  readonly failed: number;
  readonly waits: Readonly<Record<WaitName, number | null>>;
}

export interface Interval {
  readonly before: Reading;
  readonly after: Reading;
}

/** Where requests wait, in the order of their way; null where the node says nothing of it, or nothing came to pass. */
const measures = {
  /** Of bodies that have come and have no outcome. */
  bodyBytes: ({ after }) => total(after, 'kvorum_body_bytes_in_flight'),
  operations: ({ after }) => total(after, 'kvorum_operations_in_flight'),
  poolTasks: ({ after }) => total(after, 'kvorum_pool_queue_tasks'),
  /** Percentiles are the 99th, in seconds. */
  poolWait: (interval) => p99(interval, 'kvorum_pool_wait_seconds'),
  peerBytes: ({ after }) => total(after, 'kvorum_peer_queued_bytes'),
  roundTrip: (interval) => p99(interval, 'kvorum_peer_round_trip_seconds'),
  logSettle: (interval) => p99(interval, 'kvorum_log_settle_seconds'),
  logSync: (interval) => p99(interval, 'kvorum_log_sync_seconds'),
  /** Share of its bound that the fullest worker's log has. */
  logFull: ({ after }) => ratio(highest(after, 'kvorum_memtable_bytes'), total(after, 'kvorum_memtable_limit_bytes')),
  answerBytes: ({ after }) => total(after, 'kvorum_answer_bytes_in_flight'),
  /** Share of the time that the event loop was busy: the main thread's, and the busiest worker's. */
  mainBusy: (interval) => busiest(interval, (thread) => thread === 'main'),
  workerBusy: (interval) => busiest(interval, (thread) => thread !== 'main'),
  /** CPU seconds a second. */
  cpu: (interval) => perSecond(interval, 'process_cpu_seconds_total'),
  residentBytes: ({ after }) => total(after, 'process_resident_memory_bytes'),
  connections: ({ after }) => total(after, 'kvorum_client_connections'),
  staleReads: (interval) => perSecond(interval, 'kvorum_stale_reads_total'),
  secondRounds: (interval) => perSecond(interval, 'kvorum_second_rounds_total'),
} as const satisfies Readonly<Record<string, (interval: Interval) => number | null>>;

export type WaitName = keyof typeof measures;
export const waitNames = Object.keys(measures) as readonly WaitName[];

const requests = 'kvorum_http_request_seconds';
const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const writeMethods: ReadonlySet<string> = new Set(['PUT', 'DELETE']);

export function reading(families: readonly MetricFamily[], now: { at: number; monotonicMs: number }): Reading {
  const byName = new Map<string, MetricFamily>();
  for (const family of families) {
    const known = byName.get(family.name);
    byName.set(
      family.name,
      known === undefined ? family : { ...known, samples: [...known.samples, ...family.samples] },
    );
  }
  return { ...now, families: byName };
}

export function sampleBetween(before: Reading, after: Reading): Sample {
  const interval = { before, after };
  const count = (...statuses: string[]): number =>
    sum(bucketGrowth(interval, requests, ({ status = '' }) => statuses.includes(status)));
  const answered = (methods: ReadonlySet<string>): number[] =>
    withoutZeros(
      bucketGrowth(interval, requests, ({ method = '', status = '' }) => methods.has(method) && isAnswer(status)),
    );
  const waits = waitNames.map((name) => [name, rounded(measures[name](interval))]);
  return {
    at: after.at,
    seconds: rounded((after.monotonicMs - before.monotonicMs) / 1000) ?? 0,
    reads: answered(readMethods),
    writes: answered(writeMethods),
    refused: count('503'),
    unanswered: count('504'),
    failed: count('500', '507'),
    waits: Object.fromEntries(waits) as Record<WaitName, number | null>,
  };
}

/** What was asked is told: a key that is not there, too. */
function isAnswer(status: string): boolean {
  return status.startsWith('2') || status === '304' || status === '404';
}

/** How far each bucket of a family's histograms went, those of all its samples that are meant together. */
function bucketGrowth(
  { before, after }: Interval,
  name: string,
  isMeant: (labels: Labels) => boolean = () => true,
): number[] {
  const was = new Map(samplesOf(before, name).map(({ labels, value }) => [JSON.stringify(labels), value]));
  const growth: number[] = [];
  for (const { labels, value } of samplesOf(after, name)) {
    if (!isHistogram(value) || !isMeant(labels)) continue;
    const earlier = was.get(JSON.stringify(labels));
    const counts = earlier !== undefined && isHistogram(earlier) ? earlier.counts : [];
    for (const [index, count] of value.counts.entries()) {
      growth[index] = (growth[index] ?? 0) + grown(counts[index] ?? 0, count);
    }
  }
  return growth;
}

function p99(interval: Interval, name: string): number | null {
  const { value } = samplesOf(interval.after, name)[0] ?? {};
  if (value === undefined || !isHistogram(value)) return null;
  return percentileOf(value.bounds, bucketGrowth(interval, name), 0.99) ?? null;
}

/** A counter that went back began anew, with its thread. */
function grown(before: number, after: number): number {
  return after >= before ? after - before : after;
}

function perSecond({ before, after }: Interval, name: string): number | null {
  const [was, is] = [total(before, name), total(after, name)];
  const seconds = (after.monotonicMs - before.monotonicMs) / 1000;
  return was === null || is === null || seconds <= 0 ? null : grown(was, is) / seconds;
}

function busiest({ before, after }: Interval, isMeant: (thread: string) => boolean): number | null {
  const growthOf = (name: string, thread: string): number =>
    grown(ofThread(before, name, thread) ?? 0, ofThread(after, name, thread) ?? 0);
  const threads = samplesOf(after, 'kvorum_event_loop_active_seconds_total').map(
    ({ labels }) => labels['thread'] ?? '',
  );
  const shares = threads.filter(isMeant).map((thread) => {
    const active = growthOf('kvorum_event_loop_active_seconds_total', thread);
    const idle = growthOf('kvorum_event_loop_idle_seconds_total', thread);
    return active + idle === 0 ? 0 : active / (active + idle);
  });
  return shares.length === 0 ? null : Math.max(...shares);
}

function ofThread(at: Reading, name: string, thread: string): number | undefined {
  const value = samplesOf(at, name).find(({ labels }) => labels['thread'] === thread)?.value;
  return typeof value === 'number' ? value : undefined;
}

function total(at: Reading, name: string): number | null {
  const values = numbersOf(at, name);
  return values.length === 0 ? null : sum(values);
}

function highest(at: Reading, name: string): number | null {
  const values = numbersOf(at, name);
  return values.length === 0 ? null : Math.max(...values);
}

function numbersOf(at: Reading, name: string): number[] {
  return samplesOf(at, name).flatMap(({ value }) => (typeof value === 'number' ? [value] : []));
}

function samplesOf({ families }: Reading, name: string): readonly MetricSample[] {
  return families.get(name)?.samples ?? [];
}

function isHistogram(value: MetricSample['value']): value is HistogramSnapshot {
  return typeof value === 'object' && 'bounds' in value;
}

function ratio(value: number | null, of: number | null): number | null {
  return value === null || of === null || of === 0 ? null : value / of;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function withoutZeros(counts: readonly number[]): number[] {
  return counts.slice(0, counts.findLastIndex((count) => count > 0) + 1);
}

/** To five significant digits: the page shows three. */
function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(5));
}
