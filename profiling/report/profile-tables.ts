/** The smaller tables of a profile's report: locks, what the instruments cost, clinic's pages, the raw files. */
import type { ProfileResult, ProfileRun } from '../capture/result.ts';
import type { LockProfile } from '../locks/result.ts';
import { instrumentTitle } from '../profile/instrument-names.ts';
import type { ObservedLoad, Overhead } from '../profile/overhead.ts';
import { html, type Html } from './html.ts';
import { quantity } from './quantity.ts';
import { table, tableBehind, type Cell } from './table.ts';

export function lockTables(locks: LockProfile): Html {
  const { sentence, sites, threads, stacks, durationMs, unfinished, lost } = locks;
  const perSecond = (us: number): number => us / durationMs;
  return html`<p>${sentence}</p>
    ${
      sites.length === 0
        ? html`<p>No thread was seen to wait for a mutex.</p>`
        : table({
            caption: 'Time that threads waited for mutexes that others held',
            columns: [
              { title: 'Lock', unit: 'text' },
              { title: 'Waits', unit: 'count' },
              { title: 'Waited, each second', unit: 'ms' },
              { title: 'Share', unit: 'share' },
              { title: 'Mean', unit: 'us' },
              { title: 'Longest', unit: 'us' },
              { title: 'Threads', unit: 'text' },
            ],
            rows: sites.map(({ site, count, totalUs, share, meanUs, maxUs, byThread }): Cell[] => [
              site,
              count,
              perSecond(totalUs),
              share,
              meanUs,
              maxUs,
              byThread.map(({ thread }) => thread).join(', '),
            ]),
          })
    }
    ${tableBehind('Threads', {
      caption: 'By thread: contention, and idleness apart',
      columns: [
        { title: 'Thread', unit: 'text' },
        { title: 'Contended, each second', unit: 'ms' },
        { title: 'Waits', unit: 'count' },
        { title: 'Idle, each second', unit: 'ms' },
      ],
      rows: threads.map(({ process, thread, tid, contendedUs, contendedCount, idleUs }): Cell[] => [
        `${process} ${thread} (${tid})`,
        perSecond(contendedUs),
        contendedCount,
        perSecond(idleUs),
      ]),
    })}
    ${
      stacks.length > 0 &&
      tableBehind('Stacks', {
        caption: 'Contended waits by stack, longest first',
        columns: [
          { title: 'Lock', unit: 'text' },
          { title: 'Waited, each second', unit: 'ms' },
          { title: 'Waits', unit: 'count' },
          { title: 'Stack, innermost first', unit: 'text' },
        ],
        rows: stacks.map(({ site, totalUs, count, frames }): Cell[] => [
          site,
          perSecond(totalUs),
          count,
          frames.join(' ← '),
        ]),
      })
    }
    <p class="quiet">
      Over ${quantity(durationMs / 1000, 'seconds')}; ${quantity(unfinished, 'count')} waits had not ended,
      ${quantity(lost, 'count')} events were lost.
    </p>`;
}

export function overheadTable({ without, instruments }: Overhead): Html {
  const cells = ({ rate, p50Us, p99Us, cpuUsPerRequest }: ObservedLoad): Cell[] => [
    rate,
    p50Us,
    p99Us,
    cpuUsPerRequest,
  ];
  return html`<p>
      The same load in the same session, with one instrument at a time; changes are against the mean of the runs without
      any. How far these lie apart says how little a difference means.
    </p>
    ${table({
      caption: 'Rate, latency and CPU under each instrument',
      columns: [
        { title: 'Instrument', unit: 'text' },
        { title: 'Rate', unit: 'rate' },
        { title: 'p50', unit: 'latency' },
        { title: 'p99', unit: 'latency' },
        { title: 'CPU a request', unit: 'us' },
        { title: 'Rate, change', unit: 'share' },
        { title: 'p99, change', unit: 'share' },
        { title: 'CPU, change', unit: 'share' },
      ],
      rows: [
        ...without.map((load, index): Cell[] => [
          `none, ${index === 0 ? 'first' : 'last'}`,
          ...cells(load),
          '–',
          '–',
          '–',
        ]),
        ...instruments.map((one): Cell[] => [
          instrumentTitle(one.instrument),
          ...cells(one),
          one.rateChange,
          one.p99Change,
          one.cpuChange,
        ]),
      ],
    })}`;
}

export function failedList({ failed = [] }: ProfileRun): Html | undefined {
  if (failed.length === 0) return undefined;
  return html`<ul>
    ${failed.map(({ instrument, reason }) => html`<li>Not measured, ${instrumentTitle(instrument)}: ${reason}</li>`)}
  </ul>`;
}

export function clinicTable({ clinic = [] }: ProfileResult): Html | undefined {
  if (clinic.length === 0) return undefined;
  return html`<section>
    <h2>Clinic</h2>
    <p>No timing is taken under clinic: its tools cost a third to nine tenths of the throughput.</p>
    <ul>
      ${clinic.map(
        ({ title, path, note }) =>
          html`<li>${path === null ? title : html`<a href="${path}">${title}</a>`}: ${note}</li>`,
      )}
    </ul>
  </section>`;
}

export function filesTable({ files }: ProfileResult): Html | undefined {
  if (files.length === 0) return undefined;
  return html`<details>
    <summary>Raw files</summary>
    <p>
      Chrome DevTools opens .cpuprofile and .heapprofile (Performance and Memory); speedscope opens these and the
      collapsed stacks, .folded.
    </p>
    <ul>
      ${files.map(({ path }) => html`<li><a href="${path}">${path}</a></li>`)}
    </ul>
  </details>`;
}
