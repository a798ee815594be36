/**
 * What each part of the system costs, PUT beside GET: CPU and allocation of one request over the whole cluster, by thread,
 * and what the collector did.
 */
import { categories, categoryTitles, outsideWork, type Category } from '../attribution/categories.ts';
import { sumOfParts, type PartCost } from '../attribution/costs.ts';
import { nativeCpuUs } from '../attribution/sentences.ts';
import type { ProfileRun, ThreadName, Window } from '../capture/result.ts';
import { html, type Html } from './html.ts';
import { table, type Cell, type Column } from './table.ts';

const workParts = categories.filter((part) => !outsideWork.has(part));

export function costTables(runs: readonly ProfileRun[]): Html {
  return html`<section>
      <h2>CPU by part</h2>
      <p>
        What the system accounts to each thread, split by the shares of its samples; a part's own (self), and with all
        that it calls (total). Microseconds of CPU a request, all nodes together.
      </p>
      ${partsTable('CPU of one request', 'us', runs.map(cpuColumn))} ${runs.map((run) => threadPartsTable(run, 'cpu'))}
      ${runs.map(threadTimes)}
      <p class="quiet">
        The first two columns are the system's account, idle and blocked are V8's samples. V8 calls a thread idle until
        it runs again, so the wait for a core after a wake-up is in two columns, and a row may add up to more than the
        whole.
      </p>
      ${
        runs.some(({ perf }) => perf !== undefined) &&
        html`<h3>By perf</h3>
          <p>Samples of the system's clock: all threads, native code and kernel included.</p>
          ${partsTable('CPU of one request, by perf', 'us', runs.map(perfColumn))}`
      }
    </section>
    <section>
      <h2>Allocation by part</h2>
      <p>
        Bytes on V8's heap, by a sampling profiler that counts what was collected too. Buffers are not on that heap:
        they stand in the table of collections.
      </p>
      ${partsTable('Allocation of one request', 'bytes', runs.map(allocationColumn))}
      ${runs.map((run) => threadPartsTable(run, 'allocation'))} ${runs.map(collectionsTable)}
    </section>`;
}

/** The costs of one run, all its threads together. */
interface CostColumn {
  readonly name: string;
  readonly window: Window | undefined;
  readonly parts: readonly PartCost[];
  /** CPU of threads without JavaScript; null where it is in the parts or not known. */
  readonly native: number | null;
}

function cpuColumn({ op, cpu }: ProfileRun): CostColumn {
  const parts = sumOfParts(cpu?.threads ?? []);
  const native = cpu === undefined || cpu.native === null ? null : nativeCpuUs(cpu);
  return { name: op.toUpperCase(), window: cpu, parts, native };
}

function perfColumn({ op, perf }: ProfileRun): CostColumn {
  const parts = sumOfParts(perf?.threads ?? []);
  return { name: op.toUpperCase(), window: perf, parts, native: null };
}

function allocationColumn({ op, allocation }: ProfileRun): CostColumn {
  const parts = sumOfParts(allocation?.threads ?? []);
  return { name: op.toUpperCase(), window: allocation, parts, native: null };
}

function partsTable(caption: string, unit: 'us' | 'bytes', all: readonly CostColumn[]): Html {
  const columns = all.filter(({ window }) => window !== undefined && window.requests > 0);
  if (columns.length === 0) return html`<p class="quiet">Not measured.</p>`;
  const scaled = columns.map((column) => scaledColumn(column, unit));
  const rows = workParts
    .filter((part) => scaled.some(({ parts }) => parts.has(part)))
    .map((part): Cell[] => [
      categoryTitles[part],
      ...scaled.flatMap(({ parts, whole }) => {
        const { self = 0, total = 0 } = parts.get(part) ?? {};
        return [self, whole === 0 ? 0 : self / whole, total];
      }),
    ]);
  const native = scaled.flatMap(({ native: own, whole }) => [
    own,
    own === null || whole === 0 ? null : own / whole,
    own,
  ]);
  const hasNative = scaled.some(({ native: own }) => own !== null);
  return table({
    caption,
    columns: [{ title: 'Part', unit: 'text' }, ...scaled.flatMap(({ name }) => costColumns(name, unit))],
    rows: [
      ...rows,
      ...(hasNative ? [['Threads without JavaScript', ...native]] : []),
      ['Whole', ...scaled.flatMap(({ whole }) => [whole, 1, whole])],
    ],
  });
}

function costColumns(name: string, unit: 'us' | 'bytes'): Column[] {
  const own = unit === 'us' ? ({ unit: 'us' } as const) : ({ unit: 'count' } as const);
  const suffix = unit === 'us' ? '' : ', bytes';
  return [
    { title: `${name} self${suffix}`, ...own },
    { title: 'share', unit: 'share' },
    { title: `${name} total${suffix}`, ...own },
  ];
}

interface ScaledColumn {
  readonly name: string;
  readonly parts: ReadonlyMap<Category, { readonly self: number; readonly total: number }>;
  readonly native: number | null;
  readonly whole: number;
}

function scaledColumn({ name, window, parts, native }: CostColumn, unit: 'us' | 'bytes'): ScaledColumn {
  const requests = window?.requests ?? 1;
  const round = (value: number): number => (unit === 'us' ? value : Math.round(value));
  const perRequest = new Map(
    parts.map(({ part, self, total }) => [part, { self: round(self / requests), total: round(total / requests) }]),
  );
  const sum = parts.reduce((all, { self }) => all + self, 0) + (native ?? 0);
  return { name, parts: perRequest, native: native === null ? null : native / requests, whole: round(sum / requests) };
}

/** Columns are threads, over all nodes. */
function threadPartsTable(run: ProfileRun, kind: 'cpu' | 'allocation'): Html | undefined {
  const measured = run[kind];
  if (measured === undefined || measured.requests === 0) return undefined;
  const names = [...new Set(measured.threads.map(threadLabel))];
  const unit = kind === 'cpu' ? ('us' as const) : ('count' as const);
  const sums = names.map((name) => {
    const parts = measured.threads.filter((thread) => threadLabel(thread) === name).flatMap((thread) => thread.parts);
    return new Map(parts.map(({ part, self }) => [part, self / measured.requests]));
  });
  const rows = workParts
    .filter((part) => sums.some((sum) => sum.has(part)))
    .map((part): Cell[] => [
      categoryTitles[part],
      ...sums.map((sum) => (unit === 'us' ? (sum.get(part) ?? 0) : Math.round(sum.get(part) ?? 0))),
    ]);
  const what = kind === 'cpu' ? 'microseconds of CPU' : 'bytes allocated on the heap';
  return table({
    caption: `${run.op.toUpperCase()} by thread: ${what} of one request, self`,
    columns: [{ title: 'Part', unit: 'text' }, ...names.map((title) => ({ title, unit }))],
    rows,
  });
}

function threadTimes({ op, cpu }: ProfileRun): Html | undefined {
  if (cpu === undefined) return undefined;
  const wholeUs = cpu.seconds * 1e6 || 1;
  return table({
    caption: `${op.toUpperCase()}: what the threads did, as shares of the time`,
    columns: [
      { title: 'Thread', unit: 'text' },
      { title: 'On a core', unit: 'share' },
      { title: 'Ready, no core', unit: 'share' },
      { title: 'Blocked in storage', unit: 'share' },
      { title: 'Idle', unit: 'share' },
      { title: 'Unattributed', unit: 'share' },
    ],
    rows: [
      ...cpu.threads.map((thread): Cell[] => [
        threadLabel(thread) + (thread.isWallTime ? ' (wall time)' : ''),
        thread.cpuUs / wholeUs,
        thread.runQueueUs / wholeUs,
        thread.blockedUs / wholeUs,
        thread.idleUs / wholeUs,
        thread.unattributedShare,
      ]),
      ...(cpu.native ?? []).map(({ node, cpuUs }): Cell[] => [`${node} native`, cpuUs / wholeUs, '–', '–', '–', '–']),
    ],
  });
}

function collectionsTable({ op, collections, promises }: ProfileRun): Html | undefined {
  if (collections === undefined || collections.requests === 0) return undefined;
  const { requests, threads } = collections;
  return table({
    caption: `${op.toUpperCase()}: bytes, promises and collections`,
    columns: [
      { title: 'Thread', unit: 'text' },
      { title: 'Heap, bytes a request', unit: 'count' },
      { title: 'Off the heap, bytes a request', unit: 'count' },
      { title: 'Promises a request', unit: 'count', digits: 2 },
      { title: 'Pauses', unit: 'text' },
    ],
    rows: threads.map((thread): Cell[] => {
      const made = promises?.threads.find((one) => threadLabel(one) === threadLabel(thread));
      const pauses = thread.pauses.map(
        ({ kind, count, totalUs, maxUs }) =>
          `${kind} ${count}, ${(totalUs / 1000).toFixed(1)} ms, longest ${(maxUs / 1000).toFixed(1)} ms`,
      );
      return [
        threadLabel(thread),
        Math.round(thread.heapBytes / requests),
        Math.round(thread.offHeapBytes / requests),
        made === undefined || promises === undefined ? null : made.promises / promises.requests,
        pauses.join('; ') || 'none',
      ];
    }),
  });
}

function threadLabel({ node, thread }: ThreadName): string {
  return `${node} ${thread}`;
}
