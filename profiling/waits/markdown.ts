/** The wait table as Markdown, for summaries and terminals. */
import { percentileUs } from '../load/histogram.ts';
import type { NodeThreadWaits, OperationWaits, WaitTable } from './result.ts';

export function waitMarkdown(table: WaitTable): string {
  const { mode, durability, every, durationMs, skipped, unfinished } = table;
  const sampled = every === 1 ? 'every operation' : `one operation in ${every}`;
  const lost = skipped > 0 ? ` ${skipped} more were sampled and not kept.` : '';
  const open = unfinished > 0 ? ` ${unfinished} were not answered before the end.` : '';
  const head = `Mode \`${mode}\`, durability \`${durability}\`, ${sampled} over ${(durationMs / 1000).toFixed(1)} s timed.${lost}${open}`;
  const sections = table.operations.map((waits) => section(waits));
  return [`${table.sentence}\n\n${head}\n`, ...sections, threadSection(table.threads)].join('\n');
}

function section(waits: OperationWaits): string {
  const { method, count, meanUs, latency, accountedShare, deciders } = waits;
  const percentiles = [50, 90, 99].map((percentile) => `p${percentile} ${millis(percentileUs(latency, percentile))}`);
  const rows = waits.rows.map(({ label, place, count: passed, ...row }) => {
    const times = [row.meanUs, row.p50Us, row.p90Us, row.p99Us].map(micros);
    return `| ${label} | ${place} | ${passed} | ${times.join(' | ')} | ${percent(row.share)} |`;
  });
  const overlaps = waits.overlaps.map(({ label, meanUs: mean, share }) => {
    return `- ${label}: ${micros(mean)} us an operation, ${percent(share)} (inside the stages, not beside them)`;
  });
  return [
    `### ${method === 'all' ? 'All operations' : method}: ${count} timed, mean ${millis(meanUs)}, ${percentiles.join(', ')}`,
    '',
    `Decided by a peer ${deciders.peer} times, by the own replica ${deciders.self}, by the deadline ${deciders.none}. ` +
      `The stages explain ${percent(accountedShare)} of the latency.`,
    '',
    '| stage | where | operations | mean us | p50 us | p90 us | p99 us | share |',
    '|---|---|--:|--:|--:|--:|--:|--:|',
    ...rows,
    '',
    ...overlaps,
    '',
    barTable(waits),
  ].join('\n');
}

/** The stacked bars as a table: how the stages' shares change towards the slow end. */
function barTable({ bars, rows }: OperationWaits): string {
  const head = bars.map(({ name, totalUs }) => `${name} (${millis(totalUs)})`);
  const lines = rows.map(({ stage, label }) => {
    const shares = bars.map(({ parts }) => parts.find((part) => part.stage === stage)?.share ?? 0);
    return `| ${label} | ${shares.map(percent).join(' | ')} |`;
  });
  return [`| share at | ${head.join(' | ')} |`, `|---|${head.map(() => '--:|').join('')}`, ...lines, ''].join('\n');
}

function threadSection(threads: readonly NodeThreadWaits[]): string {
  const rows = threads.map(({ node, thread, loopDelay, cpuUs, runQueueUs, gc }) => {
    const pauses = gc.reduce((sum, { count }) => sum + count, 0);
    const pausedUs = gc.reduce((sum, { totalUs }) => sum + totalUs, 0);
    const delay = loopDelay === null ? ['', ''] : [millis(loopDelay.p50Us), millis(loopDelay.p99Us)];
    const collected = loopDelay === null ? '' : `${pauses}, ${millis(pausedUs)}`;
    const cells = [node, thread, ...delay, maybeMillis(cpuUs), maybeMillis(runQueueUs), collected];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '### Beside the path: threads',
    '',
    'These overlap the stages and are never added to them.',
    '',
    '| node | thread | loop delay p50 | loop delay p99 | on a core | ready, no core | collections |',
    '|---|---|--:|--:|--:|--:|--:|',
    ...rows,
    '',
  ].join('\n');
}

function maybeMillis(us: number | null): string {
  return us === null ? 'unknown' : millis(us);
}

function millis(us: number): string {
  return `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`;
}

function micros(us: number): string {
  return us.toFixed(Math.abs(us) < 100 ? 1 : 0);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
