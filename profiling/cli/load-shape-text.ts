/** What came of each kind of operation and of each stage, for the terminal. */
import { percentileUs, type LatencyCounts } from '../load/histogram.ts';
import type { BenchResult } from '../load/result.ts';
import { milliseconds, perSecond } from '../load/verdict.ts';
import { renderTable } from '../../src/cli/output.ts';

/** Empty where there was one kind and no stages. */
export function shapeTables({ kinds = [], stages = [], totals }: BenchResult): string {
  const ofKinds = kinds.map(({ kind, completed, failed, unanswered, latency }) => [
    kind,
    perSecond(totals.seconds === 0 ? 0 : completed / totals.seconds),
    ...latencyCells(latency),
    String(failed + unanswered),
  ]);
  const ofStages = stages.map(({ fromRate, toRate, durationMs, due, completed, failed, unanswered, latency }) => [
    fromRate === toRate ? perSecond(toRate) : `${perSecond(fromRate)} to ${perSecond(toRate)}`,
    `${durationMs / 1000} s`,
    due === 0 ? '-' : `${((completed / due) * 100).toFixed(1)}%`,
    ...latencyCells(latency),
    String(failed + unanswered),
  ]);
  return (
    titled(['OPERATION', 'ANSWERED', 'P50', 'P99', 'P99.9', 'MAX', 'ERRORS'], ofKinds) +
    titled(['STAGE', 'TIME', 'ANSWERED', 'P50', 'P99', 'P99.9', 'MAX', 'ERRORS'], ofStages)
  );
}

function latencyCells(latency: LatencyCounts): string[] {
  return [50, 99, 99.9, 100].map((percentile) =>
    latency.count === 0 ? '-' : milliseconds(percentileUs(latency, percentile)),
  );
}

function titled(head: readonly string[], rows: readonly string[][]): string {
  return rows.length === 0 ? '' : `${renderTable({ head, rows })}\n`;
}
