/** What the tables of parts do not say: waits, locks, what the instruments cost, clinic's pages; in Markdown. */
import { showMicros, showNumber, showShare } from '../attribution/sentences.ts';
import type { ProfileResult, ProfileRun } from '../capture/result.ts';
import type { LockProfile } from '../locks/result.ts';
import { instrumentTitle, instrumentTitles } from '../profile/instrument-names.ts';
import type { ObservedLoad, Overhead } from '../profile/overhead.ts';
import { runTitle, signed } from '../profile/summary.ts';
import { waitMarkdown } from '../waits/markdown.ts';
import { markdownTable } from './markdown-table.ts';

export function profileDetailsMarkdown({ runs, clinic = [] }: ProfileResult): string {
  const pages = clinic.map(({ title, path, note }) => [title, path === null ? 'none' : `[${path}](${path})`, note]);
  return [
    ...runs.flatMap(runDetails),
    ...(pages.length === 0 ? [] : ['## Clinic', markdownTable(['Page', 'File', 'Note'], pages)]),
  ]
    .map((block) => `${block}\n`)
    .join('\n');
}

function runDetails(run: ProfileRun): string[] {
  const { waits, locks, overhead, failed = [] } = run;
  const blocks = [
    ...(waits === undefined ? [] : ['### Waits', waitMarkdown(waits).trimEnd()]),
    ...(locks === undefined ? [] : ['### Locks', locks.sentence, lockTable(locks)]),
    ...(overhead === undefined ? [] : ['### What the instruments cost', overheadTable(overhead)]),
    ...failed.map(({ instrument, reason }) => `Not measured, ${instrumentTitle(instrument)}: ${reason}`),
  ];
  return blocks.length === 0 ? [] : [`## Details: ${runTitle(run)}`, ...blocks];
}

function lockTable({ sites, contendedUs, durationMs }: LockProfile): string {
  if (contendedUs === 0) return 'No thread was seen to wait for a mutex.';
  const rows = sites.map(({ site, count, totalUs, meanUs, maxUs, share, byThread }) => [
    site,
    showNumber(count),
    `${showNumber(totalUs / durationMs)} ms`,
    showShare(share),
    showMicros(meanUs),
    showMicros(maxUs),
    byThread.map(({ thread }) => thread).join(', '),
  ]);
  return markdownTable(['Lock', 'Waits', 'Waited, each second', 'Share', 'Mean', 'Longest', 'Threads'], rows);
}

function overheadTable({ without, instruments }: Overhead): string {
  const cells = ({ rate, p50Us, p99Us, cpuUsPerRequest }: ObservedLoad): string[] => [
    `${showNumber(rate)}/s`,
    showMicros(p50Us),
    showMicros(p99Us),
    cpuUsPerRequest === null ? 'not measured' : showMicros(cpuUsPerRequest),
  ];
  const change = (value: number | null): string => (value === null ? '' : ` (${signed(value)})`);
  const rows = instruments.map((one) => {
    const [rate = '', p50 = '', p99 = '', cpu = ''] = cells(one);
    const title = instrumentTitles[one.instrument as keyof typeof instrumentTitles];
    return [title, rate + change(one.rateChange), p50, p99 + change(one.p99Change), cpu + change(one.cpuChange)];
  });
  return markdownTable(
    ['Instrument', 'Rate', 'p50', 'p99', 'CPU a request'],
    [...without.map((load, index) => [`none, ${index === 0 ? 'first' : 'last'}`, ...cells(load)]), ...rows],
  );
}
