/** The ring of `kvorum profile --follow`: a row for each slice, the slow ones named first, with the way to each. */
import { quantity } from '../result/quantity.ts';
import type { FollowedSlice } from '../result/follow.ts';
import { list, note, quiet, table, text, type Block } from './blocks.ts';
import { htmlOf } from './blocks-html.ts';
import { markdownOf } from './markdown.ts';
import { renderPage } from './page.ts';

/** A slice is slow where its p99 is so many times the median of all. */
const slowFactor = 2;

export async function followPages(slices: readonly FollowedSlice[]): Promise<{ markdown: string; html: string }> {
  const title = 'Slices of a running cluster';
  const body = followBlocks(slices);
  return { markdown: markdownOf(title, body), html: await renderPage({ title, script: 'page', body: htmlOf(body) }) };
}

/** Oldest first. */
export function slowSlices(slices: readonly FollowedSlice[]): readonly FollowedSlice[] {
  const known = slices.flatMap(({ p99Ms }) => p99Ms ?? []).toSorted((one, other) => one - other);
  const median = known[Math.floor(known.length / 2)];
  return median === undefined ? [] : slices.filter(({ p99Ms }) => (p99Ms ?? 0) > median * slowFactor);
}

/** `2026-03-01 15:31:00: 1,240/s, p50 1 ms, p99 20 ms, 210 us of CPU a request, busiest n1 worker 1 83%`. */
export function sliceText(slice: FollowedSlice): string {
  const { rate, p50Ms, p99Ms, cpuUs, busiest, failure } = slice;
  if (failure !== null) return `${timeText(slice)}: not recorded, ${failure}`;
  const parts = [
    quantity(rate, 'rate'),
    `p50 ${quantity(p50Ms, 'ms')}`,
    `p99 ${quantity(p99Ms, 'ms')}`,
    `${quantity(cpuUs, 'us')} of CPU a request`,
    ...(busiest === null ? [] : [`busiest ${busiest.thread} ${quantity(busiest.share, 'share')}`]),
  ];
  return `${timeText(slice)}: ${parts.join(', ')}`;
}

function followBlocks(slices: readonly FollowedSlice[]): Block {
  const slow = slowSlices(slices);
  const linked = slices.flatMap((slice) =>
    slice.directory === null ? [] : [{ path: `${slice.directory}/report.html`, text: sliceText(slice) }],
  );
  return [
    slow.length > 0 &&
      note('SLOW', slow.map((slice) => `${timeText(slice)}, p99 ${quantity(slice.p99Ms, 'ms')}`).join('; ')),
    text(
      'Each slice is a profile of its own: CPU of every thread by part, and its flame graph. The newest stands last.',
    ),
    list(linked),
    table('All slices', slices, [
      ['From', 'text', timeText],
      ['Rate', 'rate', ({ rate }) => rate],
      ['p50', 'ms', ({ p50Ms }) => p50Ms],
      ['p99', 'ms', ({ p99Ms }) => p99Ms],
      ['CPU a request', 'us', ({ cpuUs }) => cpuUs],
      ['Busiest thread', 'text', ({ busiest }) => busiest?.thread ?? '–'],
      ['Of a core', 'share', ({ busiest }) => busiest?.share ?? null],
      ['', 'text', (slice) => slice.failure ?? (slow.includes(slice) ? 'slow' : '')],
    ]),
    quiet(
      "Latency is by the nodes' own histograms: the upper end of a bucket. A slice is slow where its p99 is more than " +
        `${slowFactor} times the median of all. Times are UTC.`,
    ),
  ];
}

function timeText({ startedAt }: FollowedSlice): string {
  return `${startedAt.slice(0, 10)} ${startedAt.slice(11, 19)}`;
}
