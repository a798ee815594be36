/**
 * From recordings of nodes to the wait table: each stage as a histogram and as its share of the server-side latency, and
 * the stacked bars. Pure.
 */
import { LatencyHistogram, percentileUs } from '../load/histogram.ts';
import type { RecordedOperation, WaitRecording } from '../../src/waits/wait-recording.ts';
import type { WaitStage } from '../../src/waits/wait-stages.ts';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import {
  waitTableSchema,
  type OperationWaits,
  type WaitBar,
  type WaitOverlap,
  type WaitRow,
  type WaitTable,
} from '../result/waits.ts';
import { stageText } from './stages.ts';

/** One node's recording. */
export interface NodeWaits {
  readonly node: string;
  readonly recording: WaitRecording;
}

/**
 * The operations of a bar: those whose rank is within so many percent of the percentile. Near the end the latencies lie
 * wide apart, so the band is narrower there; a bar of few operations takes `bandCountMin` to each side.
 */
const bands = [
  { name: 'p50', percentile: 50, halfWidth: 2.5 },
  { name: 'p90', percentile: 90, halfWidth: 2.5 },
  { name: 'p99', percentile: 99, halfWidth: 0.5 },
] as const;
const bandCountMin = 5;

/** Puts the recordings of one run together. Throws `profile-failed` where there is none or they do not fit together. */
export function waitTable(nodes: readonly NodeWaits[]): WaitTable {
  const first = nodes[0]?.recording;
  if (first === undefined) throw new KvorumError('profile-failed', 'Cannot make a wait table: no node was recorded');
  const stages = first.stages;
  if (nodes.some(({ recording }) => recording.stages.join() !== stages.join())) {
    throw new KvorumError('profile-failed', 'Cannot make a wait table: the nodes know different stages');
  }
  const operations = nodes.flatMap(({ recording }) => recording.operations);
  const methods = [...new Set(operations.map(({ method }) => method))].sort();
  const groups = methods.map((method) => ({ method, of: operations.filter((one) => one.method === method) }));
  if (groups.length > 1) groups.unshift({ method: 'all', of: operations });
  const sum = (count: (recording: WaitRecording) => number): number =>
    nodes.reduce((total, { recording }) => total + count(recording), 0);
  return {
    schema: waitTableSchema,
    sentence: waitSentence,
    mode: first.mode,
    durability: first.durability,
    startedAt: first.startedAt,
    durationMs: Math.max(...nodes.map(({ recording }) => recording.durationMs)),
    every: first.every,
    operations: groups.map(({ method, of }) => operationWaits(method, of, { stages, durability: first.durability })),
    threads: nodes.flatMap(({ node, recording }) => recording.threads.map((thread) => ({ node, ...thread }))),
    skipped: sum(({ skipped }) => skipped),
    unfinished: sum(({ unfinished }) => unfinished),
  };
}

/** Belongs beside every picture of a wait table. */
export const waitSentence =
  'This is the analogue of a lock profile, not one: it times what operations wait for between the points that the ' +
  "node's code passes, so it sees the log's syncs and every queue, but no mutex inside V8, libuv or the allocator.";

interface Context {
  readonly stages: readonly WaitStage[];
  readonly durability: string;
}

function operationWaits(method: string, operations: readonly RecordedOperation[], context: Context): OperationWaits {
  const latency = new LatencyHistogram();
  for (const { totalUs } of operations) latency.record(totalUs);
  const totalUs = sumOf(operations, ({ totalUs: one }) => one);
  const unaccounted = context.stages.indexOf('unaccounted');
  const unaccountedUs = sumOf(operations, ({ stagesUs }) => Math.abs(stagesUs[unaccounted] ?? 0));
  const sorted = operations.toSorted((one, other) => one.totalUs - other.totalUs);
  const bars = bands.map(({ name, percentile, halfWidth }) =>
    bar(name, around(sorted, percentile, halfWidth), context),
  );
  const decided = (decider: RecordedOperation['decider']): number =>
    operations.filter((one) => one.decider === decider).length;
  return {
    method,
    count: operations.length,
    latency: latency.snapshot(),
    meanUs: ratio(totalUs, operations.length),
    rows: rowsOf(operations, totalUs, context),
    accountedShare: 1 - ratio(unaccountedUs, totalUs),
    bars: [bar('mean', operations, context), ...bars],
    deciders: { self: decided('self'), peer: decided('peer'), none: decided('none') },
    overlaps: (['gc', 'run-queue', 'own-run'] as const).map((name) => overlapOf(name, operations, totalUs)),
  };
}

function rowsOf(operations: readonly RecordedOperation[], totalUs: number, context: Context): WaitRow[] {
  return context.stages.flatMap((stage, index) => {
    const histogram = new LatencyHistogram();
    let sumUs = 0;
    for (const { stagesUs } of operations) {
      const micros = stagesUs[index] ?? 0;
      sumUs += micros;
      if (micros > 0) histogram.record(micros);
    }
    if (sumUs === 0 && histogram.count === 0 && stage !== 'unaccounted') return [];
    const { label, place } = stageText(stage, context.durability);
    const counts = histogram.snapshot();
    return {
      stage,
      label,
      place,
      count: counts.count,
      meanUs: ratio(sumUs, operations.length),
      p50Us: percentileUs(counts, 50),
      p90Us: percentileUs(counts, 90),
      p99Us: percentileUs(counts, 99),
      maxUs: counts.maxUs,
      share: ratio(sumUs, totalUs),
      histogram: counts,
    };
  });
}

/** The operations around a percentile of those sorted by their latency. */
function around(
  sorted: readonly RecordedOperation[],
  percentile: number,
  halfWidth: number,
): readonly RecordedOperation[] {
  const middle = (percentile / 100) * sorted.length;
  const reach = Math.max(bandCountMin, (halfWidth / 100) * sorted.length);
  return sorted.slice(Math.max(0, Math.floor(middle - reach)), Math.ceil(middle + reach));
}

function bar(name: WaitBar['name'], operations: readonly RecordedOperation[], { stages }: Context): WaitBar {
  const totalUs = ratio(
    sumOf(operations, ({ totalUs: one }) => one),
    operations.length,
  );
  const parts = stages.map((stage, index) => {
    const meanUs = ratio(
      sumOf(operations, ({ stagesUs }) => stagesUs[index] ?? 0),
      operations.length,
    );
    return { stage, meanUs, share: ratio(meanUs, totalUs) };
  });
  return { name, totalUs, count: operations.length, parts: parts.filter(({ meanUs }) => meanUs !== 0) };
}

const overlapTexts = {
  gc: { field: 'gcUs', label: 'Garbage collection in the thread that had the operation' },
  'run-queue': { field: 'runQueueUs', label: 'The thread that had the operation was ready to run and had no core' },
  'own-run': { field: 'ownRunUs', label: "The worker was in its own replica's run while a peer was waited for" },
} as const;

function overlapOf(name: WaitOverlap['name'], operations: readonly RecordedOperation[], totalUs: number): WaitOverlap {
  const { field, label } = overlapTexts[name];
  const sumUs = sumOf(operations, (operation) => operation[field]);
  const latencies = new LatencyHistogram();
  for (const operation of operations) if (operation[field] > 0) latencies.record(operation[field]);
  const histogram = latencies.snapshot();
  const meanUs = ratio(sumUs, operations.length);
  return { name, label, count: histogram.count, meanUs, share: ratio(sumUs, totalUs), histogram };
}

function sumOf(operations: readonly RecordedOperation[], value: (operation: RecordedOperation) => number): number {
  return operations.reduce((sum, operation) => sum + value(operation), 0);
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
