/** The smaller parts of a profile's report: locks, what the instruments cost, what failed, clinic's pages, the raw files. */
import type { LockProfile } from '../result/locks.ts';
import { instrumentTitle, threadLabel, type Overhead, type ProfileResult, type ProfileRun } from '../result/profile.ts';
import { quantity } from '../result/quantity.ts';
import { details, list, quiet, section, table, text, type Block, type Cell } from './blocks.ts';

export function lockBlocks({ sentence, sites, threads, stacks, durationMs, unfinished, lost }: LockProfile): Block {
  const perSecond = (us: number): number => us / durationMs;
  return [
    text(sentence),
    sites.length === 0
      ? text('No thread was seen to wait for a mutex.')
      : table('Time that threads waited for mutexes that others held', sites, [
          ['Lock', 'text', ({ site }) => site],
          ['Waits', 'count', ({ count }) => count],
          ['Waited, each second', 'ms', ({ totalUs }) => perSecond(totalUs)],
          ['Share', 'share', ({ share }) => share],
          ['Mean', 'us', ({ meanUs }) => meanUs],
          ['Longest', 'us', ({ maxUs }) => maxUs],
          ['Threads', 'text', ({ byThread }) => byThread.map(({ thread }) => thread).join(', ')],
        ]),
    details(
      'Threads',
      table('By thread: contention, and idleness apart', threads, [
        ['Thread', 'text', ({ process, thread, tid }) => `${process} ${thread} (${tid})`],
        ['Contended, each second', 'ms', ({ contendedUs }) => perSecond(contendedUs)],
        ['Waits', 'count', ({ contendedCount }) => contendedCount],
        ['Idle, each second', 'ms', ({ idleUs }) => perSecond(idleUs)],
      ]),
    ),
    stacks.length > 0 &&
      details(
        'Stacks',
        table('Contended waits by stack, longest first', stacks, [
          ['Lock', 'text', ({ site }) => site],
          ['Waited, each second', 'ms', ({ totalUs }) => perSecond(totalUs)],
          ['Waits', 'count', ({ count }) => count],
          ['Stack, innermost first', 'text', ({ frames }) => frames.join(' ← ')],
        ]),
      ),
    quiet(
      `Over ${quantity(durationMs / 1000, 'seconds')}; ${quantity(unfinished, 'count')} waits had not ended, ` +
        `${quantity(lost, 'count')} events were lost.`,
    ),
  ];
}

export function overheadBlocks({ without, instruments }: Overhead): Block {
  const none = { rateChange: '–', p99Change: '–', cpuChange: '–' } satisfies Record<string, Cell>;
  const rows = [
    ...without.map((load, index) => ({ ...load, ...none, title: `none, ${index === 0 ? 'first' : 'last'}` })),
    ...instruments.map((one) => ({ ...one, title: instrumentTitle(one.instrument) })),
  ];
  return [
    text(
      'The same load in the same session, with one instrument at a time; changes are against the mean of the runs ' +
        'without any. How far these lie apart says how little a difference means.',
    ),
    table('Rate, latency and CPU under each instrument', rows, [
      ['Instrument', 'text', ({ title }) => title],
      ['Rate', 'rate', ({ rate }) => rate],
      ['p50', 'latency', ({ p50Us }) => p50Us],
      ['p99', 'latency', ({ p99Us }) => p99Us],
      ['CPU a request', 'us', ({ cpuUsPerRequest }) => cpuUsPerRequest],
      ['Rate, change', 'share', ({ rateChange }) => rateChange],
      ['p99, change', 'share', ({ p99Change }) => p99Change],
      ['CPU, change', 'share', ({ cpuChange }) => cpuChange],
    ]),
  ];
}

/** Instruments that could not be used, and threads that those that were used did not see. */
export function failedList({ failed = [], cpu, allocation, collections, promises }: ProfileRun): Block {
  const threads = [cpu, allocation, collections, promises].flatMap((one) => one?.failed ?? []);
  return list([
    ...failed.map(({ instrument, reason }) => `Not measured, ${instrumentTitle(instrument)}: ${reason}`),
    ...threads.map((one) => `Nothing was recorded of ${threadLabel(one)}: ${one.failure}`),
  ]);
}

export function clinicSection({ clinic = [] }: ProfileResult): Block {
  if (clinic.length === 0) return null;
  return section(
    'Clinic',
    text('No timing is taken under clinic: its tools cost a third to nine tenths of the throughput.'),
    list(clinic.map(({ title, path, note }) => (path === null ? `${title}: ${note}` : { path, text: title, note }))),
  );
}

export function filesList({ files }: ProfileResult): Block {
  if (files.length === 0) return null;
  return details(
    'Raw files',
    text(
      'Chrome DevTools opens .cpuprofile and .heapprofile (Performance and Memory); speedscope opens these and the ' +
        'collapsed stacks, .folded.',
    ),
    list(files.map(({ path }) => ({ path, text: path }))),
  );
}
